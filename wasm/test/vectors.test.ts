import { describe, expect, test } from "vitest";
import { chainByName, epochOf, Ethash, fromHex, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { cacheBytesOf, datasetBytesOf } from "../src/sizes.ts";
import { epochWith, useCache } from "./epochs.ts";
import { Miniature } from "./miniature.ts";
import { testHashing } from "./pow-vectors.ts";
import { vectors } from "./vectors.ts";

const ethash = Ethash.instantiate(loadKernel());
const useEpoch = (wanted: { size_epoch: number; seed_rounds: number }) => useCache(ethash, epochWith(wanted));

// The larger ones take two seconds each: vectors.slow.test.ts.
testHashing(0, 80);

describe("hashing", () => {
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

describe("miniature caches and datasets", () => {
  const miniature = new Miniature();

  test.each(vectors.small)("$kind of $cache_bytes bytes of cache", (vector) => {
    const pages = vector.kind === "cache" ? 1 : vector.dataset_bytes / 128;
    const seedRounds = vector.kind === "cache" ? vector.epoch : 0;
    const cache = miniature.build({ items: vector.cache_bytes / 64, pages, seedRounds });
    if (vector.kind === "cache") {
      expect(toHex(cache)).toBe(vector.content);
    } else if (vector.kind === "dataset") {
      const dataset = Buffer.concat(Array.from({ length: pages }, (_, page) => miniature.page(page)));
      expect(toHex(ethash.keccak256(dataset))).toBe(vector.keccak256);
    } else {
      const share = { header: fromHex(vector.header_hash), nonce: BigInt(`0x${vector.nonce}`) };
      for (const { mixDigest, result } of miniature.hash(Array.from({ length: 10 }, () => share))) {
        expect([toHex(mixDigest), toHex(result)]).toEqual([vector.mix_digest, vector.result]);
      }
    }
  });
});
