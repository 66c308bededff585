import { embeddedLedger } from "../support/embedded-ledger.ts";
import { settingsSuite } from "../support/settings-suite.ts";

settingsSuite("the embedded ledger", async () => embeddedLedger());
