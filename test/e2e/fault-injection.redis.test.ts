import { expect, it } from "vitest";
import { runFaultCampaign } from "../support/fault-campaign.ts";

// The long form, with 100,000 acknowledged shares: `node test/e2e/fault-injection-campaign.ts`.
it("loses no acknowledged share, credits none twice and no block lacks its candidate, whatever fails between the pool and Redis and whenever workerd is killed", async () => {
  const report = await runFaultCampaign({
    acknowledged: 300,
    rounds: 1,
    logins: 8,
    cheats: 1,
    rigs: 2,
    window: 2,
    ledger: "redis",
    seed: 20261122,
    outageMs: 4_000,
    networkDifficulty: 100n,
  });
  expect(report.findings).toEqual([]);
  expect(report.acknowledged).toBeGreaterThanOrEqual(300);
  expect(report.blocks).toBeGreaterThan(0);
  const { trues, account } = report.cheats;
  const heard = Object.values(trues).reduce((sum, count) => sum + count, 0);
  expect(account.credited + account.duplicates + account.refuted).toBe(heard);
  expect(report.kills).toBe(1);
}, 240_000);
