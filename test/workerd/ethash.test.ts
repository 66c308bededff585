import { describe, expect, test } from "vitest";
import { chainByName, epochOf, Ethash, MAX_BATCH, toHex, type Epoch } from "@edgepool/ethash-wasm";
import kernel from "@edgepool/ethash-wasm/kernel.wasm";
import vectors from "../vectors/ethash.json";

const ethash = Ethash.instantiate(kernel);

function useBlock(algo: string, block: number): Epoch {
  const chain = chainByName(algo === "etchash" ? "classic" : "ethereum");
  if (!chain) throw new Error(`no chain for ${algo}`);
  const epoch = epochOf(chain, block);
  if (ethash.epoch?.number !== epoch.number) ethash.buildCache(epoch);
  return epoch;
}

describe("ethash-wasm inside workerd", () => {
  const shares = vectors.pow
    .flatMap((vector) => (vector.block === null ? [] : [{ ...vector, block: vector.block }]))
    .filter(({ size_epoch }) => size_epoch === 0 || size_epoch === 195)
    .toSorted((a, b) => a.size_epoch - b.size_epoch);

  test.each(shares)("gives mix digest and result of $algo block $block", (vector) => {
    useBlock(vector.algo, vector.block);
    const { mixDigest, result } = ethash.hash(vector.header_hash, vector.nonce);
    expect([toHex(mixDigest), toHex(result)]).toEqual([vector.mix_digest, vector.result]);
    expect(toHex(ethash.resultOf(vector.header_hash, vector.nonce, vector.mix_digest))).toBe(vector.result);
  });

  test("gives in batches of every size what the shares give alone", () => {
    useBlock("ethash", 0);
    const inputs = Array.from({ length: MAX_BATCH }, (_, index) => ({
      header: new Uint8Array(32).fill(index),
      nonce: (BigInt(index) * 0x0123_4567_89ab_cdefn) % 2n ** 64n,
    }));
    const alone = inputs.map(({ header, nonce }) => ethash.hash(header, nonce));
    for (let size = 1; size <= MAX_BATCH; size++)
      expect(ethash.hashBatch(inputs.slice(0, size))).toEqual(alone.slice(0, size));
  });

  test("builds the published cache", () => {
    useBlock("ethash", 0);
    const published = vectors.caches.find(({ size_epoch }) => size_epoch === 0);
    expect(toHex(ethash.keccak256(ethash.cache()))).toBe(published?.value);
  });
});
