import { Ethash } from "ethash-wasm";
import { loadKernel } from "ethash-wasm/node";
import type { Contender } from "./contender.ts";
import { hashWork } from "./hash-work.ts";

/** This package in this process. */
export function startNode(): Contender {
  const ethash = Ethash.instantiate(loadKernel());
  return {
    name: `ethash-wasm, Node ${process.version}`,
    build: async (epoch) => {
      const start = performance.now();
      ethash.buildCache(epoch);
      return performance.now() - start;
    },
    hash: async (work) => {
      const start = performance.now();
      const lastResult = hashWork(ethash, work);
      return { milliseconds: performance.now() - start, lastResult };
    },
    stop: async () => undefined,
  };
}
