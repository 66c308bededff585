import { embeddedLedger } from "../support/embedded-ledger.ts";
import { unlockerSuite } from "../support/payouts/unlocker-suite.ts";

unlockerSuite("the embedded ledger", async () => embeddedLedger());
