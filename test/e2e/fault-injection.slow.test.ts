import { expect, it } from "vitest";
import { runFaultCampaign } from "../support/fault-campaign.ts";

// The same with a real Redis and a failing line to it is in fault-injection.redis.test.ts.
it("keeps every acknowledged share and every block in the embedded ledger exactly once when workerd is killed and the node fails", async () => {
  const report = await runFaultCampaign({
    acknowledged: 200,
    rounds: 2,
    logins: 6,
    cheats: 1,
    rigs: 2,
    window: 2,
    ledger: "embedded",
    seed: 20261122,
    outageMs: 0,
    networkDifficulty: 80n,
  });
  expect(report.findings).toEqual([]);
  expect(report.acknowledged).toBeGreaterThanOrEqual(200);
  expect(report.blocks).toBeGreaterThan(0);
  const { trues, account } = report.cheats;
  const heard = Object.values(trues).reduce((sum, count) => sum + count, 0);
  expect(account.credited + account.duplicates + account.refuted).toBe(heard);
  expect(report.kills).toBe(2);
}, 240_000);
