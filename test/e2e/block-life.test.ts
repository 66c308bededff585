/** A block's whole life over real processes: node, pool in workerd, bridge, miner; workerd killed while blocks are on their way. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm/chain-spec";
import { afterEach, expect, it } from "vitest";
import { startBridge } from "../../bridge/src/bridge.ts";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { startMiner } from "../../devnet/miner/miner.ts";
import { startNode } from "../../devnet/node/node.ts";
import { COINBASE, everydayContents } from "../../devnet/node/transactions.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { LedgerReader } from "../../devnet/start/ledger-totals.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";

/** Most of a processor is left for the pool that it mines on. */
const LEISURELY = { threads: 1, restMs: 100 };
const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const FEE_ADDRESS = `0x${"f".repeat(40)}`;
const TOKEN = "a-token-for-the-books";

/** Of our blocks the second becomes an uncle and the fourth is lost. */
const fate = (nth: number) => (nth === 2 ? "uncle" : nth === 4 ? "lost" : "stays");

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; !(await holds()); waitedMs += 200) {
    if (waitedMs > 500_000) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

it("takes blocks from the miner to balances, uncles and orphans among them, over a kill -9, and the books add up", async () => {
  const chain = chainByName("classic");
  if (!chain) throw new Error("no chain");
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-life-"));
  closing.push(() => rm(stateDir, { recursive: true, force: true }));
  const node = await startNode({ spec: chain, difficulty: 120n, blockTimeMs: 1_000, contents: everydayContents, fate });
  closing.push(() => node.close());
  const unlocker = {
    enabled: true,
    accounts: [COINBASE],
    immatureDepth: 8,
    depth: 14,
    interval: "1s",
    poolFeeAddress: FEE_ADDRESS,
  };
  const pool = await startPool({
    stateDir,
    vars: { chain: "classic", difficulty: 50, upstream: [{ name: "node", url: node.url }], unlocker },
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
  const endpoint = { url: `${pool.url}/redis`, token: TOKEN };
  const ledger = new LedgerReader(endpoint, "eth");

  await pool.scheduled();
  await until("an immature block", async () => (await ledger.totals()).immature > 0);
  await pool.kill();
  await pool.restart();
  await pool.scheduled();
  await until("an orphan, and blocks that matured", async () => {
    const { matured, orphans } = await ledger.totals();
    return matured > 5 && orphans > 0;
  });
  await miner.close();
  await until("every block at its end", async () => {
    const { candidates, immature } = await ledger.totals();
    return candidates + immature === 0;
  });
  const findings = await auditBooks(upstashPort({ ...endpoint, timeoutMs: 120_000 }), "eth");
  expect(findings.filter(({ ok }) => !ok)).toEqual([]);
  const { balanceShannon, immatureShannon } = await ledger.totals();
  expect(balanceShannon > 5n * 1_000_000_000n).toBe(true);
  expect(immatureShannon).toBe(0n);
});
