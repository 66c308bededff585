import { it } from "vitest";
import { walkShareToLedger } from "../support/share-to-ledger.ts";

it("writes a miner's shares and block into the embedded ledger exactly as docs/ledger.md has them", async () => {
  await walkShareToLedger(null);
});
