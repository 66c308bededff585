/**
 * go-ethereum as the pool's node: its work by poll and by notify, blocks that a miner finds through the pool, its death and its return, and
 * a second node that takes over. Needs Go.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { customChain } from "@edgepool/ethash-wasm/chain-spec";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { startBridge } from "../../bridge/src/index.ts";
import { startMiner } from "../../devnet/miner/miner.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { GoEthereumNode } from "./support/go-ethereum-node.ts";
import { buildGo, freePort } from "./support/programs.ts";

const TOKEN = "books-of-this-test-only";
const NOTIFY = "notify-of-this-test-only";
const ETHERBASE = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const MINER = "0x00000000000000000000000000000000000a11ce";
/** Some hundred a second are tried by a light miner: seconds a block. */
const DIFFICULTY = 2_048;
const CHAIN = { name: "stranger", epochLength: 30_000, chainId: 7331 };
const PATIENCE = { timeout: 150_000, interval: 500 };

let program: string;
const open: (() => unknown)[] = [];
beforeAll(async () => {
  program = await buildGo("mining-node");
}, 600_000);
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
}, 60_000);

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "edgepool-geth-"));
  open.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function node(notify?: string): Promise<GoEthereumNode> {
  const settings = { program, folder: await folder(), etherbase: ETHERBASE, difficulty: DIFFICULTY };
  const started = await GoEthereumNode.start({ ...settings, ...(notify !== undefined && { notify }) });
  open.push(() => started.kill());
  return started;
}

async function poolOn(nodes: readonly GoEthereumNode[], port = 0): Promise<PoolProcess> {
  const pool = await startPool({
    stateDir: await folder(),
    port,
    vars: {
      chain: CHAIN,
      difficulty: 200,
      upstream: nodes.map(({ url }, i) => ({ name: `node${i}`, url, timeout: "20s" })),
    },
    secrets: { REDIS_TOKEN: TOKEN, NOTIFY_TOKEN: NOTIFY },
  });
  open.push(() => pool.close());
  return pool;
}

async function mineOn(pool: PoolProcess): Promise<void> {
  const bridge = await startBridge({
    pools: [pool.url.replace("http", "ws")],
    stratum: [{ host: "127.0.0.1", port: 0 }],
    allowInsecure: true,
    proxy: null,
  });
  open.push(() => bridge.close());
  const [port = 0] = bridge.ports.stratum;
  const miner = startMiner({
    host: "127.0.0.1",
    port,
    login: MINER,
    worker: "rig",
    threads: 1,
    chain: customChain({ name: "stranger", epochLength: 30_000 }),
  });
  open.push(() => miner.close());
}

interface Candidate {
  readonly height: number;
  readonly nonce: string;
  readonly mixDigest: string;
  readonly difficulty: string;
}

async function candidates(pool: PoolProcess): Promise<Candidate[]> {
  const redis = upstashPort({ url: `${pool.url}/redis`, token: TOKEN, timeoutMs: 120_000 });
  const found = await redis.command(["ZRANGE", "eth:blocks:candidates", 0, -1, "WITHSCORES"]);
  const words = Array.isArray(found) ? found.map(String) : [];
  return words.flatMap((member, i) => {
    if (i % 2 === 1) return [];
    const [nonce = "", , mixDigest = "", , difficulty = ""] = member.split(":");
    return [{ height: Number(words[i + 1]), nonce, mixDigest, difficulty }];
  });
}

/** Candidates that stand in a node's chain, by nonce, mix, height and difficulty, and were mined for its account. */
async function inChain(pool: PoolProcess, of: GoEthereumNode, above = 0): Promise<Candidate[]> {
  const kept: Candidate[] = [];
  for (const candidate of await candidates(pool)) {
    const block = candidate.height > above ? await of.block(candidate.height) : null;
    if (block?.nonce !== candidate.nonce) continue;
    expect({ ...block, difficulty: String(BigInt(block.difficulty)), number: Number(block.number) }).toMatchObject({
      mixHash: candidate.mixDigest,
      difficulty: candidate.difficulty,
      number: candidate.height,
      miner: ETHERBASE,
    });
    kept.push(candidate);
  }
  return kept;
}

describe("go-ethereum as the node", () => {
  it("gives work that is polled, takes the blocks, and every candidate is a block of its chain; killed, it comes back lower and the pool goes on with it", async () => {
    const geth = await node();
    const pool = await poolOn([geth]);
    await mineOn(pool);
    await expect.poll(async () => (await inChain(pool, geth)).length, PATIENCE).toBeGreaterThanOrEqual(2);
    // One pool alone mines the chain: what it has no candidate for is not there.
    const listed = await candidates(pool);
    for (const { height } of listed)
      expect(listed.filter((one) => one.height === height).map(({ nonce }) => nonce)).toContain(
        (await geth.block(height))?.nonce,
      );
    // Each submitted block may begin a data set of 1 GB: not in the user's home.
    await expect.poll(() => geth.files(), PATIENCE).toContain("ethash-full");
    expect(await geth.files()).not.toContain(".ethash");
    const before = await geth.height();
    await geth.kill();
    await geth.start();
    // What was not flushed is gone; the heights are mined once more.
    const back = await geth.height();
    expect(back).toBeLessThanOrEqual(before);
    await expect.poll(() => geth.height(), PATIENCE).toBeGreaterThan(back);
    await expect.poll(async () => (await inChain(pool, geth, back)).length, PATIENCE).toBeGreaterThanOrEqual(1);
  }, 400_000);

  it("pushes its work in the form that /notify takes, and the pool mines on it", async () => {
    const port = await freePort();
    const answers: { status: number; body: string }[] = [];
    // Between the two, because geth keeps what it is answered to itself.
    const between = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
        const headers = { "Content-Type": request.headers["content-type"] ?? "" };
        const answer = await fetch(`http://127.0.0.1:${port}/notify/${NOTIFY}?upstream=node0`, {
          method: "POST",
          headers,
          body: Buffer.concat(chunks),
        }).catch(() => null);
        if (answer !== null) answers.push({ status: answer.status, body: await answer.text() });
        response.end();
      })();
    }).listen(0, "127.0.0.1");
    await once(between, "listening");
    open.push(() => between.close());
    const geth = await node(`http://127.0.0.1:${(between.address() as AddressInfo).port}`);
    const pool = await poolOn([geth], port);
    await mineOn(pool);
    await expect.poll(async () => (await inChain(pool, geth)).length, PATIENCE).toBeGreaterThanOrEqual(1);
    await expect.poll(() => answers.filter(({ status }) => status === 200).length, PATIENCE).toBeGreaterThanOrEqual(2);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  }, 300_000);

  it("has a peer that takes over when it is killed, and both are of one chain again when it is back", async () => {
    const [first, second] = [await node(), await node()];
    await first.meet(second);
    const pool = await poolOn([first, second]);
    await mineOn(pool);
    await expect.poll(async () => (await inChain(pool, second)).length, PATIENCE).toBeGreaterThanOrEqual(1);
    await first.kill();
    const height = await second.height();
    await expect.poll(async () => (await inChain(pool, second, height)).length, PATIENCE).toBeGreaterThanOrEqual(1);
    await first.start();
    await first.meet(second);
    const top = await second.height();
    const same = async (): Promise<boolean> => {
      const [one, other] = [await first.block(top), await second.block(top)];
      return one !== null && one.hash === other?.hash;
    };
    await expect.poll(same, PATIENCE).toBe(true);
  }, 500_000);
});
