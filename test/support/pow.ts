import { Ethash } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { epochOf, type ChainSpec } from "../../core/chain-spec.ts";

/** In Node: a kernel with the complete cache of the epoch of a height. */
export function kernelAt(chain: ChainSpec, height: number): Ethash {
  const ethash = Ethash.instantiate(loadKernel());
  ethash.buildCache(epochOf(chain, height));
  return ethash;
}
