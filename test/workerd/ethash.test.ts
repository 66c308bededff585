import { expect, test } from "vitest";
import { chainByName, epochOf, Ethash, toHex } from "ethash-wasm";
import kernel from "ethash-wasm/kernel.wasm";
import vectors from "../vectors/ethash.json";

test("hashes a published share inside workerd", () => {
  const [vector] = vectors.pow;
  const chain = chainByName("ethereum");
  if (!vector || !chain) throw new Error("no vector");
  const ethash = Ethash.instantiate(kernel);
  ethash.buildCache(epochOf(chain, vector.block ?? 0));
  const { mixDigest, result } = ethash.hash(vector.header_hash, vector.nonce);
  expect([toHex(mixDigest), toHex(result)]).toEqual([vector.mix_digest, vector.result]);
});
