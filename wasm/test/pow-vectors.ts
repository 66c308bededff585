import { expect, test } from "vitest";
import { Ethash, meetsTarget, targetOf, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { epochWith, useCache } from "./epochs.ts";
import { vectors } from "./vectors.ts";

/** Registers the tests of every published hash whose size epoch is in the range, `to` excluded. */
export function testHashing(from: number, to: number): void {
  const ethash = Ethash.instantiate(loadKernel());
  const inRange = (vector: { size_epoch: number }) => vector.size_epoch >= from && vector.size_epoch < to;

  test.each(vectors.pow.filter(inRange).toSorted((a, b) => a.size_epoch - b.size_epoch))(
    "gives mix digest and result of $algo, epoch $size_epoch, nonce $nonce",
    (vector) => {
      useCache(ethash, epochWith(vector));
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
}
