import { embeddedLedger } from "../support/embedded-ledger.ts";
import { windowSuite } from "../support/payouts/window-suite.ts";

windowSuite("the embedded ledger", async () => embeddedLedger());
