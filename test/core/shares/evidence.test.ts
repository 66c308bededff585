import { describe, expect, it } from "vitest";
import { evidenceMs, leastEvidenceLimits } from "../../../core/ledger/write-path/evidence.ts";
import { createLedgerWriter } from "../../../core/ledger/write-path/ledger-writer.ts";
import { embeddedLedger } from "../../support/embedded-ledger.ts";
import { recordMaker, START_MS } from "../../support/ledger-records.ts";

const MINUTE_MS = 60_000;

describe("the evidence that a share was written", () => {
  it("lives through every configured wait, a restart and ten minutes of outage, at the least that is allowed", () => {
    for (const queueTimeoutMs of [100, 30_000, 1_200_000, 10_800_000])
      for (const ledgerTimeoutMs of [100, 5_000, 30_000]) {
        const least = leastEvidenceLimits({ queueTimeoutMs, ledgerTimeoutMs });
        const lives = evidenceMs(least);
        expect(lives).toBeGreaterThanOrEqual(queueTimeoutMs + 2 * ledgerTimeoutMs + 11 * MINUTE_MS);
        const shorter = { ...least, hashrateExpirationMs: least.hashrateExpirationMs - 2 * MINUTE_MS };
        expect(evidenceMs(shorter)).toBeLessThan(queueTimeoutMs + 2 * ledgerTimeoutMs + 11 * MINUTE_MS + 4_000);
      }
  });

  // Entries beyond api.hashrateLargeWindow are purged although the key lives on: the retry would have been credited a second time.
  it("ends where entries are purged, and a retry after that is left to the operator", async () => {
    const redis = embeddedLedger();
    let nowMs = START_MS;
    const writer = () =>
      createLedgerWriter({
        redis,
        coin: "eth",
        hashrateExpirationMs: 180 * MINUTE_MS,
        hashrateLargeWindowMs: 30 * MINUTE_MS,
        nowMs: () => nowMs,
      });
    const { share } = recordMaker();
    const one = share({ timestampMs: START_MS });
    expect(await writer().recordShares([one], false)).toEqual(["recorded"]);
    nowMs += 31 * MINUTE_MS;
    const purgedBefore = Math.floor((nowMs - 30 * MINUTE_MS) / 1000);
    await redis.command(["ZREMRANGEBYSCORE", `eth:hashrate:${one.login}`, "-inf", `(${purgedBefore}`]);
    await redis.command(["DEL", "eth:pow"]);
    expect(await writer().recordShares([one], true)).toEqual(["unresolved"]);
    expect(await redis.command(["HGET", "eth:shares:roundCurrent", one.login])).toBe("2000000000");
  });
});
