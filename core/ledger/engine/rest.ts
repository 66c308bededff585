import { RedisReplyError } from "../contract/redis-port.ts";
import type { Access } from "./access.ts";
import { bytesOf } from "./values.ts";
import type { Reply } from "./command.ts";
import type { EmbeddedEngine } from "./engine.ts";

/** What goes back over HTTP. */
export interface RestAnswer {
  readonly status: number;
  /** JSON */
  readonly body: string;
}

/**
 * The Upstash REST protocol over an engine: `` runs one command, `pipeline` several in order, `multi-exec` several as one.
 *
 * Unlike Upstash, an integer beyond 2^53 stands in the body with all its digits; a client that parses it exactly gets it exactly.
 * @param path ``, `pipeline` or `multi-exec`
 * @param body the parsed JSON body
 * @param base64 strings of the replies are encoded, as `Upstash-Encoding: base64` asks for
 * @param access what the caller may do
 */
export function answerRest(
  engine: EmbeddedEngine,
  path: string,
  body: unknown,
  base64: boolean,
  access: Access = "all",
): RestAnswer {
  try {
    switch (path) {
      case "":
        return { status: 200, body: result(engine.execute(commandOf(body), access), base64) };
      case "pipeline":
        return { status: 200, body: list(commandsOf(body).map((command) => one(engine, command, base64, access))) };
      case "multi-exec":
        return { status: 200, body: list(engine.multi(commandsOf(body), access).map((reply) => item(reply, base64))) };
      default:
        return failure(404, `ERR no such endpoint: ${path}`);
    }
  } catch (error) {
    if (error instanceof RedisReplyError) return failure(400, error.message);
    throw error;
  }
}

function one(engine: EmbeddedEngine, command: readonly string[], base64: boolean, access: Access): string {
  try {
    return result(engine.execute(command, access), base64);
  } catch (error) {
    if (error instanceof RedisReplyError) return item(error, base64);
    throw error;
  }
}

function list(items: readonly string[]): string {
  return `[${items.join(",")}]`;
}

function item(reply: Reply | RedisReplyError, base64: boolean): string {
  return reply instanceof RedisReplyError ? JSON.stringify({ error: reply.message }) : result(reply, base64);
}

function failure(status: number, error: string): RestAnswer {
  return { status, body: JSON.stringify({ error }) };
}

function result(reply: Reply, base64: boolean): string {
  // Upstash leaves a lone OK as it is, and its client relies on that.
  return `{"result":${reply === "OK" ? '"OK"' : json(reply, base64)}}`;
}

function json(reply: Reply, base64: boolean): string {
  if (typeof reply === "bigint") return reply.toString();
  if (typeof reply === "string") return JSON.stringify(base64 ? encode(reply) : reply);
  if (reply === null || typeof reply === "number") return JSON.stringify(reply);
  return list(reply.map((element) => json(element, base64)));
}

function encode(text: string): string {
  let binary = "";
  for (const byte of bytesOf(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function commandsOf(body: unknown): string[][] {
  if (!Array.isArray(body))
    throw new RedisReplyError("ERR failed to parse pipeline request: an array of commands is expected");
  return body.map(commandOf);
}

function commandOf(body: unknown): string[] {
  if (!Array.isArray(body) || body.length === 0)
    throw new RedisReplyError("ERR failed to parse command: an array of a name and its arguments is expected");
  return body.map(argumentOf);
}

function argumentOf(value: unknown): string {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new RedisReplyError("ERR failed to parse command: arguments are strings, numbers or booleans");
}
