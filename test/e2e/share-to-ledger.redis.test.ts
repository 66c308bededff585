import { it } from "vitest";
import { startLocalUpstash } from "../../devnet/gateway/upstash-gateway.ts";
import { walkShareToLedger } from "../support/share-to-ledger.ts";

it("writes a miner's shares and block into a real Redis exactly as docs/ledger.md has them", async () => {
  const upstash = await startLocalUpstash();
  try {
    await walkShareToLedger(upstash.gateway);
  } finally {
    await upstash.close();
  }
});
