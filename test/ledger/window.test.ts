import { embeddedLedger } from "../support/embedded-ledger.ts";
import { campaignRuns } from "../support/campaign-runs.ts";
import { windowSuite } from "../support/payouts/window-suite.ts";

windowSuite("the embedded ledger", async () => embeddedLedger(), campaignRuns(100, 20));
