import { createClient, ErrorReply, RESP_TYPES } from "@redis/client";

/** A reply exactly as Redis sent it: integers as decimal digits (a number would round those beyond 2^53), strings as bytes. */
export type RawReply = { readonly integer: string } | Buffer | null | ErrorReply | readonly RawReply[];

/** Redis could not be asked, or the answer got lost. */
export class RedisGoneError extends Error {
  override readonly name = "RedisGoneError";
}

/** One connection to a real Redis in RESP2, whose replies are not converted. */
export interface RedisConnection {
  /** Sends commands one after the other without waiting. @returns a reply or an error for each. @throws RedisGoneError */
  pipeline(commands: readonly (readonly string[])[]): Promise<RawReply[]>;
  /** The same within MULTI and EXEC. @returns an error when Redis discarded the whole. @throws RedisGoneError */
  transaction(commands: readonly (readonly string[])[]): Promise<RawReply>;
  close(): void;
}

/** Connects to a Redis server. @throws Error when it is not there */
export async function connectRedis(address: { socketPath: string } | { url: string }): Promise<RedisConnection> {
  let connected = false;
  // A server that was there comes back; one that never was is a mistake to be told at once.
  const reconnectStrategy = (_retries: number, cause: Error): number | Error => (connected ? 100 : cause);
  const client = createClient({
    ...("url" in address
      ? { url: address.url, socket: { reconnectStrategy } }
      : { socket: { path: address.socketPath, tls: false, reconnectStrategy } }),
    RESP: 2,
    // What cannot be sent now is refused, not kept and sent later behind the caller's back.
    disableOfflineQueue: true,
  });
  // Each command tells of a lost connection itself; the client connects again on its own.
  client.on("error", () => undefined);
  await client.connect();
  connected = true;
  const exact = client.withTypeMapping({
    [RESP_TYPES.NUMBER]: String,
    [RESP_TYPES.BLOB_STRING]: Buffer,
    [RESP_TYPES.SIMPLE_STRING]: Buffer,
  });
  const send = async (command: readonly string[]): Promise<RawReply> => {
    try {
      return rawReply(await exact.sendCommand([...command]));
    } catch (error) {
      if (error instanceof ErrorReply) return error;
      throw new RedisGoneError(error instanceof Error ? error.message : String(error));
    }
  };
  const pipeline = (commands: readonly (readonly string[])[]): Promise<RawReply[]> => Promise.all(commands.map(send));
  return {
    pipeline,
    // The library's own multi() ignores the type mapping and rounds integers. Commands queued in one tick follow each
    // other on the connection, so no other caller's command can come in between.
    transaction: async (commands) => (await pipeline([["MULTI"], ...commands, ["EXEC"]])).at(-1) ?? null,
    close: () => client.destroy(),
  };
}

function rawReply(reply: unknown): RawReply {
  if (typeof reply === "string") return { integer: reply };
  if (reply === null || Buffer.isBuffer(reply) || reply instanceof ErrorReply) return reply;
  if (Array.isArray(reply)) return reply.map(rawReply);
  throw new TypeError(`a reply that RESP2 does not have: ${typeof reply}`);
}
