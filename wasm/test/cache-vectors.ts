import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Ethash, fromHex, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { epochWith, useCache } from "./epochs.ts";
import { vectors } from "./vectors.ts";

/** Registers the tests of every published light cache whose size epoch is in the range, `to` excluded. */
export function testCaches(from: number, to: number): void {
  const ethash = Ethash.instantiate(loadKernel());
  const inRange = (vector: { size_epoch: number }) => vector.size_epoch >= from && vector.size_epoch < to;

  /** geth writes caches to disk behind this magic. */
  const gethDump = () => createHash("sha256").update(fromHex("fecaddbaaddee1fe")).update(ethash.cache()).digest("hex");

  test.each(vectors.caches.filter(inRange))(
    "size epoch $size_epoch, $seed_rounds rounds, has the published $hash",
    (cache) => {
      useCache(ethash, epochWith(cache));
      expect(cache.hash === "keccak256" ? toHex(ethash.keccak256(ethash.cache())) : gethDump()).toBe(cache.value);
    },
  );

  test.each(vectors.etchash_cache_derived.filter(inRange))(
    "Etchash epoch $size_epoch has the derived sizes, seed and cache",
    (derived) => {
      const epoch = epochWith(derived);
      expect([epoch.cacheBytes, epoch.datasetBytes]).toEqual([derived.cache_bytes, derived.dataset_bytes]);
      expect(toHex(ethash.seedHash(derived.seed_rounds))).toBe(derived.seed);
      useCache(ethash, epoch);
      expect(toHex(ethash.keccak256(ethash.cache()))).toBe(derived.cache_keccak256);
    },
  );
}
