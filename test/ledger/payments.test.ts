import { embeddedLedger } from "../support/embedded-ledger.ts";
import { paymentsSuite } from "../support/payouts/payments-suite.ts";

paymentsSuite("the embedded ledger", async () => embeddedLedger());
