/** Records and readings that the tests of the ledger share. Platform-free: they also run inside workerd. */
import { bookKeys } from "../../core/ledger/books/scan.ts";
import type { BlockRecord, LedgerWriter, ShareRecord } from "../../core/ledger/contract/records.ts";
import { RedisReplyError, type RedisPort, type RedisValue } from "../../core/ledger/contract/redis-port.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";

/** Where the tests' time begins, Unix time in ms. */
export const START_MS = 1_795_334_381_000;

export const HOUR_MS = 3_600_000;

/** A writer that remembers nothing yet; entries of the hashrate live for three hours. */
export const writerOf = (redis: RedisPort, nowMs: () => number): LedgerWriter =>
  createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 3 * HOUR_MS, nowMs });

/** @param index gives another login for another number */
export function loginOf(index: number): string {
  return `0x${index.toString(16).padStart(40, "0")}`;
}

/** A share's member of `eth:pow`. */
export const powOf = (share: ShareRecord): string => `${share.nonce}:${share.header}:${share.mixDigest}`;

/** Makes records of which no two are the same submission, and no two blocks have one header. */
export function recordMaker() {
  let serial = 0;
  const share = (over: Partial<ShareRecord> = {}): ShareRecord => {
    serial += 1;
    return {
      login: loginOf(1),
      worker: "1234",
      nonce: `0x${serial.toString(16).padStart(16, "0")}`,
      header: `0x${"01".repeat(32)}`,
      mixDigest: `0x${"02".repeat(32)}`,
      height: 100,
      shareDifficulty: 2_000_000_000n,
      timestampMs: START_MS + serial,
      ...over,
    };
  };
  const block = (over: Partial<BlockRecord> = {}): BlockRecord => ({
    ...share({ header: `0x${(serial + 1).toString(16).padStart(64, "0")}`, ...over }),
    networkDifficulty: 10n ** 19n,
    ...over,
  });
  return { share, block };
}

/** A key's type, contents in a fixed order, and whether it expires. */
export type BookState = Record<string, { type: string; contents: RedisValue; expires: boolean }>;

const READ: Readonly<Record<string, (key: string) => readonly [string, ...string[]]>> = {
  string: (key) => ["GET", key],
  hash: (key) => ["HGETALL", key],
  set: (key) => ["SMEMBERS", key],
  list: (key) => ["LRANGE", key, "0", "-1"],
  zset: (key) => ["ZRANGE", key, "0", "-1", "WITHSCORES"],
};

/** Everything that is in the books. */
export async function readBooks(redis: RedisPort): Promise<BookState> {
  const state: BookState = {};
  for (const key of await bookKeys(redis, "eth")) {
    const type = String(await redis.command(["TYPE", key]));
    const contents = await redis.command(READ[type]?.(key) ?? ["TYPE", key]);
    const ttl = Number(await redis.command(["TTL", key]));
    state[key] = {
      type,
      contents: type === "zset" || type === "string" || type === "list" ? contents : sorted(type, contents),
      expires: ttl > 0,
    };
  }
  return state;
}

function sorted(type: string, contents: RedisValue): RedisValue {
  const list = texts(contents);
  if (type === "set") return list.toSorted();
  const rows = Array.from({ length: list.length / 2 }, (_, i) => list.slice(2 * i, 2 * i + 2));
  return rows.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)).flat();
}

/** An array reply of strings. */
function texts(reply: RedisValue): string[] {
  if (!Array.isArray(reply)) throw new RedisReplyError("an array was expected");
  return reply.map(String);
}
