import type { RedisPort } from "../contract/redis-port.ts";
import { bookEntries, bookKeys, isBookType, type BookType } from "./scan.ts";

/**
 * A dump is text, a JSON object a line: a header, then for every key one or more lines with entries, then a line that ends it. So it can
 * be read and searched with ordinary tools, and one that was cut off is known by its missing end.
 */
const DUMP_VERSION = 1;

/** Entries of a key; a large one takes several lines. */
export interface DumpEntries {
  readonly key: string;
  readonly type: BookType;
  /** Unix time in ms; null keeps the key. On the first line of a key only. */
  readonly expiresMs?: number | null;
  /** `[field, value]`, `[member, score]`, `[member]`, `[element]` of a list in its order; for a string one entry with the value. */
  readonly entries: readonly (readonly string[])[];
}

/** A dump that cannot be used: the text says which line and why. */
export class DumpError extends Error {
  override readonly name = "DumpError";
}

/** Lines of a dump of every key of a coin, without line ends. What changes meanwhile may be in it or not: stop the pool for a snapshot. */
export async function* exportBooks(redis: RedisPort, coin: string): AsyncGenerator<string> {
  yield JSON.stringify({ dump: "edgepool-ledger", version: DUMP_VERSION, coin });
  let keys = 0;
  for (const key of await bookKeys(redis, coin)) {
    let first = true;
    for await (const line of exportKey(redis, key)) {
      yield JSON.stringify(line);
      if (first) keys += 1;
      first = false;
    }
  }
  yield JSON.stringify({ end: true, keys });
}

async function* exportKey(redis: RedisPort, key: string): AsyncGenerator<DumpEntries> {
  const type = String(await redis.command(["TYPE", key]));
  // Expired or deleted since its name was read.
  if (type === "none") return;
  if (!isBookType(type)) throw new DumpError(`${key}: a ${type} is not part of the books`);
  const expires = Number(await redis.command(["PEXPIRETIME", key]));
  const expiresMs = expires < 0 ? null : expires;
  if (type === "string") {
    yield { key, type, expiresMs, entries: [[String(await redis.command(["GET", key]))]] };
    return;
  }
  let head: { expiresMs?: number | null } = { expiresMs };
  for await (const entries of bookEntries(redis, key, type)) {
    if (entries.length === 0) continue;
    // A hash table has its members in any order.
    const ordered = type === "list" ? entries : entries.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1));
    yield { key, type, ...head, entries: ordered };
    head = {};
  }
}

/** A dump read and checked as a whole. */
export interface Dump {
  readonly coin: string;
  readonly lines: readonly DumpEntries[];
}

/** Reads a dump to its end before anything is done with it. @throws DumpError */
export async function readDump(source: AsyncIterable<string>): Promise<Dump> {
  const lines: DumpEntries[] = [];
  let coin: string | null = null;
  let ended = false;
  let number = 0;
  for await (const text of source) {
    number += 1;
    if (text === "") continue;
    const value = parseLine(text, number);
    if (ended) throw new DumpError(`line ${number}: there is more after the end of the dump`);
    if (coin === null) coin = headerCoin(value, number);
    else if (value["end"] === true) ended = checkEnd(value, lines, number);
    else lines.push(entriesOf(value, number));
  }
  if (coin === null) throw new DumpError("the dump is empty");
  if (!ended) throw new DumpError(`the dump is cut off after line ${number}`);
  return { coin, lines };
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseLine(text: string, number: number): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DumpError(`line ${number} is no JSON`);
  }
  if (!isObject(value)) throw new DumpError(`line ${number} is no JSON object`);
  return value;
}

function headerCoin(value: JsonObject, number: number): string {
  if (value["dump"] !== "edgepool-ledger" || typeof value["coin"] !== "string")
    throw new DumpError(`line ${number}: this is no dump of a ledger`);
  if (value["version"] !== DUMP_VERSION)
    throw new DumpError(
      `line ${number}: version ${String(value["version"])} of the format; this program knows ${DUMP_VERSION}`,
    );
  return value["coin"];
}

function checkEnd(value: JsonObject, lines: readonly DumpEntries[], number: number): true {
  const keys = new Set(lines.map((line) => line.key)).size;
  if (value["keys"] !== keys)
    throw new DumpError(`line ${number}: ${String(value["keys"])} keys were exported, ${keys} are in the dump`);
  return true;
}

const WIDTHS: Readonly<Record<BookType, number>> = { string: 1, list: 1, set: 1, hash: 2, zset: 2 };

function entriesOf(value: JsonObject, number: number): DumpEntries {
  const { key, type, expiresMs, entries } = value;
  if (typeof key !== "string" || typeof type !== "string" || !isBookType(type))
    throw new DumpError(`line ${number}: no key, or a type that is not known`);
  if (!(expiresMs === undefined || expiresMs === null || Number.isSafeInteger(expiresMs)))
    throw new DumpError(`line ${number}: expiresMs is no time`);
  if (!Array.isArray(entries) || entries.length === 0 || !entries.every((entry) => isEntry(entry, WIDTHS[type])))
    throw new DumpError(`line ${number}: the entries are not those of a ${type}`);
  return { key, type, entries, ...(typeof expiresMs === "number" ? { expiresMs } : {}) };
}

function isEntry(entry: unknown, width: number): entry is string[] {
  return Array.isArray(entry) && entry.length === width && entry.every((part) => typeof part === "string");
}
