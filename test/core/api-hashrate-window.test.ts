import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Activity } from "../../core/api/hashrate-buckets.ts";
import { HashrateWindow, PAGE_ENTRIES } from "../../core/api/hashrate-window.ts";
import { RedisUnreachableError, type RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { MemoryRedis } from "../support/memory-redis.ts";

const KEY = "eth:hashrate";
const NAMES = ["a", "b", "__proto__", "7"];
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

interface Entry {
  readonly ts: number;
  readonly name: string;
  readonly difficulty: number;
}

/** What the reference does: read every entry of the large window and add up. */
function byReadingAll(entries: readonly Entry[], nowS: number, smallS: number, largeS: number): Map<string, Activity> {
  const all = new Map<string, Activity>();
  for (const { ts, name, difficulty } of entries.filter((entry) => entry.ts >= nowS - largeS)) {
    const known = all.get(name) ?? { largeSum: 0, smallSum: 0, firstTs: ts, lastTs: ts };
    known.largeSum += difficulty;
    if (ts >= nowS - smallS) known.smallSum += difficulty;
    known.firstTs = Math.min(known.firstTs, ts);
    known.lastTs = Math.max(known.lastTs, ts);
    all.set(name, known);
  }
  return all;
}

let serial = 0;
async function write(redis: MemoryRedis, entry: Entry): Promise<void> {
  await redis.command(["ZADD", KEY, entry.ts, `${entry.difficulty}:${entry.name}:${(serial += 1)}`]);
}

describe("the hashrate window", () => {
  it("gives the figures that reading every entry would give, at every moment and also for entries that come late", async () => {
    const share = fc.record({
      // How long before its writing a share happened: mostly at once, sometimes out of an outbox much later.
      age: fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(400) }),
      name: fc.constantFrom(...NAMES),
      difficulty: fc.integer({ min: 1, max: 1e9 }),
    });
    const step = fc.record({ passS: fc.nat(45), shares: fc.array(share, { maxLength: 6 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 25 }), async (steps, bucketS) => {
        const redis = new MemoryRedis();
        const window = new HashrateWindow({ key: KEY, smallWindowS: 60, largeWindowS: 300, bucketS });
        const entries: Entry[] = [];
        let nowS = 1_000_000;
        for (const { passS, shares } of steps) {
          nowS += passS;
          for (const { age, name, difficulty } of shares) {
            const entry = { ts: nowS - age, name, difficulty };
            entries.push(entry);
            await write(redis, entry);
          }
          await window.refresh(redis, nowS, UNBOUNDED);
          // A share that came late into the partial bucket at the window's far end is the one that may be missed for a
          // moment; the property is over everything that starts a bucket later.
          const known = window.activities(nowS);
          const late = shares.some(({ age }) => age > 60 - bucketS);
          if (!late) expect(known).toEqual(byReadingAll(entries, nowS, 60, 300));
          expect(window.coveredS(nowS)).toBe(300);
        }
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  it("asks for two replies while nothing new leaves or enters a bucket, whatever it keeps", async () => {
    const redis = new MemoryRedis();
    for (let ts = 1000; ts < 2800; ts++) await write(redis, { ts, name: "a", difficulty: 1 });
    const window = new HashrateWindow({ key: KEY, smallWindowS: 1800, largeWindowS: 1800, bucketS: 20 });
    await window.refresh(redis, 2805, UNBOUNDED);
    redis.log.length = 0;
    await window.refresh(redis, 2806, UNBOUNDED);
    expect(redis.log.map(([name]) => name)).toEqual(["ZCOUNT", "ZREVRANGEBYSCORE"]);
    expect(window.activities(2806).get("a")).toEqual({ largeSum: 1794, smallSum: 1794, firstTs: 1006, lastTs: 2799 });
  });

  it("notices a late entry by one count and reads only its bucket again", async () => {
    const redis = new MemoryRedis();
    const window = new HashrateWindow({ key: KEY, smallWindowS: 200, largeWindowS: 200, bucketS: 20 });
    await write(redis, { ts: 950, name: "a", difficulty: 3 });
    await window.refresh(redis, 1000, UNBOUNDED);
    await write(redis, { ts: 951, name: "b", difficulty: 5 });
    redis.log.length = 0;
    await window.refresh(redis, 1000, UNBOUNDED);
    expect(window.activities(1000).get("b")).toEqual({ largeSum: 5, smallSum: 5, firstTs: 951, lastTs: 951 });
    expect(redis.log.filter(([name]) => name === "ZREVRANGEBYSCORE").map((command) => command.slice(2, 4))).toEqual([
      ["+inf", 980],
      ["(960", 940],
    ]);
  });

  it("fills a large ledger newest first within its budget and says how much it knows", async () => {
    const perSecond = 250;
    const redis = new MemoryRedis();
    const batch = Array.from({ length: 200 * perSecond }, (_, i) => [1000 + Math.floor(i / perSecond), `1:a:${i}`]);
    await redis.command(["ZADD", KEY, ...batch.flat()]);
    const window = new HashrateWindow({ key: KEY, smallWindowS: 200, largeWindowS: 200, bucketS: 10 });
    // The first page reaches back to second 1120 and the second to 1050; of those buckets nobody knows whether they are whole.
    await window.refresh(redis, 1200, 1);
    expect(window.coveredS(1200)).toBe(140);
    expect(window.activities(1200).get("a")?.largeSum).toBe(140 * perSecond);
    await window.refresh(redis, 1200, 1);
    expect(window.coveredS(1200)).toBe(200);
    expect(window.activities(1200).get("a")?.largeSum).toBe(200 * perSecond);
  });

  it("reads through a bucket that is larger than a page", async () => {
    const redis = new MemoryRedis();
    const size = 2 * PAGE_ENTRIES + 5;
    await redis.command(["ZADD", KEY, ...Array.from({ length: size }, (_, i) => [995, `1:a:${i}`]).flat()]);
    const window = new HashrateWindow({ key: KEY, smallWindowS: 100, largeWindowS: 100, bucketS: 10 });
    await window.refresh(redis, 1000, 1);
    expect(window.activities(1000).get("a")?.largeSum).toBe(size);
  });

  it("keeps what it knows when Redis goes away in between", async () => {
    const redis = new MemoryRedis();
    await write(redis, { ts: 950, name: "a", difficulty: 3 });
    const window = new HashrateWindow({ key: KEY, smallWindowS: 100, largeWindowS: 100, bucketS: 10 });
    await window.refresh(redis, 1000, UNBOUNDED);
    const gone: RedisPort = {
      command: () => Promise.reject(new RedisUnreachableError("gone", "no")),
      pipeline: () => Promise.reject(new RedisUnreachableError("gone", "no")),
    };
    await expect(window.refresh(gone, 1003, UNBOUNDED)).rejects.toThrow("gone");
    await window.refresh(redis, 1005, UNBOUNDED);
    expect(window.activities(1005).get("a")?.largeSum).toBe(3);
  });

  it("forgets the names of miners that are gone", async () => {
    const redis = new MemoryRedis();
    const window = new HashrateWindow({ key: KEY, smallWindowS: 100, largeWindowS: 100, bucketS: 10 });
    for (let round = 0; round < 4; round++) {
      const ts = 1000 + round * 200;
      const names = Array.from({ length: 900 }, (_, i) => [ts, `1:n${round}-${i}:0`]);
      await redis.command(["ZADD", KEY, ...names.flat()]);
      await window.refresh(redis, ts + 1, UNBOUNDED);
      expect(window.activities(ts + 1).size).toBe(900);
      expect(window.activities(ts + 1).get(`n${round}-17`)?.largeSum).toBe(1);
    }
  });
});
