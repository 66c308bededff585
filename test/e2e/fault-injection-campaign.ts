/**
 * The long form of the fault injection: `node test/e2e/fault-injection-campaign.ts [--acknowledged 100000] [--ledger redis|embedded]
 * [--seed N]`. Prints its report as JSON; exit code 1 when the books are not as they should be.
 */
import { parseArgs } from "node:util";
import { runFaultCampaign } from "../support/fault-campaign.ts";

const { values } = parseArgs({
  options: {
    acknowledged: { type: "string", default: "100000" },
    ledger: { type: "string", default: "redis" },
    seed: { type: "string", default: "1" },
    outage: { type: "string", default: "20000" },
  },
});
const acknowledged = Number(values.acknowledged);
const report = await runFaultCampaign({
  acknowledged,
  rounds: 3,
  logins: 18,
  cheats: 2,
  rigs: 4,
  window: 1,
  ledger: values.ledger === "embedded" ? "embedded" : "redis",
  seed: Number(values.seed),
  outageMs: Number(values.outage),
  networkDifficulty: BigInt(Math.max(1, Math.round(acknowledged / 4))),
  onProgress: (text) => void process.stderr.write(`${text}\n`),
});
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exit(report.findings.length === 0 ? 0 : 1);
