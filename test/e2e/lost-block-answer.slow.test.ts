import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { restReader } from "../support/ledger-dump.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN, meets, solutions } from "../support/proofs.ts";
import { StratumClient } from "../support/stratum-client.ts";

const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const TOKEN = "a-token-for-the-books";
const HEIGHT = 1_000;
const NETWORK = 64n;
const WAIT = { timeout: 60_000, interval: 100 };

let stateDir: string;
const closing: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-block-"));
  closing.push(() => rm(stateDir, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Nodes with one seed give the same work, as if they were one; each has a chain of its own. */
async function newNode(): Promise<DevNode> {
  const node = await startNode({
    spec: LONG_CHAIN,
    startHeight: HEIGHT,
    difficulty: NETWORK,
    seed: "lost-block-answer",
    recommitMs: null,
    blockTimeMs: null,
  });
  closing.push(() => node.close());
  return node;
}

async function newPool(...nodes: DevNode[]): Promise<PoolProcess> {
  const pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "long", epochLength: 30_000 },
      difficulty: 2,
      blockRefreshInterval: "200ms",
      upstreamCheckInterval: "500ms",
      maxFails: 1,
      upstream: nodes.map(({ url }, at) => ({ name: `node-${at}`, url, timeout: "2s" })),
    },
    secrets: { REDIS_TOKEN: TOKEN },
  });
  closing.push(() => pool.close());
  return pool;
}

/** A miner that goes on listening for jobs, so that the pool goes on asking for them. */
async function newMiner(pool: PoolProcess): Promise<StratumClient> {
  const miner = await StratumClient.open(`${pool.url.replace("http", "ws")}/stratum/${LOGIN}/rig`);
  closing.push(async () => miner.close());
  await miner.ask({ id: 1, jsonrpc: "2.0", method: "eth_submitLogin", params: [LOGIN] });
  return miner;
}

/** The header of the job, as soon as there is one. */
async function jobOf(miner: StratumClient): Promise<string> {
  return vi.waitFor(async () => {
    const { result } = await miner.ask({ id: 2, jsonrpc: "2.0", method: "eth_getWork" });
    if (!Array.isArray(result)) throw new Error("the pool has no work");
    return String(result[0]);
  }, WAIT);
}

/** Finds the block of a job and submits it. */
async function findBlock(
  miner: StratumClient,
  header: string,
  from = 0n,
): Promise<{ nonce: string; mixDigest: string }> {
  const job = { header, seed: "", height: HEIGHT, networkDifficulty: NETWORK };
  const { value } = solutions(kernelAt(LONG_CHAIN, HEIGHT), job, from, meets(NETWORK)).next();
  if (!value) throw new Error("solutions never end");
  const params = [value.nonce, header, value.mixDigest];
  const reply = await miner.ask({ id: 3, jsonrpc: "2.0", method: "eth_submitWork", params });
  expect(reply).toEqual({ id: 3, jsonrpc: "2.0", result: true });
  return value;
}

function advance(node: DevNode, heights: number): void {
  for (let height = 0; height < heights; height++) node.advance();
}

/** Whether the books have this block once and nothing else of it, and go on having it. */
async function expectBooks(pool: PoolProcess, blocks: number, shares = 1): Promise<void> {
  const rest = restReader({ url: `${pool.url}/redis`, token: TOKEN });
  const books = async () => ({
    candidates: await rest(["ZCARD", "eth:blocks:candidates"]),
    found: await rest(["ZSCORE", "eth:finders", LOGIN]),
    shares: await rest(["ZCARD", "eth:hashrate"]),
  });
  const wanted = { candidates: blocks, found: blocks === 0 ? null : String(blocks), shares };
  await vi.waitFor(async () => expect(await books()).toEqual(wanted), WAIT);
  await sleep(2_000);
  expect(await books()).toEqual(wanted);
  const health = (await (await fetch(`${pool.url}/health`)).json()) as { outbox: { depth: number } };
  expect(health.outbox.depth).toBe(0);
}

it("writes a block's candidate once when its node took it, lost the answer and stays away, and another one has it in its chain", async () => {
  const [taker, other] = [await newNode(), await newNode()];
  taker.faults.loseSubmitReplies = Infinity;
  // It has other work in its hands, as two real nodes have.
  other.faults.rejectSubmits = true;
  const pool = await newPool(taker, other);
  const miner = await newMiner(pool);
  const header = await jobOf(miner);
  const { nonce, mixDigest } = await findBlock(miner, header);
  await vi.waitFor(() => expect(taker.chain.accepted).toHaveLength(1), WAIT);
  await taker.stopListening();
  // The block reaches the other node from its peers.
  expect(await other.chain.submit(nonce, header, mixDigest)).toBe(true);
  advance(other, 8);
  await expectBooks(pool, 1);
  await taker.startListening();
  await expectBooks(pool, 1);
});

it("writes it when the node itself is back eight heights later, workerd having been killed meanwhile", async () => {
  const node = await newNode();
  node.faults.loseSubmitReplies = Infinity;
  const pool = await newPool(node);
  const miner = await newMiner(pool);
  await findBlock(miner, await jobOf(miner));
  await vi.waitFor(() => expect(node.chain.accepted).toHaveLength(1), WAIT);
  await node.stopListening();
  node.faults.loseSubmitReplies = 0;
  advance(node, 8);
  await pool.kill();
  await pool.restart();
  await node.startListening();
  await expectBooks(pool, 1);
});

it("writes it from the uncles of the chain when somebody else's block was first", async () => {
  const node = await newNode();
  node.faults.loseSubmitReplies = Infinity;
  const pool = await newPool(node);
  const miner = await newMiner(pool);
  const header = await jobOf(miner);
  // The pool hears of the other block only after this one was found.
  node.faults.noWork = true;
  node.advance();
  await findBlock(miner, header);
  await vi.waitFor(() => expect(node.chain.accepted).toMatchObject([{ canonical: false }]), WAIT);
  node.faults.noWork = false;
  advance(node, 8);
  expect(node.chain.block(HEIGHT + 1)?.uncles).toHaveLength(1);
  await expectBooks(pool, 1);
});

it("credits a share when the node never had it, and only once the chain says so", async () => {
  const node = await newNode();
  const pool = await newPool(node);
  node.faults.failSubmits = Infinity;
  const miner = await newMiner(pool);
  await findBlock(miner, await jobOf(miner));
  const rest = restReader({ url: `${pool.url}/redis`, token: TOKEN });
  advance(node, 7);
  await sleep(1_500);
  expect(await rest(["ZCARD", "eth:hashrate"])).toBe(0);
  advance(node, 1);
  await expectBooks(pool, 0);
  expect(node.chain.accepted).toEqual([]);
});

it("writes one candidate for two nonces of one header that the node said true to, and a share for the second", async () => {
  const node = await newNode();
  const pool = await newPool(node);
  const miner = await newMiner(pool);
  const header = await jobOf(miner);
  const rest = restReader({ url: `${pool.url}/redis`, token: TOKEN });
  const { nonce } = await findBlock(miner, header);
  // Recorded: two that are under way at once are another case.
  await vi.waitFor(async () => expect(await rest(["ZCARD", "eth:blocks:candidates"])).toBe(1), WAIT);
  await findBlock(miner, header, BigInt(nonce) + 1n);
  advance(node, 8);
  await expectBooks(pool, 1, 2);
  expect(node.chain.accepted.map((block) => block.nonce)).toEqual([nonce]);
  expect(await rest(["HLEN", "eth:shares:roundCurrent"])).toBe(1);
});
