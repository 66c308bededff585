import { describe, expect, it } from "vitest";
import type { ChainPlace } from "../../../core/work/chain-search.ts";
import { bytes, POOL, TestNode, testBlock, type TestTransaction } from "../../support/payouts/test-chain.ts";

const HEIGHT = 20_000_000;
const transaction = (n: number, over: Partial<TestTransaction> = {}): TestTransaction => ({
  hash: bytes(32, `t${n}`),
  from: bytes(20, `f${n}`),
  gasUsed: 21_000n,
  effectiveGasPrice: 10n ** 9n,
  ...over,
});

async function placed(node: TestNode, height = HEIGHT): Promise<ChainPlace> {
  const search = await node.chain.search({ from: height, to: height, height, isIt: () => true });
  if (search.kind !== "found") throw new Error(search.kind);
  return search.place;
}

function nodeWith(transactions: readonly TestTransaction[], over: Parameters<typeof testBlock>[1] = {}): TestNode {
  const node = new TestNode();
  node.put(testBlock(HEIGHT, { miner: POOL, transactions, ...over }));
  return node;
}

describe("a node, asked for a block's revenue", () => {
  it("gives receipts by one request for the block where it can, and else by one batch", async () => {
    for (const hasBlockReceipts of [true, false]) {
      const node = nodeWith([transaction(1), transaction(2)], { baseFeePerGas: 7n });
      node.hasBlockReceipts = hasBlockReceipts;
      const place = await placed(node);
      node.requests = 0;
      const read = await node.chain.read(place);
      expect(read).toMatchObject({
        ok: true,
        miner: POOL,
        block: { as: "block", gasUsed: 42_000n, baseFeePerGas: 7n },
      });
      expect(node.requests).toBe(hasBlockReceipts ? 1 : 2);
      // What it does not have, it is not asked for again.
      await node.chain.read(place);
      expect(node.requests).toBe(hasBlockReceipts ? 2 : 3);
    }
  });

  it("is asked nothing for an empty block and for an uncle", async () => {
    const node = nodeWith([]);
    const place = await placed(node);
    node.requests = 0;
    expect(await node.chain.read(place)).toMatchObject({ ok: true, block: { receipts: [] } });
    expect(await node.chain.read({ ...place, as: "uncle", height: HEIGHT + 1 })).toMatchObject({
      ok: true,
      block: { as: "uncle", height: HEIGHT + 1, uncleHeight: HEIGHT },
    });
    expect(node.requests).toBe(0);
  });

  it.each<[string, (receipts: Record<string, unknown>[]) => unknown, RegExp]>([
    ["null", () => null, /0 receipts for 2 transactions/],
    ["one missing", (receipts) => receipts.slice(1), /1 receipts for 2/],
    ["one null", (receipts) => [receipts[0], null], /missing, or of another block/],
    ["in another order", (receipts) => receipts.toReversed(), /missing, or of another block/],
    ["of another block", (receipts) => receipts.map((r) => ({ ...r, blockHash: bytes(32, "z") })), /of another block/],
    ["without gas", ([first, second]) => [first, { ...second, gasUsed: undefined }], /gasUsed or effectiveGasPrice/],
  ])("refuses receipts that are %s: nothing is skipped", async (_what, twist, reason) => {
    const node = nodeWith([transaction(1), transaction(2)]);
    const place = await placed(node);
    node.twist = (call, result) => (call.method === "eth_getBlockReceipts" ? twist(result as never) : result);
    expect(await node.chain.read(place)).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
  });

  it("takes the transaction's own price where the node gives no effective one", async () => {
    const node = nodeWith([transaction(1)]);
    const place = await placed(node);
    node.twist = ({ method }, result) => {
      if (method !== "eth_getBlockReceipts") return result;
      return (result as Record<string, unknown>[]).map(({ effectiveGasPrice: _none, ...rest }) => rest);
    };
    expect(await node.chain.read(place)).toMatchObject({
      ok: true,
      block: { receipts: [{ gasUsed: 21_000n, effectiveGasPrice: 10n ** 9n }] },
    });
  });

  it("says who it mines for, its height, peers and whether it is syncing, in one request", async () => {
    const node = nodeWith([]);
    expect(await node.status()).toEqual({ kind: "well", head: HEIGHT, syncing: false, peers: 5, etherbase: POOL });
    node.syncing = true;
    node.etherbase = null;
    expect(await node.status()).toMatchObject({ syncing: true, etherbase: null });
    expect(node.requests).toBe(2);
    node.away = true;
    expect(await node.status()).toEqual({ kind: "failed", reason: "cannot be reached: connection refused" });
  });
});
