import type { Epoch, Ethash } from "@edgepool/ethash-wasm";
import { cacheBytesOf, datasetBytesOf } from "../src/sizes.ts";

/** An epoch by its sizes and seed alone; its blocks play no part in hashing. */
export function epochWith(of: { size_epoch: number; seed_rounds?: number }): Epoch {
  return {
    number: of.size_epoch,
    seedRounds: of.seed_rounds ?? of.size_epoch,
    cacheBytes: cacheBytesOf(of.size_epoch),
    datasetBytes: datasetBytesOf(of.size_epoch),
    firstBlock: 0,
    lastBlock: 0,
  };
}

/** Builds the cache unless it is there already. */
export function useCache(ethash: Ethash, wanted: Epoch): void {
  const { epoch } = ethash;
  if (epoch?.number !== wanted.number || epoch.seedRounds !== wanted.seedRounds) ethash.buildCache(wanted);
}
