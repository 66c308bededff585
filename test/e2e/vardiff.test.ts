import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "@upstash/redis";
import { afterEach, expect, it, vi } from "vitest";
import { startNode } from "../../devnet/node/node.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN, makeJob, meets, solutions } from "../support/proofs.ts";
import { StratumClient } from "../support/stratum-client.ts";

// Variable difficulty as an operator switches it on, in real workerd: from the setting to the credited difficulty.

const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const TOKEN = "books-of-this-test-only";
const HEIGHT = 1_000;
const START = 1_000n;

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Header and difficulty of the next job that is pushed. */
async function nextJob(miner: StratumClient): Promise<{ header: string; difficulty: bigint }> {
  for (;;) {
    const line = (await miner.next()) ?? "";
    const [, header, target] = /"result":\["(0x[0-9a-f]{64})","0x[0-9a-f]{64}","(0x[0-9a-f]{64})"\]/.exec(line) ?? [];
    if (header !== undefined && target !== undefined) return { header, difficulty: 2n ** 256n / BigInt(target) };
    if (line === "") throw new Error("the pool closed the connection");
  }
}

it("eases the difficulty of a rig that finds nothing, with a new job, and credits a share at what it was issued at", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-vardiff-"));
  cleanups.push(() => rm(stateDir, { recursive: true, force: true }));
  const node = await startNode({
    spec: LONG_CHAIN,
    startHeight: HEIGHT,
    difficulty: 1n << 50n,
    blockTimeMs: null,
    recommitMs: null,
  });
  cleanups.push(() => node.close());
  const pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "long", epochLength: 30_000 },
      difficulty: Number(START),
      blockRefreshInterval: "200ms",
      stratum: { vardiff: { targetTime: "1s", retargetTime: "2s", variancePercent: 10, minDiff: 8, maxDiff: 2_000 } },
      upstream: [{ name: "main", url: node.url, timeout: "2s" }],
    },
    secrets: { REDIS_TOKEN: TOKEN },
  });
  cleanups.push(() => pool.close());
  const miner = await StratumClient.open(`${pool.url.replace("http", "ws")}/stratum/${LOGIN}/vardiff-rig`);
  cleanups.push(() => miner.close());
  miner.send(`{"id":1,"method":"eth_submitLogin","params":["${LOGIN}"]}`);
  let job = await nextJob(miner);
  expect(job.difficulty).toBe(START);
  while (job.difficulty === START) {
    node.recommit();
    job = await nextJob(miner);
  }
  expect(job.difficulty).toBeLessThan(START);
  const work = { ...makeJob(HEIGHT), header: job.header };
  const [proof] = solutions(kernelAt(LONG_CHAIN, HEIGHT), work, 0n, meets(job.difficulty));
  miner.send(`{"id":2,"method":"eth_submitWork","params":["${proof?.nonce}","${job.header}","${proof?.mixDigest}"]}`);
  expect(await miner.next()).toBe('{"id":2,"jsonrpc":"2.0","result":true}');
  const redis = new Redis({
    url: `${pool.url}/redis`,
    token: TOKEN,
    automaticDeserialization: false,
    enableTelemetry: false,
  });
  await vi.waitFor(async () => {
    expect(await redis.hget(`eth:shares:roundCurrent`, LOGIN)).toBe(String(job.difficulty));
  }, 20_000);
});
