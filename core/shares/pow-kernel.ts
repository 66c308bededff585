import { MAX_BATCH, type CacheBuild, type Epoch, type Ethash, type PowHash, type PowInput } from "ethash-wasm";

export type { PowHash, PowInput };

/** The part of `ethash-wasm`'s `Ethash` that the pool verifies with. After a trap the instance is a fresh one without a cache. */
export interface PowKernel extends Pick<Ethash, "epoch" | "hashBatch" | "resultOf"> {
  startCache(epoch: Epoch): Pick<CacheBuild, "epoch" | "step" | "progress" | "done">;
}

/** The most shares that are hashed in one call: 32 take about 12 ms (kernel.md), and more gain nothing. */
export const LARGEST_HASH_BATCH = MAX_BATCH;
