/** Case A6 over real ledgers: what Redis refuses for one login's key stops nobody else. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import type { ShareRecord } from "../../core/ledger/contract/records.ts";
import type { RedisCommand, RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";
import { Life } from "../core/shares/life.ts";
import type { LedgerUnderTest } from "./ledger-conformance.ts";
import { loginOf, recordMaker, START_MS } from "./ledger-records.ts";

const BAD = loginOf(5);
const LOGINS = 12;

/** A write path over this ledger, and the time that passes until something is so. */
function lifeOver(redis: RedisPort) {
  let nowMs = START_MS;
  const timers = new Set<() => void>();
  const clock = {
    nowMs: () => nowMs,
    after: (_delayMs: number, work: () => void) => {
      timers.add(work);
      return () => void timers.delete(work);
    },
  };
  const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs: () => nowMs });
  const life = new Life(nodeSql(), { connect: () => writer }, clock, () => 0.5);
  const settle = async (until: () => boolean) => {
    for (let tries = 0; !until() && tries < 200; tries++) {
      nowMs += 5_000;
      life.commit.wake();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(until()).toBe(true);
  };
  return { life, settle };
}

export function refusedLoginSuite(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(name, () => {
    let ledger: LedgerUnderTest;
    beforeAll(async () => {
      ledger = await open();
    });
    afterAll(() => ledger.close());

    test.each<[what: string, spoil: RedisCommand, mend: RedisCommand]>([
      ["its hashrate is a hash", ["HSET", `eth:hashrate:${BAD}`, "a", "b"], ["DEL", `eth:hashrate:${BAD}`]],
      ["its account is a sorted set", ["ZADD", `eth:miners:${BAD}`, "1", "a"], ["DEL", `eth:miners:${BAD}`]],
      [
        "its sum in the round is 12.5",
        ["HSET", "eth:shares:roundCurrent", BAD, "12.5"],
        ["HDEL", "eth:shares:roundCurrent", BAD],
      ],
      [
        "its sum in the round is full",
        ["HSET", "eth:shares:roundCurrent", BAD, "9223372036854775807"],
        ["HDEL", "eth:shares:roundCurrent", BAD],
      ],
    ])("a login alone waits when %s, and is credited when it is mended", async (_what, spoil, mend) => {
      const { redis } = ledger;
      await redis.command(["FLUSHALL"]);
      await redis.command(spoil);
      const { share } = recordMaker();
      const { life, settle } = lifeOver(redis);
      const records = Array.from({ length: 120 }, (_none, at) =>
        share({ login: loginOf(at % LOGINS), timestampMs: START_MS + at }),
      );
      const commit = (record: ShareRecord) => life.commit.commit({ kind: "share", record, retry: false, heldId: null });
      const answers = Promise.all(records.map(commit));
      await settle(() => life.outbox.recorded === 110 && life.outbox.waiting === 0);
      expect(new Set(await answers)).toEqual(new Set(["recorded"]));
      expect(life.outbox.refusedLogins.map(({ login }) => login)).toEqual([BAD]);
      expect(life.outbox.setAside).toBe(10);
      await redis.command(mend);
      await settle(() => life.outbox.depth === 0);
      expect(life.outbox.refusedLogins).toEqual([]);
      const sums = await Promise.all(
        Array.from({ length: LOGINS }, (_none, at) => redis.command(["HGET", "eth:shares:roundCurrent", loginOf(at)])),
      );
      expect(new Set(sums)).toEqual(new Set([String(10 * 2_000_000_000)]));
      expect(await redis.command(["HGET", "eth:stats", "roundShares"])).toBe(String(120 * 2_000_000_000));
      expect(await redis.command(["ZCARD", `eth:hashrate:${BAD}`])).toBe(10);
    });

    test.each(["12.5", ""])(
      "another login's field %j in the round keeps no block and no finder waiting",
      async (bad) => {
        const { redis } = ledger;
        await redis.command(["FLUSHALL"]);
        await redis.command(["HSET", "eth:shares:roundCurrent", BAD, bad]);
        const { share, block } = recordMaker();
        const { life, settle } = lifeOver(redis);
        const found = block({ login: loginOf(2) });
        const answer = life.commit.commit({ kind: "block", record: found, retry: false, heldId: null });
        await settle(() => life.outbox.depth === 0 || life.outbox.setAside > 0);
        expect([life.outbox.refusedLogins, await answer]).toEqual([[], "recorded"]);
        const later = share({ login: loginOf(2) });
        expect(await life.commit.commit({ kind: "share", record: later, retry: false, heldId: null })).toBe("recorded");
        const round = `eth:shares:round${found.height}:${found.nonce}`;
        expect(await redis.command(["HMGET", round, loginOf(2), BAD])).toEqual(["2000000000", bad]);
      },
    );
  });
}
