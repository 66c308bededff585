import { describe, expect, test } from "vitest";
import { chainByName, epochOf, Ethash, fromHex, meetsTarget, targetOf, toHex } from "ethash-wasm";
import { loadKernel } from "ethash-wasm/node";
import { instantiateKernel, LAYOUT } from "../src/kernel.ts";
import { cacheBytesOf, datasetBytesOf } from "../src/sizes.ts";
import { epochWith, useCache } from "./epochs.ts";
import { vectors } from "./vectors.ts";

const ethash = Ethash.instantiate(loadKernel());
const useEpoch = (wanted: { size_epoch: number; seed_rounds: number }) => useCache(ethash, epochWith(wanted));

describe("hashing", () => {
  test.each(vectors.pow.toSorted((a, b) => a.size_epoch - b.size_epoch))(
    "gives mix digest and result of $algo, epoch $size_epoch, nonce $nonce",
    (vector) => {
      useEpoch(vector);
      const { mixDigest, result } = ethash.hash(vector.header_hash, vector.nonce);
      expect(toHex(mixDigest)).toBe(vector.mix_digest);
      expect(toHex(result)).toBe(vector.result);
      expect(toHex(ethash.resultOf(vector.header_hash, vector.nonce, vector.mix_digest))).toBe(vector.result);
      if (vector.difficulty !== undefined && vector.boundary !== undefined) {
        const target = targetOf(BigInt(vector.difficulty));
        expect(target.toString(16).padStart(64, "0")).toBe(vector.boundary);
        expect(meetsTarget(result, target)).toBe(true);
      }
    },
  );

  test.each(vectors.pow.filter((vector) => vector.block !== null))(
    "finds the epoch of $algo block $block",
    (vector) => {
      const chain = chainByName(vector.algo === "etchash" ? "classic" : "ethereum");
      const epoch = chain && epochOf(chain, vector.block ?? -1);
      expect(epoch).toMatchObject({ number: vector.size_epoch, seedRounds: vector.seed_rounds });
    },
  );
});

test.each(vectors.epoch_rules)("$chain block $block lies in epoch $size_epoch after $seed_rounds rounds", (rule) => {
  const chain = chainByName(rule.chain === "ETC" ? "classic" : "mordor");
  expect(chain && epochOf(chain, rule.block)).toMatchObject({ number: rule.size_epoch, seedRounds: rule.seed_rounds });
});

test.each(vectors.sizes)("epoch $size_epoch has the published sizes", (sizes) => {
  expect(cacheBytesOf(sizes.size_epoch)).toBe(sizes.cache_bytes);
  expect(datasetBytesOf(sizes.size_epoch)).toBe(sizes.dataset_bytes);
});

test.each(vectors.seeds)("the seed hash after $seed_rounds rounds is the published one", ({ seed_rounds, seed }) => {
  expect(toHex(ethash.seedHash(seed_rounds))).toBe(seed);
});

test.each(vectors.keccak)("Keccak-256 of '$input' is the published one", ({ input, value }) => {
  expect(toHex(ethash.keccak256(fromHex(input)))).toBe(value);
});

describe("dataset items", () => {
  test.each(vectors.dataset_items)("epoch $size_epoch, page $index_1024bit", (vector) => {
    useEpoch(vector);
    expect(toHex(ethash.datasetPage(vector.index_1024bit))).toBe(vector.item0 + vector.item1);
  });
});

// Sizes that no epoch has: only the kernel itself can be asked for them.
describe("miniature caches and datasets", () => {
  const kernel = instantiateKernel(loadKernel());
  kernel.memory.grow(1);
  const bytes = (address: number, length: number) => new Uint8Array(kernel.memory.buffer, address, length);

  function buildMiniature(cacheBytes: number, epoch: number): void {
    const items = cacheBytes / 64;
    kernel.setCacheItems(items);
    kernel.seedHash(epoch);
    kernel.fillCache(0, items);
    for (let round = 0; round < 3; round++) kernel.mixCache(0, items);
  }

  test.each(vectors.small)("$kind of $cache_bytes bytes of cache", (vector) => {
    buildMiniature(vector.cache_bytes, vector.kind === "cache" ? vector.epoch : 0);
    if (vector.kind === "cache") {
      expect(toHex(bytes(LAYOUT.cache, vector.cache_bytes))).toBe(vector.content);
      return;
    }
    const pages = vector.dataset_bytes / 128;
    kernel.setDatasetPages(pages);
    if (vector.kind === "dataset") {
      const dataset = new Uint8Array(vector.dataset_bytes);
      for (let page = 0; page < pages; page++) {
        kernel.buildPage(page);
        dataset.set(bytes(LAYOUT.items, 128), 128 * page);
      }
      expect(toHex(ethash.keccak256(dataset))).toBe(vector.keccak256);
      return;
    }
    bytes(LAYOUT.shares, 32).set(fromHex(vector.header_hash));
    bytes(LAYOUT.shares + LAYOUT.shareNonce, 8).set(fromHex(vector.nonce).toReversed());
    kernel.hashShares(1);
    expect(toHex(bytes(LAYOUT.shares + LAYOUT.shareMixDigest, 32))).toBe(vector.mix_digest);
    expect(toHex(bytes(LAYOUT.shares + LAYOUT.shareResult, 32))).toBe(vector.result);
  });
});
