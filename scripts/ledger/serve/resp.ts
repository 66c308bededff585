/** RESP2, the protocol of Redis, from the server's side: commands in, replies out. */
import type { RedisValue } from "../../../core/ledger/contract/redis-port.ts";

/** Of one command with all its arguments, as Upstash limits a request. */
const MAX_COMMAND_BYTES = 10 * 1024 * 1024;
const MAX_ARGUMENTS = 100_000;
const LINE_END = Buffer.from("\r\n");

/** What was sent is no RESP: the connection cannot be read any further. */
export class RespProtocolError extends Error {
  override readonly name = "RespProtocolError";
}

/**
 * Cuts what a client sends into commands, in whatever pieces it comes. Only arrays of bulk strings are taken, as every client library
 * sends them: a line of text is also what a browser makes of a request to this port.
 */
export class RespReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the commands that are whole now, each a name and its arguments @throws RespProtocolError */
  push(chunk: Buffer): string[][] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const commands: string[][] = [];
    let at = 0;
    for (;;) {
      const read = readCommand(bytes, at);
      if (read === null) break;
      if (read.words.length > 0) commands.push(read.words);
      at = read.end;
    }
    this.#rest = bytes.subarray(at);
    if (this.#rest.length > MAX_COMMAND_BYTES) throw new RespProtocolError("Protocol error: too big a command");
    return commands;
  }
}

function readCommand(bytes: Buffer, start: number): { words: string[]; end: number } | null {
  const head = readLength(bytes, start, "*", MAX_ARGUMENTS);
  if (head === null) return null;
  const words: string[] = [];
  let at = head.end;
  for (let i = 0; i < head.length; i++) {
    const word = readLength(bytes, at, "$", MAX_COMMAND_BYTES);
    if (word === null || word.end + word.length + LINE_END.length > bytes.length) return null;
    words.push(bytes.toString("utf8", word.end, word.end + word.length));
    at = word.end + word.length + LINE_END.length;
  }
  return { words, end: at };
}

/** A line of a mark and a number. @returns null while it is not whole */
function readLength(bytes: Buffer, at: number, mark: "*" | "$", max: number): { length: number; end: number } | null {
  if (at >= bytes.length) return null;
  if (bytes[at] !== mark.charCodeAt(0))
    throw new RespProtocolError(`Protocol error: expected '${mark}', got '${printable(bytes[at] ?? 0)}'`);
  const end = bytes.indexOf(LINE_END, at);
  if (end === -1) {
    if (bytes.length - at > 32) throw new RespProtocolError("Protocol error: invalid length");
    return null;
  }
  const digits = bytes.toString("latin1", at + 1, end);
  if (!/^\d{1,9}$/.test(digits) || Number(digits) > max) throw new RespProtocolError("Protocol error: invalid length");
  return { length: Number(digits), end: end + LINE_END.length };
}

const printable = (byte: number): string => (byte > 32 && byte < 127 ? String.fromCharCode(byte) : "?");

/** `+OK` and the like. */
export const status = (text: string): string => `+${text}\r\n`;

/** @param text Redis' own, which begins with its code */
export const error = (text: string): string => `-${text.replaceAll(/[\r\n]+/g, " ")}\r\n`;

/** @param digits in decimal, 64 bits */
export const integer = (digits: string | number): string => `:${digits}\r\n`;

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

/** `*-1`, what EXEC says when a watched key has changed. */
export const NIL_ARRAY = "*-1\r\n";

/** @param replies as they go out */
export const array = (replies: readonly string[]): string => `*${replies.length}\r\n${replies.join("")}`;

/** Strings, lists and nil; a number as an integer. */
export function value(reply: RedisValue): string {
  if (reply === null) return "$-1\r\n";
  if (typeof reply === "string") return bulk(reply);
  return typeof reply === "number" ? integer(reply) : array(reply.map(value));
}
