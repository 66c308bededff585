import { embeddedLedger } from "../support/embedded-ledger.ts";
import { ledgerConformance } from "../support/ledger-conformance.ts";

ledgerConformance("the embedded ledger on node:sqlite", async () => ({
  redis: embeddedLedger(),
  close: async () => undefined,
}));
