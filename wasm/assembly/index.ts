// What the host calls. Arguments and results stand in memory, at the addresses of layout.ts.
import { MAX_SHARES } from "./layout";
import { mixBatch } from "./batch";
import { finishResult, finishShare, seedShare, startMix } from "./share";
import { mixSingle } from "./single";

export { fillCache, mixCache, setCacheItems, setDatasetPages } from "./cache";
export { buildPage } from "./single";
export { keccakAbsorb, keccakReset, seedHash } from "./sponge";

/** Mix digests and results of the first `count` shares. */
export function hashShares(count: u32): void {
  if (count == 0 || count > MAX_SHARES) unreachable();
  for (let share: u32 = 0; share < count; share++) {
    seedShare(share);
    startMix(share);
  }
  if (count == 1) mixSingle();
  else mixBatch(count);
  for (let share: u32 = 0; share < count; share++) finishShare(share);
}

/** The result of share 0 from the mix digest in its slot: the cheap test, two Keccaks. */
export function resultOfShare(): void {
  seedShare(0);
  finishResult(0);
}
