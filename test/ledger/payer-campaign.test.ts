import { expect, test } from "vitest";
import { campaignRuns } from "../support/campaign-runs.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { addUp, payerCampaign } from "../support/payouts/payer-campaign.ts";
import { ACCOUNT, PayerPool } from "../support/payouts/payer-pool.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const SEEDS = Number(process.env["EDGEPOOL_PAYER_SEEDS"] ?? campaignRuns(8, 2));
const PAYEES = Number(process.env["EDGEPOOL_PAYER_PAYEES"] ?? 20);
const ROUNDS = Number(process.env["EDGEPOOL_PAYER_ROUNDS"] ?? 60);
const FIRST = Number(process.env["EDGEPOOL_PAYER_FIRST"] ?? 1);

test(
  "whatever happens, and wherever the process dies, nobody is paid twice and nothing is lost",
  { timeout: 7_200_000 },
  async () => {
    const failed: { readonly seed: number; readonly wrong: readonly string[] }[] = [];
    for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
      const { wrong, killedAt, ...report } = await payerCampaign(embeddedLedger(), seed, PAYEES, ROUNDS);
      if (process.env["EDGEPOOL_PAYER_SEEDS"])
        process.stdout.write(`${JSON.stringify({ seed, ...report, killedAt: Object.fromEntries(killedAt), wrong })}\n`);
      if (wrong.length > 0) failed.push({ seed, wrong });
    }
    expect(failed).toEqual([]);
  },
);

// Killed after a step is killed before the next one: nothing lies between.
test("killed after each single step of two payments' lives, the end is the same", { timeout: 600_000 }, async () => {
  const credited = new Map([
    [loginAt(1), 700_000_000n],
    [loginAt(2), 600_000_000n],
  ]);
  let steps = 0;
  for (let died = true; died; steps += campaignRuns(1, 5)) {
    const pool = new PayerPool(embeddedLedger(), { settings: { finalDepth: 12 } });
    pool.chain.funds.set(ACCOUNT, 10n ** 20n);
    for (const [login, amount] of credited) await pool.credit(login, amount);
    Object.assign(pool, { life: steps + 1, killAfter: true });
    died = false;
    for (let round = 0; round < 14; round += 1) {
      died = (await pool.run()) || died;
      pool.chain.mine(2);
      pool.nowMs += 61_000;
    }
    expect({ steps, wrong: await addUp(pool, credited) }).toEqual({ steps, wrong: [] });
    expect(pool.payer.store.open().payments).toEqual([]);
    expect(pool.chain.count(ACCOUNT)).toBe(2);
  }
  expect(steps).toBeGreaterThan(60);
});
