import { describe, expect, it } from "vitest";
import {
  type RedisCommand,
  type RedisPort,
  RedisReplyError,
  RedisUnreachableError,
  type RedisValue,
} from "../../../core/ledger/contract/redis-port.ts";
import { AccessListCache } from "../../../core/policy/access-lists.ts";

/** Answers SMEMBERS from sets, or fails as told. */
class ScriptedRedis implements RedisPort {
  readonly sets = new Map<string, string[]>();
  failure: Error | null = null;
  requests = 0;

  async command(command: RedisCommand): Promise<RedisValue> {
    const [reply] = await this.pipeline([command]);
    if (reply === undefined || reply instanceof RedisReplyError) throw new Error("no reply");
    return reply;
  }

  async pipeline(commands: readonly RedisCommand[]): Promise<(RedisValue | RedisReplyError)[]> {
    this.requests++;
    if (this.failure instanceof RedisReplyError) return commands.map(() => this.failure as RedisReplyError);
    if (this.failure) throw this.failure;
    return commands.map(([name, key]) => (name === "SMEMBERS" ? (this.sets.get(String(key)) ?? []) : null));
  }
}

function setUp() {
  const redis = new ScriptedRedis();
  redis.sets.set("eth:blacklist", ["0xAA"]);
  redis.sets.set("eth:whitelist", ["10.0.0.1"]);
  const lists = new AccessListCache();
  return {
    redis,
    lists,
    refresh: (nowMs: number) =>
      lists.refresh(() => redis, { coin: "eth", refreshIntervalMs: 1_000, solo: false }, nowMs),
  };
}

describe("blacklist and whitelist", () => {
  it("are read from the coin's keys in one request, without regard to case", async () => {
    const { redis, lists, refresh } = setUp();
    expect(await refresh(5_000)).toBeNull();
    expect([lists.isBlacklisted("0xaa"), lists.isBlacklisted("0xbb"), lists.isWhitelisted("10.0.0.1")]).toEqual([
      true,
      false,
      true,
    ]);
    expect(redis.requests).toBe(1);
  });

  it("are read again only after the refresh interval", async () => {
    const { redis, lists, refresh } = setUp();
    await refresh(5_000);
    redis.sets.set("eth:blacklist", ["0xbb"]);
    await refresh(5_999);
    expect(lists.isBlacklisted("0xbb")).toBe(false);
    await refresh(6_000);
    expect(lists.isBlacklisted("0xbb")).toBe(true);
    expect(redis.requests).toBe(2);
  });

  it("are read once for callers at the same time, who go on with the lists of before", async () => {
    const { redis, lists, refresh } = setUp();
    await refresh(1);
    redis.sets.set("eth:blacklist", []);
    const both = [refresh(2_000), refresh(2_000)];
    expect(lists.isBlacklisted("0xaa")).toBe(true);
    await Promise.all(both);
    expect(redis.requests).toBe(2);
    expect(lists.isBlacklisted("0xaa")).toBe(false);
  });

  it("are asked for by everyone until they have been read once", async () => {
    const { redis, lists, refresh } = setUp();
    redis.failure = new RedisUnreachableError("refused", "no");
    expect([await refresh(1), lists.loaded]).toEqual([redis.failure, false]);
    redis.failure = null;
    expect([await refresh(1), lists.loaded, redis.requests]).toEqual([null, true, 2]);
  });

  for (const failure of [new RedisUnreachableError("refused", "no"), new RedisReplyError("WRONGTYPE …")]) {
    // Defect 14.
    it(`stay as they were on ${failure.name}: the reference fails open`, async () => {
      const { redis, lists, refresh } = setUp();
      await refresh(5_000);
      redis.failure = failure;
      expect((await refresh(6_000))?.message).toBe(failure.message);
      expect([lists.isBlacklisted("0xaa"), lists.isWhitelisted("10.0.0.1")]).toEqual([true, true]);
      redis.failure = null;
      redis.sets.set("eth:blacklist", []);
      expect(await refresh(7_000)).toBeNull();
      expect(lists.isBlacklisted("0xaa")).toBe(false);
    });
  }
});
