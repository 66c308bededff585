import { EXEC_UNCHANGED } from "../../../core/ledger/contract/scripts/embedded.ts";
import { evalScript } from "../../../core/ledger/write-path/run-script.ts";
import {
  RedisReplyError,
  RedisUnreachableError,
  type RedisCommand,
  type RedisValue,
  type TransactionPort,
} from "../../../core/ledger/contract/redis-port.ts";

/** What a key held at its WATCH. */
export interface Watched {
  readonly type: string;
  /** In the order of the script `exec-unchanged`. */
  readonly texts: readonly string[];
}

/** What is read at WATCH is sent again at EXEC. The immature credits of a round with 40,000 logins are less. */
const MAX_WATCHED_CHARACTERS = 4_000_000;
/** More words than Lua can hand to one call. */
const MAX_WORDS = 7_000;
/** A key that has another type at the second look each time is not to be watched. */
const ATTEMPTS = 5;

const READ: Readonly<Record<string, (key: string) => RedisCommand>> = {
  string: (key) => ["GET", key],
  hash: (key) => ["HGETALL", key],
  set: (key) => ["SMEMBERS", key],
  zset: (key) => ["ZRANGE", key, 0, -1, "WITHSCORES"],
};

/** Reads what a key holds now. @throws RedisReplyError @throws RedisUnreachableError */
export async function watch(ledger: TransactionPort, key: string): Promise<Watched> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const type = String(await ledger.command(["TYPE", key]));
    if (type === "none") return { type, texts: [] };
    const read = READ[type];
    if (!read) throw new RedisReplyError(`ERR a key of type ${type} cannot be watched here`);
    const [now, held] = await ledger.transaction([["TYPE", key], read(key)]);
    if (now !== type || held === undefined || held instanceof RedisReplyError) continue;
    const texts = textsOf(held);
    if (texts.reduce((sum, { length }) => sum + length, 0) > MAX_WATCHED_CHARACTERS)
      throw new RedisReplyError(`ERR '${key}' is too large to be watched here`);
    return { type, texts };
  }
  throw new RedisReplyError(`ERR '${key}' changes too fast to be watched`);
}

const textsOf = (held: RedisValue): string[] => (Array.isArray(held) ? held.map(String) : [String(held)]);

/**
 * Carries out commands as one step, unless a watched key holds something else by now. One that was changed and changed back counts as
 * unchanged.
 * @returns null when a key has changed
 * @throws RedisReplyError @throws RedisUnreachableError
 */
export async function execUnchanged(
  ledger: TransactionPort,
  watched: ReadonlyMap<string, Watched>,
  commands: readonly (readonly string[])[],
): Promise<(RedisValue | RedisReplyError)[] | null> {
  if (commands.some(({ length }) => length > MAX_WORDS))
    throw new RedisReplyError(`ERR a command of more than ${MAX_WORDS} words cannot follow a WATCH here`);
  const keys = [...new Set([...watched.keys(), ...commands.flatMap(keysOf)])];
  const args = [String(watched.size)];
  for (const { type, texts } of watched.values()) append(args, [type, String(texts.length), ...texts]);
  for (const command of commands) append(args, [String(command.length), ...command]);
  const reply = await evalScript(ledger, EXEC_UNCHANGED, keys, args);
  if (!Array.isArray(reply)) throw unexpected();
  const [done, ...pairs]: RedisValue[] = reply;
  if (done !== 1) return null;
  if (pairs.length !== 2 * commands.length) throw unexpected();
  return commands.map((_, i) => {
    const answer = pairs[2 * i + 1] ?? null;
    return pairs[2 * i] === "error" ? new RedisReplyError(String(answer)) : answer;
  });
}

/** Not by spreading into `push`: an argument list has its limit, a round's credits do not. */
function append(to: string[], texts: readonly string[]): void {
  for (const text of texts) to.push(text);
}

/** Every command that is served has its keys right behind its name: one, or for these more. */
function keysOf([name = "", ...args]: readonly string[]): readonly string[] {
  switch (name.toLowerCase()) {
    case "ping":
    case "scan":
      return [];
    case "del":
    case "exists":
    case "rename":
      return args;
    default:
      return args.slice(0, 1);
  }
}

function unexpected(): RedisUnreachableError {
  return new RedisUnreachableError("ledger: the answer is not that of the script", "unknown");
}
