/** The simulated node as an unlocker sees it, over HTTP: its chain, its money, and a pool's books beside it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ethash, meetsTarget, toHex } from "@edgepool/ethash-wasm";
import { customChain, epochOf } from "@edgepool/ethash-wasm/chain-spec";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createChainNode } from "../../core/payouts/chain-node.ts";
import { replay, type ReplayedBlock } from "../../core/payouts/replay.ts";
import { CLASSIC_REWARDS } from "../../core/payouts/reward-schedule.ts";
import { createNodeRpc, type NodeRpc } from "../../core/work/node-rpc.ts";
import { startNode, type DevNode, type NodeOptions } from "../../devnet/node/node.ts";
import { COINBASE, type BlockContents, type Transaction } from "../../devnet/node/transactions.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";

const ethash = Ethash.instantiate(loadKernel());
const nodes: DevNode[] = [];
let folder = "";

beforeAll(() => ethash.buildCache(epochOf(customChain({ name: "devnet" }), 1_000)));
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "edgepool-chain-"))));
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  await rm(folder, { recursive: true, force: true });
});

async function start(options: NodeOptions = {}): Promise<DevNode> {
  const node = await startNode({ difficulty: 4n, recommitMs: null, seed: "payouts", ...options });
  nodes.push(node);
  return node;
}

/** Our block at the current height. */
async function seal(node: DevNode): Promise<void> {
  const { header, target } = node.chain.current;
  for (let nonce = 0n; ; nonce += 1n) {
    const { mixDigest, result } = ethash.hash(header, nonce);
    if (!meetsTarget(result, target)) continue;
    expect(await node.chain.submit(`0x${nonce.toString(16).padStart(16, "0")}`, header, `0x${toHex(mixDigest)}`)).toBe(
      true,
    );
    return;
  }
}

const STRANGER = `0x${"5".repeat(40)}`;
const transaction = (height: number, n: number, over: Partial<Transaction> = {}): Transaction => ({
  hash: `0x${height.toString(16).padStart(62, "0")}${n.toString(16).padStart(2, "0")}`,
  from: STRANGER,
  to: `0x${"6".repeat(40)}`,
  value: 5n,
  gasUsed: 21_000n,
  effectiveGasPrice: 30n * 10n ** 9n,
  type: 2,
  ...over,
});
/** A stranger's transfer, one to the account, one of the account's own; a base fee from height 1,005 on. */
const contents = (height: number): BlockContents => ({
  transactions: [
    transaction(height, 1),
    transaction(height, 2, { to: COINBASE, value: 10n ** 15n, type: 0 }),
    transaction(height, 3, { from: COINBASE, value: 10n ** 12n }),
  ],
  baseFeePerGas: height >= 1_005 ? 7n * 10n ** 9n : null,
});

async function replayed(node: DevNode, to: number, lie = (balance: string) => balance): Promise<ReplayedBlock[]> {
  const honest = createNodeRpc({ name: "dev", url: node.url, timeoutMs: 5_000, secretHeaders: {} }, httpPost);
  const rpc: NodeRpc = {
    ...honest,
    call: async (call) => {
      const reply = await honest.call(call);
      if (call.method !== "eth_getBalance" || call.params[1] !== "0x3e8" || reply.kind === "failed") return reply;
      return { kind: "ok", value: lie(String(reply.value)) };
    },
  };
  const blocks: ReplayedBlock[] = [];
  const options = { rpc, node: createChainNode("dev", rpc), rules: CLASSIC_REWARDS, etherbase: COINBASE };
  for await (const block of replay({ ...options, from: 1_000, to })) blocks.push(block);
  return blocks;
}

describe("the simulated node's money", () => {
  it("adds up block by block: own blocks, uncles, fees with and without a base fee, payments in and out", async () => {
    const node = await start({ contents, fate: (nth) => (nth === 3 ? "uncle" : nth === 5 ? "lost" : "stays") });
    for (let i = 0; i < 8; i += 1) await seal(node);
    node.advance();
    const head = node.chain.head.height;
    const blocks = await replayed(node, head);
    expect(blocks.map(({ unexplainedWei }) => unexplainedWei)).toEqual(blocks.map(() => 0n));
    // Six that stayed and one uncle of eight that were found.
    expect(blocks.filter(({ earnedWei }) => earnedWei > 0n)).toHaveLength(7);
    expect(blocks.some(({ earnedWei }) => earnedWei === (5n * 10n ** 18n * 7n) / 8n)).toBe(true);
    expect(blocks[0]?.receivedWei).toBe(10n ** 15n);
  });

  it("leaves unexplained what the balance did otherwise, to the Wei", async () => {
    const node = await start({ contents });
    await seal(node);
    await seal(node);
    const blocks = await replayed(node, 1_001, (balance) => `0x${(BigInt(balance) + 1n).toString(16)}`);
    expect(blocks.map(({ unexplainedWei }) => unexplainedWei)).toEqual([1n, -1n]);
  });
});

describe("the simulated chain", () => {
  it("takes our blocks back on demand, as uncles of those that follow or for good, never an uncle into its own height", async () => {
    const node = await start();
    for (let i = 0; i < 3; i += 1) await seal(node);
    node.reorganise(2, "uncles");
    const [first, second, third] = [1_001, 1_002, 1_003].map((height) => node.chain.block(height));
    expect([first?.mined, second?.mined, third?.mined]).toEqual([null, null, null]);
    expect([first?.uncles, second?.uncles, third?.uncles].map((uncles) => uncles?.length)).toEqual([0, 1, 1]);
    await seal(node);
    node.reorganise(1, "lost");
    node.advance();
    expect(node.chain.head.uncles).toEqual([]);
    expect(node.chain.block(1_002)?.parentHash).toBe(node.chain.block(1_001)?.hash);
  });

  it("goes on where it was when the node is started again on its file, reorganisations included", async () => {
    const chainFile = join(folder, "state", "chain.jsonl");
    const first = await start({ chainFile, contents });
    for (let i = 0; i < 3; i += 1) await seal(first);
    first.reorganise(1, "uncles");
    const before = first.chain.blocks();
    await first.close();
    const second = await start({ chainFile, contents });
    expect(second.chain.blocks().slice(1)).toEqual(before.slice(1));
    expect(second.chain.current.height).toBe(first.chain.current.height);
    await seal(second);
    expect(second.chain.head.parentHash).toBe(before.at(-1)?.hash);
  });
});
