import { readFileSync } from "node:fs";
import binaryen from "binaryen";
import { expect, test } from "vitest";
import { BuildAbandonedError, Ethash, KernelTrapError, NoCacheError } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { epochWith } from "./epochs.ts";

const epoch = epochWith({ size_epoch: 0 });
const header = "11".repeat(32);
const healthy = Ethash.instantiate(loadKernel());
healthy.buildCache(epoch);

/** The kernel with one export that traps, as nothing that goes through the typed host can make the real one do. */
function trappingKernel(exportName: string): WebAssembly.Module {
  const bytes = readFileSync(new URL("../dist/kernel.wasm", import.meta.url));
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  const { value } = binaryen.getExportInfo(module.getExport(exportName));
  const { params, results } = binaryen.getFunctionInfo(module.getFunction(value));
  module.removeFunction(value);
  module.addFunction(value, params, results, [], module.unreachable());
  const trapping = new WebAssembly.Module(Uint8Array.from(module.emitBinary()));
  module.dispose();
  return trapping;
}

test("a trap while hashing is a typed error and leaves a fresh instance that can build its cache again", () => {
  const ethash = Ethash.instantiate(trappingKernel("hashShares"));
  ethash.buildCache(epoch);
  const grown = ethash.memoryBytes;
  expect(() => ethash.hash(header, 1n)).toThrow(KernelTrapError);
  expect(ethash.epoch).toBeNull();
  expect(ethash.memoryBytes, "the old memory is gone").toBeLessThan(grown);
  expect(() => ethash.hash(header, 1n)).toThrow(NoCacheError);
  ethash.buildCache(epoch);
  expect(Buffer.compare(ethash.cache(), healthy.cache())).toBe(0);
  expect(() => ethash.hashBatch([{ header, nonce: 1n }])).toThrow(
    expect.objectContaining({ kind: "trap", cause: expect.any(WebAssembly.RuntimeError) }),
  );
});

test("a trap while building gives the build up", () => {
  const ethash = Ethash.instantiate(trappingKernel("mixCache"));
  const build = ethash.startCache(epoch);
  expect(() => build.step(Infinity)).toThrow(KernelTrapError);
  expect([build.done, build.abandoned, ethash.epoch]).toEqual([false, true, null]);
  expect(() => build.step()).toThrow(BuildAbandonedError);
  expect(ethash.resultOf(header, 1n, header)).toEqual(healthy.resultOf(header, 1n, header));
});

test("a trap in the cheap test costs the cache, too, for the memory can no longer be trusted", () => {
  const ethash = Ethash.instantiate(trappingKernel("resultOfShare"));
  ethash.buildCache(epoch);
  expect(() => ethash.resultOf(header, 1n, header)).toThrow(KernelTrapError);
  expect(ethash.epoch).toBeNull();
  ethash.buildCache(epoch);
  expect(ethash.hash(header, 1n)).toEqual(healthy.hash(header, 1n));
});
