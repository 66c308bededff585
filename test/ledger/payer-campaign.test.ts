import { expect, test } from "vitest";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { payerCampaign } from "../support/payouts/payer-campaign.ts";

const SEEDS = Number(process.env["EDGEPOOL_PAYER_SEEDS"] ?? 12);
const PAYEES = Number(process.env["EDGEPOOL_PAYER_PAYEES"] ?? 20);
const ROUNDS = Number(process.env["EDGEPOOL_PAYER_ROUNDS"] ?? 60);
const FIRST = Number(process.env["EDGEPOOL_PAYER_FIRST"] ?? 1);

test(
  "whatever happens, and wherever the process dies, nobody is paid twice and nothing is lost",
  { timeout: 3_600_000 },
  async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
      const { wrong, ...report } = await payerCampaign(embeddedLedger(), seed, PAYEES, ROUNDS);
      if (process.env["EDGEPOOL_PAYER_SEEDS"])
        process.stdout.write(`${seed} ${JSON.stringify(report)} ${wrong.length}\n`);
      expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    }
  },
);
