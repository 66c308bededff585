import { embeddedLedger } from "../support/embedded-ledger.ts";
import { execConformance } from "../support/exec-conformance.ts";

execConformance("the embedded ledger on node:sqlite", async () => ({
  redis: embeddedLedger(),
  close: async () => undefined,
}));
