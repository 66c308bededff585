import { RedisReplyError, type RedisValue } from "../../../core/ledger/contract/redis-port.ts";
import { error, integer, status, value } from "./resp.ts";

/** Beyond 2^53 a port gives an integer as text; the command tells that it is one. */
const INTEGERS: ReadonlySet<string> = new Set(
  `del exists expire hdel hincrby hlen hset hsetnx pexpireat pexpiretime sadd setnx srem ttl zadd zcard zcount zrem
  zremrangebyscore`.split(/\s+/),
);
/** Commands that answer with a status line. */
const STATUS: ReadonlySet<string> = new Set(["set", "rename", "ping", "type"]);

/**
 * A reply as Redis would write it.
 * @param command what is answered, name and arguments
 */
export function replyTo(command: readonly string[], reply: RedisValue | RedisReplyError): string {
  if (reply instanceof RedisReplyError) return error(reply.message);
  const name = (command[0] ?? "").toLowerCase();
  if (typeof reply !== "string") return value(reply);
  if (INTEGERS.has(name) && /^-?\d+$/.test(reply)) return integer(reply);
  // PING with a message gives it back as a string.
  return STATUS.has(name) && !(name === "ping" && command.length > 1) ? status(reply) : value(reply);
}

/** How many cursors are remembered; a scan of a large pool has one a hundred logins. */
const REMEMBERED = 100_000;

/**
 * Cursors of 64 bits for a ledger whose own are longer: the embedded one names the last element seen, so that a scan needs no memory
 * and misses nothing. Shared by all connections: a client's pool may ask on another one for the next page.
 */
export class Cursors {
  readonly #known = new Map<string, string>();
  #last = 0;

  /** @returns a number for it; `0` stays what it is */
  given(cursor: string): string {
    if (cursor === "0") return cursor;
    const number = String(++this.#last);
    this.#known.set(number, cursor);
    if (this.#known.size > REMEMBERED) this.#known.delete(String(this.#last - REMEMBERED));
    return number;
  }

  /** The same command with the ledger's own cursor. @throws RedisReplyError for one that was not given, or too long ago */
  taken(command: readonly string[]): readonly string[] {
    const at = cursorAt(command);
    const number = at === null ? undefined : command[at];
    if (at === null || number === undefined || /^0+$/.test(number)) return command;
    const cursor = this.#known.get(number);
    if (cursor === undefined) throw new RedisReplyError("ERR invalid cursor");
    return command.with(at, cursor);
  }

  /** The reply with a cursor of 64 bits. */
  answered(command: readonly string[], reply: RedisValue | RedisReplyError): RedisValue | RedisReplyError {
    if (cursorAt(command) === null || !Array.isArray(reply)) return reply;
    const [cursor, ...elements]: RedisValue[] = reply;
    return [this.given(String(cursor)), ...elements];
  }
}

function cursorAt([name = ""]: readonly string[]): number | null {
  const lower = name.toLowerCase();
  if (lower === "scan") return 1;
  return lower === "hscan" || lower === "sscan" || lower === "zscan" ? 2 : null;
}
