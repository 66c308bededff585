import { describe, expect, test, vi } from "vitest";
import {
  BuildAbandonedError,
  Ethash,
  MemoryError,
  memoryFor,
  NoCacheError,
  SLICE_ITEMS,
  toHex,
} from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { epochWith } from "./epochs.ts";
import { seeded } from "./random.ts";

const small = epochWith({ size_epoch: 0 });
const larger = epochWith({ size_epoch: 3 });
const header = "11".repeat(32);

const whole = Ethash.instantiate(loadKernel());
whole.buildCache(small);
const digest = toHex(whole.keccak256(whole.cache()));

describe("building in slices", () => {
  test("of any size gives the same cache as in one go, and progress grows from 0 to 1", () => {
    const ethash = Ethash.instantiate(loadKernel());
    const build = ethash.startCache(small);
    const random = seeded(7);
    expect([build.progress, build.done, build.epoch]).toEqual([0, false, small]);
    let last = 0;
    while (!build.done) {
      const progress = build.step(1 + random(60_000));
      expect(progress).toBeGreaterThan(last);
      last = progress;
    }
    expect(last).toBe(1);
    expect(toHex(ethash.keccak256(ethash.cache()))).toBe(digest);
    expect(build.step(), "a step after the last does nothing").toBe(1);
  });

  test("does exactly the items that were asked for", () => {
    const build = Ethash.instantiate(loadKernel()).startCache(small);
    const total = (4 * small.cacheBytes) / 64;
    expect(build.step(1)).toBe(1 / total);
    expect(build.step()).toBe((1 + SLICE_ITEMS) / total);
    expect(build.step(small.cacheBytes / 64)).toBe((1 + SLICE_ITEMS + small.cacheBytes / 64) / total);
  });

  test.each([0, -5, Number.NaN])("refuses a slice of %d items", (items) => {
    const build = Ethash.instantiate(loadKernel()).startCache(small);
    expect(() => build.step(items)).toThrow(expect.objectContaining({ name: "ArgumentError", argument: "items" }));
  });

  test("leaves the cheap test, seeds and Keccak to be used in between", () => {
    const ethash = Ethash.instantiate(loadKernel());
    const build = ethash.startCache(small);
    while (!build.done) {
      build.step(200_000);
      ethash.seedHash(5);
      ethash.resultOf(header, 1n, header);
      ethash.keccak256(new Uint8Array(1000));
    }
    expect(toHex(ethash.keccak256(ethash.cache()))).toBe(digest);
  });

  test("has no usable cache before the end", () => {
    const ethash = Ethash.instantiate(loadKernel());
    ethash.buildCache(small);
    const build = ethash.startCache(larger);
    build.step();
    expect(ethash.epoch).toBeNull();
    expect(() => ethash.hash(header, 1n)).toThrow(NoCacheError);
    expect(() => ethash.hashBatch([{ header, nonce: 1n }])).toThrow(NoCacheError);
  });

  test("is given up when another build starts", () => {
    const ethash = Ethash.instantiate(loadKernel());
    const first = ethash.startCache(larger);
    first.step();
    const second = ethash.startCache(small);
    expect([first.abandoned, second.abandoned]).toEqual([true, false]);
    expect(() => first.step()).toThrow(BuildAbandonedError);
    second.step(Infinity);
    expect(toHex(ethash.keccak256(ethash.cache()))).toBe(digest);
  });
});

describe("memory", () => {
  test("is sized by the epoch, grows in place and is used again for a smaller epoch", () => {
    const ethash = Ethash.instantiate(loadKernel());
    ethash.buildCache(small);
    expect(ethash.memoryBytes).toBe(memoryFor(small));
    ethash.buildCache(larger);
    expect(ethash.memoryBytes).toBe(memoryFor(larger));
    ethash.buildCache(small);
    expect(ethash.memoryBytes).toBe(memoryFor(larger));
    expect(ethash.hash(header, 1n)).toEqual(whole.hash(header, 1n));
  });

  test("never grows over the budget: the build is refused and the old cache stays in use", () => {
    const ethash = Ethash.instantiate(loadKernel(), { maxMemoryBytes: memoryFor(small) });
    ethash.buildCache(small);
    const before = ethash.memoryBytes;
    expect(() => ethash.startCache(larger)).toThrow(MemoryError);
    expect(() => ethash.startCache(larger)).toThrow(
      expect.objectContaining({ kind: "memory", requiredBytes: memoryFor(larger), maxMemoryBytes: memoryFor(small) }),
    );
    expect([ethash.memoryBytes, ethash.epoch]).toEqual([before, small]);
    expect(ethash.hash(header, 1n)).toEqual(whole.hash(header, 1n));
  });

  test("that the machine does not give is the same typed error, without a budget in it", () => {
    const ethash = Ethash.instantiate(loadKernel());
    ethash.buildCache(small);
    const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(() => {
      throw new RangeError("WebAssembly.Memory.grow(): Unable to grow instance memory");
    });
    expect(() => ethash.startCache(larger)).toThrow(expect.objectContaining({ kind: "memory", maxMemoryBytes: null }));
    grow.mockRestore();
    expect(ethash.hash(header, 1n)).toEqual(whole.hash(header, 1n));
  });
});
