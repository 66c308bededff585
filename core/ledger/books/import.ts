import type { RedisCommand, RedisPort } from "../contract/redis-port.ts";
import { ledgerKeys } from "../contract/keys.ts";
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
  return await writeBooks(redis, dump);
}

/** A file of which a ledger's books are made again. */
export interface BackupFile {
  readonly name: string;
  /** Of the file as it is, hex. */
  readonly sha256: string;
}

/**
 * Writes a backup into a ledger that has nothing of its coin, or only what an earlier run with the same file has written: one that was cut
 * goes on. The ledger says meanwhile which file it is made of, and the audit that it is not whole.
 * @returns how many keys were written @throws DumpError when the target has anything else, or differs from the dump afterwards
 */
export async function restoreBooks(redis: RedisPort, dump: Dump, file: BackupFile): Promise<number> {
  const { restoring } = ledgerKeys(dump.coin);
  const mark = `${file.sha256} ${file.name}`;
  const begun = await redis.command(["GET", restoring]);
  if (begun === null) {
    const present = await bookKeys(redis, dump.coin);
    if (present.length > 0)
      throw new DumpError(`the target holds ${present.length} keys of ${dump.coin} already; nothing was written`);
    await redis.command(["SET", restoring, mark]);
  } else {
    if (!String(begun).startsWith(`${file.sha256} `))
      throw new DumpError(
        `the target has a restore that was begun with another file (SHA-256 and name: ${String(begun)}); nothing was written. Restore that one again, or empty the target`,
      );
    const foreign = firstForeign(contentsOf(await readDump(exportBooks(redis, dump.coin))), dump, restoring);
    if (foreign !== null)
      throw new DumpError(
        `${foreign} of the target is not what the backup has: somebody else writes there; nothing was written`,
      );
    // Of a list nobody can tell how far it came: it is written anew.
    const lists = new Set(dump.lines.filter(({ type }) => type === "list").map(({ key }) => key));
    for (const keys of chunks([...lists])) await redis.command(["DEL", ...keys]);
  }
  const keys = await writeBooks(redis, dump, restoring);
  await redis.command(["DEL", restoring]);
  return keys;
}

/** @param apart a key that is no part of the dump @returns how many keys there are now @throws DumpError */
async function writeBooks(redis: RedisPort, dump: Dump, apart?: string): Promise<number> {
  for (const line of dump.lines) {
    for (const entries of chunks(line.entries)) await redis.command(writeOf(line, entries));
  }
  // Last, so that a key cannot expire between two of its lines.
  for (const { key, expiresMs } of dump.lines)
    if (typeof expiresMs === "number") await redis.command(["PEXPIREAT", key, String(expiresMs)]);
  const written = contentsOf(await readDump(exportBooks(redis, dump.coin)));
  if (apart !== undefined) written.delete(apart);
  const difference = firstDifference(contentsOf(dump), written);
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

/** @returns a key of a ledger that has something that a dump does not have; null where there is none */
function firstForeign(present: Contents, dump: Dump, apart: string): string | null {
  const wanted = contentsOf(dump);
  const named = new Set(dump.lines.map(({ key }) => key));
  for (const [key, values] of present) {
    if (key === apart) continue;
    if (!named.has(key)) return key;
    // What expires is in no comparison.
    const all = wanted.get(key);
    for (const [name, value] of all === undefined ? [] : values) if (all?.get(name) !== value) return key;
  }
  return null;
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
