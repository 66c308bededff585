/** What every ledger must do when the old hashrate entries of a login are summed up. */
import { describe, expect, test } from "vitest";
import { ledgerKeys } from "../../core/ledger/contract/keys.ts";
import { FOLD_HASHRATE } from "../../core/ledger/contract/scripts/embedded.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import type { RedisPort, RedisValue } from "../../core/ledger/contract/redis-port.ts";
import { loginOf, recordMaker, START_MS } from "./ledger-records.ts";

const KEYS = ledgerKeys("eth");
const OWN = KEYS.hashrateOf(loginOf(1));
const HOUR_MS = 3_600_000;

/** A writer that sums up what is older than half an hour. */
const writerAt = (redis: RedisPort, nowMs: () => number) =>
  createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 3 * HOUR_MS, foldAfterMs: HOUR_MS / 2, nowMs });

/** A call of the script as the writer makes it. */
export function fold(redis: RedisPort, until: number, stretch: number, most: number): Promise<RedisValue> {
  const args = [loginOf(1), until, stretch, most, 2, "", 0, ""].map(String);
  return redis.command(["EVAL", FOLD_HASHRATE.text, "2", OWN, KEYS.folds, ...args]);
}

/** The same for the set of all logins, by stretches of 300 s. @param from begin again there; empty: never @param gone older ones go */
export function foldAll(
  redis: RedisPort,
  until: number,
  from: number | "",
  least: number,
  gone: number | "" = "",
): Promise<RedisValue> {
  const args = ["*", until, 300, 100, 1_000, from, least, gone].map(String);
  return redis.command(["EVAL", FOLD_HASHRATE.text, "2", KEYS.hashrate, KEYS.folds, ...args]);
}

/** From here on entries are summed up. */
const begin = (redis: RedisPort, ts: number) => fold(redis, ts, 300, 100);
const entries = (redis: RedisPort) => redis.command(["ZRANGE", OWN, "0", "-1", "WITHSCORES"]);
const write = async (redis: RedisPort, ...rows: readonly (readonly [ts: number, member: string])[]) => {
  for (const [ts, member] of rows) await redis.command(["ZADD", OWN, ts, member]);
};

export function foldConformance(redisOf: () => RedisPort): void {
  describe("old hashrate entries", () => {
    test("become one for each worker and stretch of time, with the sum of their difficulties; again changes nothing", async () => {
      await write(
        redisOf(),
        [600, "5:a:600001"],
        [610, "9007199254740993:a:610001"],
        [630, "7:a:630001"],
        [700, "3:b:700001"],
      );
      await write(
        redisOf(),
        [899, "1:b:899001"],
        [900, "1:b:900001"],
        [950, "2:b:950001"],
        [1_000, "4:b:1000001"],
        [620, "odd"],
      );
      expect(await begin(redisOf(), 600)).toEqual([3, 0, 0]);
      expect(await fold(redisOf(), 1_000, 300, 100)).toEqual([7, 8, 4]);
      expect(await entries(redisOf())).toEqual(
        [
          ["9007199254741005:a:600001", "600"],
          ["odd", "620"],
          ["4:b:700001", "700"],
          ["3:b:900001", "900"],
          ["4:b:1000001", "1000"],
        ].flat(),
      );
      expect(await fold(redisOf(), 1_000, 300, 100)).toEqual([2, 0, 0]);
      // What a stretch has from before is added up with what comes.
      await write(redisOf(), [1_010, "6:b:1010001"]);
      expect(await fold(redisOf(), 1_100, 300, 100)).toEqual([7, 3, 1]);
      expect(await redisOf().command(["ZSCORE", OWN, "13:b:900001"])).toBe("900");
    });

    test("are taken a part at a time, and none of the last second without the others", async () => {
      const rows = Array.from({ length: 12 }, (_, i) => [600 + Math.floor(i / 4), `1:w:${i}`] as const);
      await write(redisOf(), ...rows);
      await begin(redisOf(), 600);
      expect(await fold(redisOf(), 700, 300, 6)).toEqual([7, 4, 1]);
      expect(await redisOf().command(["HGET", KEYS.folds, loginOf(1)])).toBe("601");
      expect(await fold(redisOf(), 700, 300, 3)).toEqual([7, 4, 1]);
      expect(await redisOf().command(["HGET", KEYS.folds, loginOf(1)])).toBe("602");
      expect(await fold(redisOf(), 700, 300, 100)).toEqual([7, 6, 1]);
      expect(await redisOf().command(["HGET", KEYS.folds, loginOf(1)])).toBe("700");
    });

    test("are summed up two stretches at a time: who has read how far they are knows how far they can be", async () => {
      await begin(redisOf(), 600);
      await fold(redisOf(), 9_000, 300, 100);
      expect(await redisOf().command(["HGET", KEYS.folds, loginOf(1)])).toBe("1200");
    });

    test("of all logins are summed up by login and worker, where they are many, over any silence, and again where some came late", async () => {
      const [a, b] = [loginOf(1), loginOf(2)];
      const add = async (ts: number, ...members: readonly string[]) => {
        for (const member of members) await redisOf().command(["ZADD", KEYS.hashrate, ts, member]);
      };
      const all = () => redisOf().command(["ZRANGE", KEYS.hashrate, "0", "-1", "WITHSCORES"]);
      await add(610, `5:${a}:rig:610001`, `7:${a}:rig2:610002`);
      await add(620, `6:${a}:rig:620001`, `8:${b}:rig:620001`);
      await add(86_410, `1:${b}:rig:86410001`);
      await add(86_420, `2:${b}:rig:86420001`);
      expect(await foldAll(redisOf(), 600, "", 7)).toEqual([2, 0, 0]);
      expect(await redisOf().command(["EXISTS", KEYS.folds])).toBe(0);
      expect(await foldAll(redisOf(), 600, "", 6)).toEqual([4, 0, 0]);
      expect(await foldAll(redisOf(), 90_000, "", 6)).toEqual([8, 6, 4]);
      const sums = [
        [`11:${a}:rig:610001`, "610"],
        [`7:${a}:rig2:610002`, "610"],
        [`8:${b}:rig:620001`, "620"],
        [`3:${b}:rig:86410001`, "86410"],
      ];
      expect(await all()).toEqual(sums.flat());
      // Out of an outbox, with a time of before the mark.
      await add(605, `4:${b}:rig:605001`);
      expect(await foldAll(redisOf(), 90_000, "", 1)).toEqual([3, 0, 0]);
      expect(await foldAll(redisOf(), 90_000, 605, 1)).toEqual([8, 5, 4]);
      expect(await all()).toEqual([[`12:${b}:rig:605001`, "605"], sums[0], sums[1], sums[3]].flat());
      // What has left every window goes, however few there are.
      expect(await foldAll(redisOf(), 90_000, "", 3, 610)).toEqual([4, 0, 0]);
      expect(await foldAll(redisOf(), 90_000, "", 9, 86_410)).toEqual([3, 0, 0]);
      expect(await all()).toEqual(sums[3]);
    });

    test("of a key of the wrong type are left alone", async () => {
      await redisOf().command(["SET", KEYS.folds, "x"]);
      await write(redisOf(), [600, "5:a:600001"], [610, "5:a:610001"]);
      await expect(fold(redisOf(), 1_000, 300, 100)).rejects.toThrow("WRONGTYPE");
      expect(await redisOf().command(["ZCARD", OWN])).toBe(2);
    });

    test("are summed up by the writer for a login of many shares, not for one of few, and figures of the last half hour stay", async () => {
      const { share } = recordMaker();
      let nowMs = START_MS;
      const writer = writerAt(redisOf(), () => nowMs);
      const mine = async (login: number, shares: number) => {
        const batch = Array.from({ length: shares }, () => share({ login: loginOf(login), timestampMs: nowMs++ }));
        await writer.recordShares(batch, false);
      };
      for (let minute = 0; minute < 90; minute += 1) {
        nowMs = START_MS + minute * 60_000;
        await mine(1, 200);
        await mine(2, 10);
      }
      const small = await redisOf().command(["ZCARD", KEYS.hashrateOf(loginOf(2))]);
      const since = Math.floor((nowMs - HOUR_MS / 2) / 1000);
      const young = await redisOf().command(["ZCOUNT", OWN, since, "+inf"]);
      const sums = await redisOf().command(["ZRANGE", OWN, "0", "-1"]);
      if (!Array.isArray(sums)) throw new Error("no entries");
      expect(small).toBe(900);
      expect(Number(young)).toBeGreaterThanOrEqual(30 * 200);
      expect(sums.length).toBeLessThan(50 * 200);
      const total = sums.reduce((sum, member) => sum + BigInt(String(member).split(":")[0] ?? 0), 0n);
      expect(total).toBe(90n * 200n * 2_000_000_000n);
    });

    test("that were summed up are no evidence: what may have been written is left to the operator, never written twice", async () => {
      const { share } = recordMaker();
      let nowMs = START_MS;
      const [first, second] = [share(), share()];
      await writerAt(redisOf(), () => nowMs).recordShares([first, second], false);
      await begin(redisOf(), START_MS / 1000 - 60);
      await fold(redisOf(), START_MS / 1000 + 60, 300, 100);
      nowMs += HOUR_MS;
      // The proof of work is still there: it was written.
      expect(await writerAt(redisOf(), () => nowMs).recordShares([first], true)).toEqual(["recorded"]);
      await redisOf().command(["DEL", KEYS.pow]);
      const before = await entries(redisOf());
      const writer = writerAt(redisOf(), () => nowMs);
      expect(await writer.recordShares([first], true)).toEqual(["unresolved"]);
      expect(await entries(redisOf())).toEqual(before);
      // What is younger than the sums is certain as ever, and so is what is of a login without any.
      expect(await writer.recordShares([share({ timestampMs: nowMs - HOUR_MS / 4 })], true)).toEqual(["recorded"]);
      expect(await writer.recordShares([share({ login: loginOf(3), timestampMs: START_MS })], true)).toEqual([
        "recorded",
      ]);
    });
  });
}
