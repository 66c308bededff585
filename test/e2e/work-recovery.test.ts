import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainByName, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type PoolOptions, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { JobListener, loginOf } from "./support/job-listener.ts";

const TOKEN = "notify-token-of-this-test";
const WAIT = { timeout: 120_000, interval: 50 };

let stateDir: string;
let node: DevNode;
const pools: PoolProcess[] = [];
const nodes: DevNode[] = [];
const miners: JobListener[] = [];
const logs: string[] = [];

async function newNode(options: Parameters<typeof startNode>[0] = {}): Promise<DevNode> {
  const started = await startNode({ recommitMs: null, blockTimeMs: null, startHeight: 1000, ...options });
  nodes.push(started);
  return started;
}

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-work-"));
  node = await newNode();
});

afterEach(async () => {
  for (const miner of miners.splice(0)) miner.close();
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
  await Promise.all(nodes.splice(0).map((started) => started.close()));
  await rm(stateDir, { recursive: true, force: true });
  logs.length = 0;
});

async function newPool({ vars, ...options }: Partial<PoolOptions> = {}): Promise<PoolProcess> {
  const pool = await startPool({
    stateDir,
    cron: false,
    secrets: { NOTIFY_TOKEN: TOKEN },
    onLog: ({ message }) => void logs.push(message),
    ...options,
    vars: { chain: { name: "devnet", epochLength: 30_000 }, upstream: upstreamsOf(node), ...vars },
  });
  pools.push(pool);
  return pool;
}

function chainOf(name: string): ChainSpec {
  const chain = chainByName(name);
  if (chain === undefined) throw new Error(`no chain ${name}`);
  return chain;
}

const upstreamsOf = (...started: DevNode[]) =>
  started.map(({ url }, index) => ({ name: `node-${index}`, url, timeout: "30s" }));
const headerOf = ({ chain }: DevNode) => chain.current.header;

async function newMiner(pool: PoolProcess, number: number): Promise<JobListener> {
  const miner = await JobListener.open(pool.url, loginOf(number));
  miners.push(miner);
  return miner;
}

async function hasJob(miner: JobListener, header: () => string): Promise<void> {
  await vi.waitFor(() => expect(miner.headers.at(-1)).toBe(header()), WAIT);
}

describe("work at the miners", () => {
  it("follows a node that is only polled", async () => {
    const pool = await newPool();
    const miner = await newMiner(pool, 1);
    await hasJob(miner, () => headerOf(node));
    for (let block = 0; block < 3; block += 1) {
      node.advance();
      await hasJob(miner, () => headerOf(node));
    }
  });

  it("comes by push, long before the next poll", async () => {
    const pool = await newPool({ vars: { blockRefreshInterval: "5m", workMaxAge: "1h" } });
    const pusher = await newNode({ notify: [`${pool.url}/notify/${TOKEN}`] });
    const miner = await newMiner(pool, 1);
    await hasJob(miner, () => headerOf(node));
    pusher.jumpTo(2000);
    await hasJob(miner, () => headerOf(pusher));
  });

  it("goes through relays", async () => {
    const pool = await newPool({ vars: { jobRelays: 3 } });
    const all = await Promise.all(Array.from({ length: 8 }, (_, number) => newMiner(pool, number)));
    await Promise.all(all.map((miner) => hasJob(miner, () => headerOf(node))));
    node.advance();
    await Promise.all(all.map((miner) => hasJob(miner, () => headerOf(node))));
  });

  it("goes on from another node while the first one hangs, and the log says so once", async () => {
    const second = await newNode();
    const pool = await newPool({ vars: { upstream: upstreamsOf(node, second) } });
    const miner = await newMiner(pool, 1);
    await hasJob(miner, () => headerOf(node));
    node.faults.hang = true;
    for (let block = 0; block < 6; block += 1) {
      second.advance();
      await hasJob(miner, () => headerOf(second));
    }
    expect(logs.filter((line) => line.includes("upstream is")).length).toBe(1);
  });
});

const healthOf = async (pool: PoolProcess) => {
  const answer = await fetch(`${pool.url}/health`);
  return { status: answer.status, text: await answer.text() };
};

describe("a node that cannot be right", () => {
  it("is believed within seconds where it went back and is the only one: miners leave the dead job", async () => {
    const pool = await newPool();
    const miner = await newMiner(pool, 1);
    await hasJob(miner, () => headerOf(node));
    const dead = headerOf(node);
    node.jumpTo(500);
    await hasJob(miner, () => headerOf(node));
    expect([...new Set(miner.headers)]).toEqual([dead, headerOf(node)]);
    expect(logs.filter((line) => line.includes("the node went back")).length).toBe(1);
  });

  it("is named on /health before any miner has come: of another chain, though its seed hash fits", async () => {
    const classic = await newNode({ spec: chainOf("classic"), startHeight: 11_760_100 });
    const pool = await newPool({ vars: { chain: "ethereum", upstream: upstreamsOf(classic) } });
    const { status, text } = await healthOf(pool);
    expect(status).toBe(503);
    expect(text).toContain('the node is on \\"classic\\" (chain id 61), and the pool on \\"ethereum\\" (chain id 1)');
  });

  it("is named on /health before any miner has come: of silence, and no more once it answers", async () => {
    await node.stopListening();
    const pool = await newPool();
    const { status, text } = await healthOf(pool);
    expect(status).toBe(503);
    expect(text).toContain('no node has given work yet, so miners hear \\"Work not ready\\"');
    await node.startListening();
    await vi.waitFor(async () => expect((await healthOf(pool)).status).toBe(200), WAIT);
  });
});

describe("workerd is killed", () => {
  it("in the middle of a poll: the loop is back by the next cron tick, without anyone connecting", async () => {
    const pool = await newPool();
    const miner = await newMiner(pool, 1);
    await hasJob(miner, () => headerOf(node));
    node.faults.hang = true;
    const asked = node.calls.get("http") ?? 0;
    await vi.waitFor(() => expect(node.calls.get("http")).toBeGreaterThan(asked), WAIT);
    await pool.kill();
    node.faults.hang = false;
    node.advance();
    const before = node.calls.get("eth_getWork") ?? 0;
    await pool.restart();
    await pool.scheduled();
    await vi.waitFor(() => expect(node.calls.get("eth_getWork")).toBeGreaterThan(before), WAIT);
    const again = await newMiner(pool, 1);
    await hasJob(again, () => headerOf(node));
    expect(new Set(again.headers)).toEqual(new Set([headerOf(node)]));
  });

  it("in the middle of a fan-out: everybody has the current job on reconnect, and later ones", async () => {
    const pool = await newPool();
    const count = 60;
    const first = await Promise.all(Array.from({ length: count }, (_, number) => newMiner(pool, number)));
    await Promise.all(first.map((miner) => hasJob(miner, () => headerOf(node))));
    // Whoever hears of the block first gives the signal: most of the others have not heard of it yet.
    const before = headerOf(node);
    const heard = Promise.withResolvers<void>();
    const listener = (header: string) => void (header === before || heard.resolve());
    const early = await JobListener.open(pool.url, loginOf(count), listener);
    miners.push(early);
    await hasJob(early, () => before);
    node.advance();
    await heard.promise;
    await pool.kill();
    await vi.waitFor(() => expect(first.some((miner) => miner.isOpen)).toBe(false), WAIT);
    await pool.restart();
    const again = await Promise.all(Array.from({ length: count }, (_, number) => newMiner(pool, number)));
    await Promise.all(again.map((miner) => hasJob(miner, () => headerOf(node))));
    node.advance();
    await Promise.all(again.map((miner) => hasJob(miner, () => headerOf(node))));
  });
});
