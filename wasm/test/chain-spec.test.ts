import { expect, test } from "vitest";
import { ArgumentError } from "@edgepool/ethash-wasm";
import { CHAINS, chainByName, customChain, epochOf, MAX_EPOCH } from "@edgepool/ethash-wasm/chain-spec";

const ethereum = customChain({ name: "like ethereum" });
const classic = chainByName("classic") ?? ethereum;

test("chains are found by their names and by no others", () => {
  expect(CHAINS.map(({ name }) => chainByName(name)?.name)).toEqual(["ethereum", "classic", "mordor", "ethereum-pow"]);
  expect(chainByName("bitcoin")).toBeUndefined();
  expect(chainByName("constructor")).toBeUndefined();
});

test("epochs follow each other without gap or overlap, across the ECIP-1099 fork too", () => {
  let block = 11_700_000 - 5 * 30_000;
  while (block < 11_700_000 + 5 * 60_000) {
    const epoch = epochOf(classic, block);
    expect(epoch.firstBlock).toBe(block);
    expect(epochOf(classic, epoch.lastBlock)).toEqual(epoch);
    block = epoch.lastBlock + 1;
  }
  expect(block).toBe(11_700_000 + 5 * 60_000);
});

test("a fork inside a short epoch ends that epoch at the fork", () => {
  const chain = { name: "cut", epochLength: 100, ecip1099Block: 250 };
  expect(epochOf(chain, 249)).toMatchObject({ number: 2, firstBlock: 200, lastBlock: 249 });
});

test("a chain with short epochs advances its seed once in 30,000 blocks", () => {
  const chain = customChain({ name: "short", epochLength: 1000 });
  expect(epochOf(chain, 29_999)).toMatchObject({ number: 29, seedRounds: 0 });
  expect(epochOf(chain, 30_000)).toMatchObject({ number: 30, seedRounds: 1 });
});

test.each([
  ["name", { name: "" }],
  ["epochLength", { name: "x", epochLength: 0 }],
  ["epochLength", { name: "x", epochLength: 1.5 }],
  ["ecip1099Block", { name: "x", ecip1099Block: -60_000 }],
  ["ecip1099Block", { name: "x", ecip1099Block: 30_000 }],
])("a custom chain with a wrong %s is refused", (argument, chain) => {
  expect(() => customChain(chain)).toThrow(expect.objectContaining({ name: "ArgumentError", argument }));
});

test.each([-1, 1.5, Number.NaN, Infinity, 2 ** 53, (MAX_EPOCH + 1) * 30_000])("block %d has no epoch", (block) => {
  expect(() => epochOf(ethereum, block)).toThrow(ArgumentError);
  expect(() => epochOf(ethereum, block)).toThrow(/^blockNumber: /);
});
