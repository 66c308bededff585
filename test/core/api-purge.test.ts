import { describe, expect, it } from "vitest";
import { purgeStale } from "../../core/api/purge.ts";
import { API_CONFIG, NOW_S } from "../support/api-ledger.ts";
import { MemoryRedis } from "../support/memory-redis.ts";

const TEN_MINUTES_S = 600;
/** Start of a purge interval. */
const START_S = Math.floor(NOW_S / TEN_MINUTES_S) * TEN_MINUTES_S;

const login = (i: number) => `0x${i.toString(16).padStart(40, "0")}`;

describe("the purge", () => {
  it("removes what left the pool's window and keeps what is exactly at its end", async () => {
    const redis = new MemoryRedis();
    await redis.pipeline([
      ["ZADD", "eth:hashrate", START_S - 1801, "1:a:0:1"],
      ["ZADD", "eth:hashrate", START_S - 1800, "1:a:0:2"],
    ]);
    expect(await purgeStale(redis, API_CONFIG, START_S * 1000)).toEqual({ removed: 1, commands: 2 });
    expect(await redis.command(["ZCARD", "eth:hashrate"])).toBe(1);
  });

  it("works once an interval although cron calls every minute", async () => {
    const redis = new MemoryRedis();
    const works: number[] = [];
    for (let minute = 0; minute < 30; minute++) {
      const { commands } = await purgeStale(redis, API_CONFIG, (START_S + minute * 60 + 7) * 1000);
      if (commands > 0) works.push(minute);
    }
    expect(works).toEqual([0, 10, 20]);
  });

  it("sweeps every login's set once per large window, a part of them each time", async () => {
    const redis = new MemoryRedis();
    const logins = Array.from({ length: 500 }, (_, i) => login(i * 7919));
    for (const name of logins) await redis.command(["ZADD", `eth:hashrate:${name}`, START_S - 20_000, "1:0:1"]);
    const removed: number[] = [];
    for (let run = 0; run < 18; run++) {
      const report = await purgeStale(redis, API_CONFIG, (START_S + run * TEN_MINUTES_S) * 1000);
      removed.push(report.removed);
      expect(report.commands).toBeLessThan(120);
    }
    expect(removed.reduce((sum, count) => sum + count, 0)).toBe(500);
    expect(Math.max(...removed)).toBeLessThan(100);
  });

  it("follows SCAN to its end", async () => {
    const redis = new MemoryRedis();
    for (let i = 0; i < 2500; i++) await redis.command(["HSET", `eth:miners:${login(i)}`, "lastShare", "1"]);
    await redis.command(["ZADD", `eth:hashrate:${login(1)}`, START_S - 20_000, "1:0:1"]);
    let removed = 0;
    for (let run = 0; run < 18; run++) {
      removed += (await purgeStale(redis, API_CONFIG, (START_S + run * TEN_MINUTES_S) * 1000)).removed;
    }
    expect(removed).toBe(1);
  });
});
