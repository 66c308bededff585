import { type Epoch, chainByName, epochOf } from "@edgepool/ethash-wasm";

/**
 * Epoch 391: its light cache has the size of Etchash's in November 2026 (Ethereum Classic, block 23.5 M). The chain is Ethereum's, so that
 * native code, which knows no ECIP-1099, can verify the same shares.
 */
export const HEIGHT = 391 * 30_000;

/** The epoch of all that is measured. */
export function measuredEpoch(): Epoch {
  const chain = chainByName("ethereum");
  if (!chain) throw new Error("no such chain");
  return epochOf(chain, HEIGHT);
}
