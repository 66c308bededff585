/** What every ledger must do with records that an earlier attempt may have written. */
import { beforeEach, describe, expect, test } from "vitest";
import type { BlockRecord, LedgerWriter, ShareRecord } from "../../core/ledger/contract/records.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { HOUR_MS, loginOf, powOf, readBooks, recordMaker, START_MS, writerOf } from "./ledger-records.ts";

/** @param ledger empty at the beginning of each test */
export function retryConformance(ledger: () => RedisPort): void {
  describe("a retry", () => {
    let redis: RedisPort;
    let nowMs: number;
    let writer: LedgerWriter;
    const { share, block } = recordMaker();
    const newWriter = () => writerOf(redis, () => nowMs);
    const record = (...shares: ShareRecord[]) => writer.recordShares(shares, false);
    const retry = (...shares: ShareRecord[]) => newWriter().recordShares(shares, true);
    const closeRound = (found: BlockRecord) => writer.recordBlock(found, false);

    beforeEach(() => {
      redis = ledger();
      nowMs = START_MS;
      writer = newWriter();
    });

    test("of what was executed is recorded and changes nothing (defect 4)", async () => {
      const batch = [share(), share({ login: loginOf(2) }), share({ login: loginOf(3) }), share()];
      await writer.recordShares(batch, false);
      const before = await readBooks(redis);
      expect(await retry(...batch)).toEqual(["recorded", "recorded", "recorded", "recorded"]);
      expect(await retry(batch[0]!)).toEqual(["recorded"]);
      expect(await readBooks(redis)).toEqual(before);
    });

    test("of what was not executed writes it once", async () => {
      const batch = [share(), share({ login: loginOf(2) }), share()];
      expect(await retry(...batch)).toEqual(["recorded", "recorded", "recorded"]);
      const written = await readBooks(redis);
      expect(await retry(...batch)).toEqual(["recorded", "recorded", "recorded"]);
      expect(await readBooks(redis)).toEqual(written);
      expect(written["eth:stats"]?.contents).toEqual(["roundShares", "6000000000"]);
    });

    test("of a batch of which one share is somebody else's tells them apart", async () => {
      const [first, second] = [share(), share()];
      await record(first);
      const copied = { ...first, login: loginOf(9), timestampMs: first.timestampMs + 1 };
      expect(await retry(second, copied, first)).toEqual(["recorded", "duplicate", "recorded"]);
      expect(await redis.command(["HGETALL", "eth:shares:roundCurrent"])).toEqual([loginOf(1), "4000000000"]);
    });

    test("of what was not executed writes it, also where another share of its worker and millisecond has been written", async () => {
      const one = share({ height: 108 });
      const others = [100, 108, 112].map((height) => share({ timestampMs: one.timestampMs, height }));
      await record(one);
      expect(await retry(...others)).toEqual(["recorded", "recorded", "recorded"]);
      expect(await redis.command(["HGETALL", "eth:shares:roundCurrent"])).toEqual([one.login, "8000000000"]);
      expect(await redis.command(["ZCARD", "eth:pow"])).toBe(4);
      const written = await readBooks(redis);
      expect(await retry(one, ...others)).toEqual(["recorded", "recorded", "recorded", "recorded"]);
      expect(await readBooks(redis)).toEqual(written);
    });

    test("of what was executed is recorded, also where it has been swept since", async () => {
      const [swept, kept] = [share({ height: 100 }), share({ height: 101 })];
      await record(swept, kept);
      await record(share({ height: 109 }));
      expect(await redis.command(["ZSCORE", "eth:pow", powOf(swept)])).toBe(null);
      const before = await readBooks(redis);
      expect(await retry(swept, kept)).toEqual(["recorded", "recorded"]);
      expect(await readBooks(redis)).toEqual(before);
      await redis.command(["DEL", "eth:pow"]);
      expect(await retry(swept, kept)).toEqual(["recorded", "recorded"]);
    });

    test("after all traces may have expired never credits twice", async () => {
      const [kept, swept] = [share(), share()];
      await record(kept, swept);
      nowMs += 4 * HOUR_MS;
      await redis.command(["DEL", `eth:hashrate:${loginOf(1)}`]);
      await redis.command(["ZREM", "eth:pow", powOf(swept)]);
      const before = await readBooks(redis);
      expect(await retry(kept, swept)).toEqual(["recorded", "unresolved"]);
      expect(await readBooks(redis)).toEqual(before);
    });

    test("of a block that was recorded closes no second round, also when its hashrate entry is gone", async () => {
      const found = block();
      await closeRound(found);
      await record(share());
      const before = await readBooks(redis);
      expect(await newWriter().recordBlock(found, true)).toBe("recorded");
      expect(await readBooks(redis)).toEqual(before);
      nowMs += 4 * HOUR_MS;
      await redis.command(["DEL", `eth:hashrate:${found.login}`, "eth:pow"]);
      const later = await readBooks(redis);
      expect(await newWriter().recordBlock(found, true)).toBe("recorded");
      expect(await readBooks(redis)).toEqual(later);
    });

    test("of a block that was not executed records it", async () => {
      await record(share());
      const found = block();
      expect(await newWriter().recordBlock(found, true)).toBe("recorded");
      expect(await redis.command(["ZCARD", "eth:blocks:candidates"])).toBe(1);
    });

    test("of a block that was not executed records it, also where a share of its worker and millisecond has been written", async () => {
      const found = block();
      await record(share({ timestampMs: found.timestampMs, shareDifficulty: found.shareDifficulty }));
      expect(await newWriter().recordBlock(found, true)).toBe("recorded");
      expect(await redis.command(["ZCARD", "eth:blocks:candidates"])).toBe(1);
      const before = await readBooks(redis);
      await redis.command(["DEL", "eth:pow", `eth:shares:round${found.height}:${found.nonce}`]);
      expect(await newWriter().recordBlock(found, true)).toBe("recorded");
      expect((await readBooks(redis))["eth:blocks:candidates"]).toEqual(before["eth:blocks:candidates"]);
    });

    // Shares of such an age are unresolved. Blocks are listed for ever: one that is in no list was never written.
    test("of a block that was held for longer than the evidence lives records it", async () => {
      await record(share());
      const found = block();
      nowMs += 4 * HOUR_MS;
      expect(await newWriter().recordBlock(found, true)).toBe("recorded");
      expect(await redis.command(["ZCARD", "eth:blocks:candidates"])).toBe(1);
      expect(await redis.command(["HGET", "eth:stats", "roundShares"])).toBe(null);
    });

    test.each([
      ["a candidate still", "candidates", 0],
      ["immature", "immature", 0],
      ["immature as an uncle, under its nephew's height", "immature", 3],
      ["matured", "matured", 7],
    ])("of a block whose round and traces are gone finds it: %s", async (_what, list, later) => {
      const found = block();
      await closeRound(found);
      nowMs += 400 * HOUR_MS;
      const round = `eth:shares:round${found.height}:${found.nonce}`;
      await redis.command(["DEL", `eth:hashrate:${found.login}`, "eth:pow", round]);
      if (list !== "candidates") {
        await redis.command(["DEL", "eth:blocks:candidates"]);
        const member = `${later}:0:${found.nonce}:0x${"ab".repeat(32)}:1795334380:1000:2000:3000`;
        await redis.command(["ZADD", `eth:blocks:${list}`, found.height + later, member]);
      }
      const before = await readBooks(redis);
      expect(await newWriter().recordBlock(found, true)).toBe("recorded");
      expect(await readBooks(redis)).toEqual(before);
    });
  });
}
