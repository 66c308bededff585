import type { RedisCommand, RedisPort } from "../contract/redis-port.ts";
import { DumpError, exportBooks, readDump, type Dump, type DumpEntries } from "./dump.ts";
import { bookKeys } from "./scan.ts";

/** Entries of one write, and keys of one DEL: far below the 10 MB that a request to Upstash may have. */
const CHUNK = 500;

export interface ImportOptions {
  /** Delete what the target holds of the coin; without it a target that holds anything is refused. */
  readonly replace: boolean;
}

/**
 * Writes a dump into a ledger and reads it back. Safe to run again: every write says what there should be in the end.
 * @returns how many keys were written @throws DumpError when the target is not empty, or differs from the dump afterwards
 */
export async function importBooks(redis: RedisPort, dump: Dump, { replace }: ImportOptions): Promise<number> {
  const present = await bookKeys(redis, dump.coin);
  if (present.length > 0 && !replace)
    throw new DumpError(`the target holds ${present.length} keys of ${dump.coin} already; nothing was written`);
  for (const keys of chunks(present)) await redis.command(["DEL", ...keys]);
  for (const line of dump.lines) {
    for (const entries of chunks(line.entries)) await redis.command(writeOf(line, entries));
  }
  // Last, so that a key cannot expire between two of its lines.
  for (const { key, expiresMs } of dump.lines)
    if (typeof expiresMs === "number") await redis.command(["PEXPIREAT", key, String(expiresMs)]);
  const written = await readDump(exportBooks(redis, dump.coin));
  const difference = firstDifference(contentsOf(dump), contentsOf(written));
  if (difference !== null) throw new DumpError(`the target differs from the dump at ${difference}`);
  return new Set(dump.lines.map((line) => line.key)).size;
}

function writeOf({ key, type }: DumpEntries, entries: readonly (readonly string[])[]): RedisCommand {
  switch (type) {
    case "string":
      return ["SET", key, entries[0]?.[0] ?? ""];
    case "hash":
      return ["HSET", key, ...entries.flat()];
    case "list":
      return ["RPUSH", key, ...entries.flat()];
    case "set":
      return ["SADD", key, ...entries.flat()];
    case "zset":
      return ["ZADD", key, ...entries.flatMap(([member = "", score = ""]) => [score, member])];
  }
}

function* chunks<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < list.length; i += CHUNK) yield list.slice(i, i + CHUNK);
}

type Contents = Map<string, Map<string, string>>;

/** What a dump says, whatever the order and the number of its lines. Keys that expire are left out: they may be gone by now. */
function contentsOf(dump: Dump): Contents {
  const expiring = new Set(dump.lines.flatMap((line) => (typeof line.expiresMs === "number" ? [line.key] : [])));
  const contents: Contents = new Map();
  for (const { key, type, entries } of dump.lines) {
    if (expiring.has(key)) continue;
    const values = contents.get(key) ?? new Map<string, string>();
    contents.set(key, values);
    for (const [name = "", value = ""] of entries)
      if (type === "list") values.set(`list ${values.size}`, name);
      else values.set(`${type} ${name}`, type === "zset" ? scoreOf(value) : value);
  }
  return contents;
}

/** Redis versions print the same double in different ways. */
function scoreOf(text: string): string {
  const score = Number(text);
  return Number.isNaN(score) ? text.replace(/^\+/, "") : String(score);
}

/** @returns the key at which two ledgers part, or null */
function firstDifference(a: Contents, b: Contents): string | null {
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    const [left, right] = [a.get(key), b.get(key)];
    if (!left || !right || left.size !== right.size) return key;
    for (const [name, value] of left) if (right.get(name) !== value) return key;
  }
  return null;
}
