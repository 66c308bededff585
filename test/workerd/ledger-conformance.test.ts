/** What every ledger must do, done by the embedded one where it lives. In one file: loading the pool into workerd takes longer than most of it. */
import { env } from "cloudflare:workers";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { execConformance } from "../support/exec-conformance.ts";
import { ledgerConformance } from "../support/ledger-conformance.ts";
import { paymentsSuite } from "../support/payouts/payments-suite.ts";
import { unlockerSuite } from "../support/payouts/unlocker-suite.ts";
import { settingsSuite } from "../support/settings-suite.ts";

const NAME = "the embedded ledger in workerd";
const open = (ledger: string) => embeddedPort(env.EMBEDDED_REDIS.getByName(ledger), 120_000);

for (const conformance of [ledgerConformance, execConformance])
  conformance(NAME, async () => ({ redis: open("conformance"), close: async () => undefined }));

for (const suite of [paymentsSuite, settingsSuite]) suite(NAME, () => emptied("payouts"));

// Requests are dear here: killed at every fifth.
unlockerSuite(NAME, () => emptied("unlocker"), 5);

async function emptied(ledger: string) {
  const redis = open(ledger);
  await redis.command(["FLUSHALL"]);
  return redis;
}
