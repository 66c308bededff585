import { toHex, type Ethash } from "@edgepool/ethash-wasm";
import type { Work } from "./contender.ts";

/** Does the work and gives the last result in hex. */
export function hashWork(ethash: Ethash, { header, firstNonce, shares, calls }: Work): string {
  let last: Uint8Array = new Uint8Array();
  for (let call = 0; call < calls; call++) {
    const first = firstNonce + BigInt(call * shares);
    const inputs = Array.from({ length: shares }, (_, index) => ({ header, nonce: first + BigInt(index) }));
    const hashes = ethash.hashBatch(inputs);
    last = hashes.at(-1)?.result ?? last;
  }
  return toHex(last);
}
