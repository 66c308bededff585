import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { customChain } from "@edgepool/ethash-wasm/chain-spec";
import { startBridge } from "../../../bridge/src/index.ts";
import { startMiner } from "../../../devnet/miner/miner.ts";
import { startNode } from "../../../devnet/node/node.ts";
import { startPool, type PoolProcess } from "../../../devnet/pool-host/pool-process.ts";

/** A pool with everything around it: simulated node, bridge, and a CPU miner with two rigs. */
export interface MiningPool {
  readonly pool: PoolProcess;
  /** The miner's address. */
  readonly login: string;
  /** One command to the pool's ledger. */
  redis(...command: (string | number)[]): Promise<unknown>;
  /** Fulfilled when every rig has had a share accepted. */
  firstShare(): Promise<void>;
  close(): Promise<void>;
}

const TOKEN = "books-of-this-test-only";
const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";

/** Starts it all on free ports. @param rigs names of the workers that mine */
export async function startMiningPool(rigs: readonly string[]): Promise<MiningPool> {
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-web-"));
  const chain = customChain({ name: "devnet", epochLength: 30_000 });
  const node = await startNode({ spec: chain, difficulty: 6000n, blockTimeMs: 20_000 });
  const pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "devnet", epochLength: 30_000 },
      difficulty: 200,
      upstream: [{ name: "geth", url: node.url, timeout: "5s" }],
      api: { statsCollectInterval: "2s" },
    },
    secrets: { REDIS_TOKEN: TOKEN },
  });
  const bridge = await startBridge({
    pools: [pool.url.replace("http", "ws")],
    allowInsecure: true,
    stratum: [{ host: "127.0.0.1", port: 0 }],
  });
  const miners = rigs.map((worker) =>
    startMiner({ host: "127.0.0.1", port: bridge.ports.stratum[0] ?? 0, login: LOGIN, worker, threads: 1, chain }),
  );
  return {
    pool,
    login: LOGIN,
    redis: async (...command) => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const response = await fetch(`${pool.url}/redis`, { method: "POST", headers, body: JSON.stringify(command) });
      return await response.json();
    },
    firstShare: async () => {
      while (miners.some(({ stats }) => stats.accepted === 0)) await new Promise((resolve) => setTimeout(resolve, 100));
    },
    close: async () => {
      await Promise.all(miners.map((miner) => miner.close()));
      await bridge.close();
      await pool.close();
      await node.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
