import type { RawReply } from "./redis-connection.ts";

type WriteReply = (value: RawReply) => string;

/** JSON by hand, because integers go out digit by digit. With base64 every string is encoded except `OK`. */
export function replyWriter(base64: boolean): WriteReply {
  const write = (value: RawReply): string => {
    if (value === null) return "null";
    if (Buffer.isBuffer(value)) {
      const text = value.toString("utf8");
      return JSON.stringify(base64 && text !== "OK" ? value.toString("base64") : text);
    }
    if (isList(value)) return `[${value.map(write).join(",")}]`;
    return value instanceof Error ? JSON.stringify(value.message) : value.integer;
  };
  return write;
}

export const errorBody = (message: string): string => JSON.stringify({ error: message });

/** `{"result":…}`, or `{"error":…}`. */
export const outcomeBody = (result: RawReply, write: WriteReply): string =>
  result instanceof Error ? errorBody(result.message) : `{"result":${write(result)}}`;

/** Of a pipeline or a transaction. */
export const listBody = (results: readonly RawReply[], write: WriteReply): string =>
  `[${results.map((result) => outcomeBody(result, write)).join(",")}]`;

/** A reply with several of them. */
export const isList = (value: RawReply): value is readonly RawReply[] => Array.isArray(value);
