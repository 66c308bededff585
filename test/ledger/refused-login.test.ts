import { embeddedLedger } from "../support/embedded-ledger.ts";
import { refusedLoginSuite } from "../support/refused-login-suite.ts";

refusedLoginSuite("the embedded ledger", async () => ({ redis: embeddedLedger(), close: async () => undefined }));
