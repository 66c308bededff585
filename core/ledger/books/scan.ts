import { ledgerKeys } from "../contract/keys.ts";
import { RedisReplyError, type RedisPort, type RedisValue } from "../contract/redis-port.ts";

/** What the books consist of. */
export type BookType = "string" | "hash" | "list" | "set" | "zset";

/** Elements that one request looks at. */
const PAGE = 1000;

/** An array reply of strings. @throws RedisReplyError when it is none */
export function textList(reply: RedisValue): string[] {
  if (!Array.isArray(reply)) throw new RedisReplyError("an array reply was expected");
  return reply.map(String);
}

async function* pages(redis: RedisPort, command: (cursor: string) => [string, ...string[]]): AsyncGenerator<string[]> {
  let cursor = "0";
  do {
    const reply = await redis.command(command(cursor));
    if (!Array.isArray(reply)) throw new RedisReplyError("a cursor and a list were expected");
    cursor = String(reply[0]);
    yield textList(reply[1] ?? []);
  } while (cursor !== "0");
}

/** Every key of a coin, once, sorted. */
export async function bookKeys(redis: RedisPort, coin: string): Promise<string[]> {
  return await keysBehind(redis, ledgerKeys(coin).prefix);
}

/** Every key that begins with a prefix, once, sorted. */
export async function keysBehind(redis: RedisPort, prefix: string): Promise<string[]> {
  const keys = new Set<string>();
  const match = `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`;
  for await (const page of pages(redis, (cursor) => ["SCAN", cursor, "MATCH", match, "COUNT", String(PAGE)]))
    for (const key of page) keys.add(key);
  return [...keys].toSorted();
}

const SCANS = { hash: "HSCAN", set: "SSCAN", zset: "ZSCAN" } as const;

/**
 * Pages of a collection: `[field, value]` of a hash, `[member, score]` of a sorted set, `[member]` of a set, `[element]` of a list in its
 * order. Redis may return an element twice when the collection changes meanwhile.
 */
export async function* bookEntries(
  redis: RedisPort,
  key: string,
  type: Exclude<BookType, "string">,
): AsyncGenerator<string[][]> {
  if (type === "list") return yield* listEntries(redis, key);
  const width = type === "set" ? 1 : 2;
  for await (const page of pages(redis, (cursor) => [SCANS[type], key, cursor, "COUNT", String(PAGE)]))
    yield Array.from({ length: page.length / width }, (_, i) => page.slice(width * i, width * (i + 1)));
}

async function* listEntries(redis: RedisPort, key: string): AsyncGenerator<string[][]> {
  for (let from = 0; ; from += PAGE) {
    const page = textList(await redis.command(["LRANGE", key, String(from), String(from + PAGE - 1)]));
    if (page.length > 0) yield page.map((element) => [element]);
    if (page.length < PAGE) return;
  }
}

/** A whole hash or sorted set as a map; for what is known to be of bearable size. */
export async function bookMap(redis: RedisPort, key: string, type: "hash" | "zset"): Promise<Map<string, string>> {
  const map = new Map<string, string>();
  for await (const page of bookEntries(redis, key, type))
    for (const [name = "", value = ""] of page) map.set(name, value);
  return map;
}

export function isBookType(type: string): type is BookType {
  return type === "string" || type === "list" || type in SCANS;
}
