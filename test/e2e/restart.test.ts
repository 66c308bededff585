import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm/chain-spec";
import { afterEach, expect, it } from "vitest";
import { startBridge } from "../../bridge/src/bridge.ts";
import { LedgerReader } from "../../devnet/start/ledger-totals.ts";
import { startMiner } from "../../devnet/miner/miner.ts";
import { startNode } from "../../devnet/node/node.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";

/** Most of a processor is left for the pool that it mines on. */
const LEISURELY = { threads: 1, restMs: 100 };
const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const DIFFICULTY = 50;
const TOKEN = "a-token-for-the-books";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; !(await holds()); waitedMs += 100) {
    if (waitedMs > 500_000) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

it("keeps the embedded ledger over a kill -9 of workerd, and the miner goes on by itself", async () => {
  const chain = chainByName("classic");
  if (!chain) throw new Error("no chain");
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-restart-"));
  closing.push(() => rm(stateDir, { recursive: true, force: true }));
  const node = await startNode({ spec: chain, startHeight: 1, difficulty: 1n << 40n, blockTimeMs: null });
  closing.push(() => node.close());
  const pool = await startPool({
    stateDir,
    vars: { chain: "classic", difficulty: DIFFICULTY, upstream: [{ name: "node", url: node.url }] },
    secrets: { REDIS_TOKEN: TOKEN },
  });
  closing.push(() => pool.close());
  const bridge = await startBridge({
    pools: [pool.url.replace("http", "ws")],
    stratum: [{ host: "127.0.0.1", port: 0 }],
    allowInsecure: true,
    proxy: null,
  });
  closing.push(() => bridge.close());
  const miner = startMiner({
    host: "127.0.0.1",
    port: bridge.ports.stratum[0] ?? 0,
    login: LOGIN,
    ...LEISURELY,
    chain,
  });
  closing.push(() => miner.close());
  const books = { url: `${pool.url}/redis`, token: TOKEN };
  const ledger = new LedgerReader(books, "eth");
  const redis = upstashPort({ ...books, timeoutMs: 120_000 });

  await until("shares before the kill", () => miner.stats.accepted >= 3);
  await pool.kill();
  const before = miner.stats.accepted;
  await pool.restart();
  await until("shares after the restart", () => miner.stats.accepted >= before + 3);
  await miner.close();
  const { accepted, duplicate, invalid, rejected } = miner.stats;
  expect({ duplicate, invalid, rejected }).toEqual({ duplicate: 0, invalid: 0, rejected: 0 });
  // Shares in flight at the kill may be credited without an answer; none may be missing. Those that were accepted while the light cache was
  // being built again are credited when it is there.
  await until("every accepted share credited", async () => {
    const entries = await redis.command(["ZRANGE", "eth:hashrate", 0, -1]);
    const worths = (Array.isArray(entries) ? entries : []).map((entry) => BigInt(String(entry).split(":")[0] ?? 0));
    const total = worths.reduce((sum, worth) => sum + worth, 0n);
    // With the pool's difficulty, or with that of the class that the nonce is in.
    return worths.length >= accepted && (await ledger.totals()).roundTotal === total;
  });
});
