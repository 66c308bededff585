import { describe, expect, test } from "vitest";
import {
  chainByName,
  epochOf,
  Ethash,
  fromHex,
  MAX_BATCH,
  meetsTarget,
  NoCacheError,
  targetOf,
  toHex,
  verify,
  type PowInput,
} from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { epochWith } from "./epochs.ts";

const ethash = Ethash.instantiate(loadKernel());
const epoch = epochWith({ size_epoch: 0 });
ethash.buildCache(epoch);

const header = "11".repeat(32);
const share: PowInput = { header, nonce: 1n };
const named = (argument: string) => expect.objectContaining({ name: "ArgumentError", kind: "argument", argument });
const untyped = (value: unknown) => JSON.parse(JSON.stringify(value));

describe("wrong inputs are refused by an error that names the argument", () => {
  const headers = [
    "11".repeat(31),
    `${header}11`,
    "zz".repeat(32),
    `0x${header}`.slice(0, -1),
    "",
    `0x0x${header}`,
    ` ${header}`,
  ];
  test.each([...headers, new Uint8Array(31), new Uint8Array(33), untyped(7), untyped(null)])("header %j", (wrong) => {
    expect(() => ethash.hash(wrong, 1n)).toThrow(named("header"));
    expect(() => ethash.resultOf(wrong, 1n, header)).toThrow(named("header"));
    expect(() => ethash.resultOf(header, 1n, wrong)).toThrow(named("mixDigest"));
    expect(() => ethash.hashBatch([share, { header: wrong, nonce: 1n }])).toThrow(named("inputs[1].header"));
  });

  test.each(["1", "0x1", "11".repeat(9), "xx".repeat(8), -1n, 2n ** 64n, untyped(5), untyped(null)])(
    "nonce %s",
    (wrong) => {
      expect(() => ethash.hash(header, wrong)).toThrow(named("nonce"));
      expect(() => ethash.resultOf(header, wrong, header)).toThrow(named("nonce"));
      expect(() => ethash.hashBatch([{ header, nonce: wrong }])).toThrow(named("inputs[0].nonce"));
    },
  );

  test("more shares than fit", () => {
    const inputs = Array.from({ length: MAX_BATCH + 1 }, () => share);
    expect(() => ethash.hashBatch(inputs)).toThrow(named("inputs"));
    expect(() => ethash.hashBatch(inputs)).toThrow("inputs: 33 shares where at most 32 fit");
    expect(() => ethash.hashBatch(untyped({}))).toThrow(named("inputs"));
  });

  test("epochs that no chain has", () => {
    const classic = chainByName("classic");
    const real = classic ? epochOf(classic, 20_000_000) : epoch;
    expect(() => ethash.startCache({ ...real, cacheBytes: real.cacheBytes + 64 })).toThrow(named("epoch.cacheBytes"));
    expect(() => ethash.startCache({ ...real, datasetBytes: 128 })).toThrow(named("epoch.datasetBytes"));
    expect(() => ethash.startCache({ ...real, seedRounds: -1 })).toThrow(named("epoch.seedRounds"));
    expect(() => ethash.startCache({ ...real, number: 1e6 })).toThrow(named("epoch"));
    expect(ethash.epoch, "what was there is untouched").toEqual(epoch);
  });

  test.each([-1, 1.5, 1_073_739_904 / 128, Number.NaN])("dataset page %d", (page) => {
    expect(() => ethash.datasetPage(page)).toThrow(named("page"));
  });

  test.each([-1, 0.5, 1e9])("seed rounds %d", (rounds) => {
    expect(() => ethash.seedHash(rounds)).toThrow(named("seedRounds"));
  });

  test("a message that is no byte array", () => {
    expect(() => ethash.keccak256(untyped("text"))).toThrow(named("data"));
  });

  test.each([0, -1, Number.NaN])("a memory budget of %d", (maxMemoryBytes) => {
    expect(() => Ethash.instantiate(loadKernel(), { maxMemoryBytes })).toThrow(named("maxMemoryBytes"));
  });

  test("a WebAssembly module that is not the kernel", () => {
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(() => Ethash.instantiate(empty)).toThrow(named("module"));
  });

  test("difficulties and results", () => {
    for (const wrong of [0n, -1n, untyped(5)]) expect(() => targetOf(wrong)).toThrow(named("difficulty"));
    expect(() => meetsTarget(new Uint8Array(31), 1n)).toThrow(named("result"));
  });
});

test("without a cache only what needs none works", () => {
  const fresh = Ethash.instantiate(loadKernel());
  expect(() => fresh.hash(header, 1n)).toThrow(NoCacheError);
  expect(() => fresh.hashBatch([share])).toThrow(NoCacheError);
  expect(() => fresh.cache()).toThrow(NoCacheError);
  expect(() => fresh.datasetPage(0)).toThrow(NoCacheError);
  expect(toHex(fresh.resultOf(header, 1n, header))).toBe(toHex(ethash.resultOf(header, 1n, header)));
});

describe("hex", () => {
  test("goes both ways, in either case, with or without 0x", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    expect(fromHex(toHex(bytes))).toEqual(bytes);
    expect(fromHex(`0x${toHex(bytes).toUpperCase()}`)).toEqual(bytes);
    expect(fromHex("")).toEqual(new Uint8Array());
  });

  test.each(["0", "0x0", "gg", "0X00", "00\n"])("refuses %j", (wrong) => {
    expect(() => fromHex(wrong, undefined, "text")).toThrow(named("text"));
  });
});

describe("targets", () => {
  test("are floor(2^256 / difficulty), and at most 2^256 - 1", () => {
    expect(targetOf(1n)).toBe(2n ** 256n - 1n);
    expect(targetOf(3n)).toBe((2n ** 256n - 1n) / 3n);
    expect(targetOf(2n ** 256n)).toBe(1n);
    expect(targetOf(2n ** 256n + 1n)).toBe(0n);
  });

  test("are met by a result that is equal and missed by one more", () => {
    const result = fromHex("00".repeat(30) + "0102");
    expect(meetsTarget(result, 0x0102n)).toBe(true);
    expect(meetsTarget(result, 0x0101n)).toBe(false);
    expect(meetsTarget(new Uint8Array(33).fill(0xff).subarray(1), 2n ** 256n - 2n)).toBe(false);
  });
});

describe("a claim of work", () => {
  const { mixDigest, result } = ethash.hash(header, 1n);
  const target = BigInt(`0x${toHex(result)}`);

  test("is valid at a target that its result just meets", () => {
    expect(verify(ethash, { header, nonce: 1n, mixDigest, target })).toEqual({
      valid: true,
      hash: { mixDigest, result },
    });
  });

  test("is refused by the cheap test alone where its result is over the target", () => {
    const fresh = Ethash.instantiate(loadKernel());
    const verdict = verify(fresh, { header, nonce: 1n, mixDigest, target: target - 1n });
    expect(verdict).toEqual({ valid: false, reason: "result over target", result });
  });

  test("is refused by the full verification where the mix digest was made up", () => {
    const madeUp = "22".repeat(32);
    const verdict = verify(ethash, { header, nonce: 1n, mixDigest: madeUp, target: targetOf(1n) });
    expect(verdict).toEqual({ valid: false, reason: "wrong mix digest", hash: { mixDigest, result } });
  });
});
