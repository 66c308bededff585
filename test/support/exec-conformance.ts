/** What every ledger must do with the script `exec-unchanged` and with several commands as one step. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RedisReplyError, type RedisCommand, type TransactionPort } from "../../core/ledger/contract/redis-port.ts";
import { execUnchanged, watch, type Watched } from "../../scripts/ledger/serve/watched-keys.ts";

/** A ledger that the suite may empty. */
export interface TransactionLedger {
  readonly redis: TransactionPort;
  close(): Promise<void>;
}

const KEYS: readonly RedisCommand[] = [
  ["SET", "text", "one"],
  ["HSET", "hash", "a", "1", "b", "2", "c", "3"],
  ["SADD", "set", "a", "b", "c"],
  ["ZADD", "zset", "1.5", "a", "2", "b"],
];
/** What changes each of them, and none of their other contents. */
const CHANGES: readonly (readonly [key: string, change: RedisCommand])[] = [
  ["text", ["SET", "text", "two"]],
  ["text", ["DEL", "text"]],
  ["hash", ["HINCRBY", "hash", "b", "1"]],
  ["hash", ["HDEL", "hash", "c"]],
  ["hash", ["HSET", "hash", "d", "4"]],
  ["set", ["SADD", "set", "d"]],
  ["set", ["SREM", "set", "a"]],
  ["zset", ["ZINCRBY", "zset", "1", "a"]],
  ["zset", ["ZREM", "zset", "b"]],
  ["missing", ["SET", "missing", "there"]],
];

export function execConformance(name: string, open: () => Promise<TransactionLedger>): void {
  describe(`${name}: several commands as one step`, () => {
    let ledger: TransactionLedger;
    let redis: TransactionPort;

    beforeAll(async () => {
      ledger = await open();
      redis = ledger.redis;
    });
    afterAll(() => ledger.close());
    beforeEach(async () => {
      await redis.command(["FLUSHALL"]);
      await redis.pipeline(KEYS);
    });

    const watched = async (...keys: string[]): Promise<Map<string, Watched>> => {
      const held = new Map<string, Watched>();
      for (const key of keys) held.set(key, await watch(redis, key));
      return held;
    };

    test("commands follow while no watched key has changed, and their replies are those of Redis", async () => {
      const held = await watched("text", "hash", "set", "zset", "missing");
      const replies = await execUnchanged(redis, held, [
        ["SET", "text", "two"],
        ["HINCRBY", "hash", "a", "41"],
        ["HGET", "hash", "none"],
        ["ZRANGE", "zset", "0", "-1", "WITHSCORES"],
        ["HINCRBY", "text", "a", "1"],
        ["DEL", "set"],
      ]);
      expect(replies).toEqual([
        "OK",
        "42",
        null,
        ["a", "1.5", "b", "2"],
        expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE /) }),
        "1",
      ]);
      expect(replies?.[4]).toBeInstanceOf(RedisReplyError);
      // What stood behind the one that failed was done.
      expect(await redis.command(["EXISTS", "set"])).toBe(0);
    });

    test.each(CHANGES)("nothing is done when %s was changed by %j", async (key, change) => {
      const held = await watched(key);
      await redis.command(change);
      expect(await execUnchanged(redis, held, [["SET", "done", "1"]])).toBeNull();
      expect(await redis.command(["EXISTS", "done"])).toBe(0);
    });

    test("what was changed and changed back counts as unchanged, and so does another key's change", async () => {
      const held = await watched("hash");
      await redis.command(["HINCRBY", "hash", "a", "1"]);
      await redis.command(["HINCRBY", "hash", "a", "-1"]);
      await redis.command(["SET", "text", "other"]);
      expect(await execUnchanged(redis, held, [["DEL", "hash"]])).toEqual(["1"]);
    });

    test("a sum beyond 2^53 comes with all its digits", async () => {
      await redis.command(["HSET", "hash", "a", "9007199254740993"]);
      expect(await execUnchanged(redis, await watched("hash"), [["HINCRBY", "hash", "a", "2"]])).toEqual([
        "9007199254740995",
      ]);
    });

    test("the credits of a round of 20,000 logins are watched and paid out in one step", async () => {
      const logins = Array.from({ length: 20_000 }, (_, i) => `0x${String(i).padStart(40, "0")}`);
      const fields = logins.flatMap((login) => [login, "1000000"]);
      for (let at = 0; at < fields.length; at += 4_000)
        await redis.command(["HSET", "credits", ...fields.slice(at, at + 4_000)]);
      const held = await watched("credits");
      const commands = logins.map((login) => ["HINCRBY", `miners:${login}`, "balance", "1000000"]);
      const replies = await execUnchanged(redis, held, [...commands, ["DEL", "credits"]]);
      expect(replies).toHaveLength(20_001);
      expect(new Set(replies)).toEqual(new Set(["1000000", "1"]));
    }, 60_000);

    test("a transaction without WATCH gives each reply, and runs nothing when a command is none", async () => {
      expect(
        await redis.transaction([
          ["GET", "text"],
          ["HINCRBY", "text", "a", "1"],
          ["ZCARD", "zset"],
        ]),
      ).toEqual(["one", expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE /) }), 2]);
      await expect(redis.transaction([["SET", "done", "1"], ["NOSUCH"]])).rejects.toThrow(/EXECABORT|unknown command/);
      expect(await redis.command(["EXISTS", "done"])).toBe(0);
    });
  });
}
