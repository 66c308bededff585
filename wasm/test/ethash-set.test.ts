import { expect, test } from "vitest";
import { Ethash, EthashSet, MemoryError, memoryFor } from "ethash-wasm";
import { loadKernel } from "ethash-wasm/node";
import { epochWith } from "./epochs.ts";

const [first, second, third] = [0, 1, 2].map((size_epoch) => epochWith({ size_epoch }));
if (!first || !second || !third) throw new Error("no epochs");
const header = "11".repeat(32);
const kernel = loadKernel();

const build = (set: EthashSet, epoch: typeof first) => {
  set.prepare(epoch).step(Infinity);
  const ethash = set.ready(epoch);
  if (!ethash) throw new Error("not ready");
  return ethash;
};

test("two caches stand side by side where the budget holds both", () => {
  const set = new EthashSet(kernel, { maxMemoryBytes: memoryFor(first) + memoryFor(second) });
  const current = build(set, first);
  const preparing = set.prepare(second);
  expect(set.ready(second)).toBeNull();
  expect(set.ready(first), "the current one serves while the next is built").toBe(current);
  preparing.step(Infinity);
  expect(set.ready(second)?.epoch).toEqual(second);
  expect(set.ready(first)?.epoch).toEqual(first);
  expect(set.memoryBytes).toBe(memoryFor(first) + memoryFor(second));
});

test("where it holds one, the next cache takes the memory of the last", () => {
  const set = new EthashSet(kernel, { maxMemoryBytes: memoryFor(second) });
  const current = build(set, first);
  const next = build(set, second);
  expect(next).toBe(current);
  expect(set.ready(first)).toBeNull();
  expect(set.memoryBytes).toBe(memoryFor(second));
});

test("without a budget there is one", () => {
  const set = new EthashSet(kernel);
  expect(build(set, second)).toBe(build(set, first));
  expect(set.memoryBytes).toBe(memoryFor(second));
});

test("the one that was idle longest makes way", () => {
  const set = new EthashSet(kernel, { maxMemoryBytes: 2 * memoryFor(third) });
  build(set, first);
  build(set, second);
  set.ready(first);
  build(set, third);
  expect(set.ready(second)).toBeNull();
  expect(set.ready(first)?.epoch).toEqual(first);
  expect(set.memoryBytes).toBeLessThanOrEqual(2 * memoryFor(third));
});

test("a build that runs or is done is not begun again", () => {
  const set = new EthashSet(kernel, { maxMemoryBytes: memoryFor(first) });
  const running = set.prepare(first);
  running.step();
  expect(set.prepare(first)).toBe(running);
  running.step(Infinity);
  expect(set.prepare(first).done).toBe(true);
});

test("a cache over the whole budget is refused and takes nothing away", () => {
  const set = new EthashSet(kernel, { maxMemoryBytes: memoryFor(first) });
  const current = build(set, first);
  expect(() => set.prepare(third)).toThrow(MemoryError);
  expect(set.ready(first)).toBe(current);
  expect(current.hash(header, 1n).result).toHaveLength(32);
});

test("an instance that lost its cache is not offered, and its epoch can be prepared again", () => {
  const set = new EthashSet(kernel, { maxMemoryBytes: 2 * memoryFor(second) });
  const stolen = build(set, first);
  // What a trap does to it: the cache is gone.
  stolen.startCache(second);
  expect(set.ready(first)).toBeNull();
  expect(build(set, first)).toBeInstanceOf(Ethash);
});
