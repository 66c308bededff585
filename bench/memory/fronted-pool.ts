import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { startNode } from "../../devnet/node/node.ts";
import type { WorkerBundle } from "../../devnet/pool-host/pool-messages.ts";
import { ISOLATE_FLAGS, startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { bundlePool } from "../../devnet/pool-host/worker-bundle.ts";
import { withObjectsOf } from "../pool/wrapped-bundle.ts";
import { freePort } from "./free-port.ts";
import { loginOf } from "./miners.ts";

/** A pool in workerd with its node, and the Workers that miners reach where those have processes of their own. */
export interface FrontedPool {
  /** Of the objects. */
  readonly pool: PoolProcess;
  /** The sessions' script once more, in processes in front of it: its objects are the pool's. */
  readonly edges: readonly PoolProcess[];
  /** Where miners connect. */
  readonly urls: string[];
  /** Of the pool's workerd. */
  readonly inspectorPort: number;
  close(): Promise<void>;
}

interface PoolOrder {
  readonly spec: ChainSpec;
  readonly height: number;
  /** What each script's heap may have, MB. */
  readonly heapMb: number;
  /** Between new heights. */
  readonly blockTimeMs: number;
  /** Logins that the ledger knows already. */
  readonly logins: number;
  /** Processes in front of the pool's; 0: miners come to the pool's. */
  readonly edges: number;
  readonly onLog: (line: string) => void;
}

const TOKEN = "bench-ledger-token-0123456789";
const MEMORY = "/dev/shm";
const MOST_COMMANDS = 500;

/**
 * workerd takes two file descriptors a socket of a miner, so that a process has room for half of what it may open. As at Cloudflare, miners may
 * be connected to Workers near them, and their logins' objects be elsewhere: the connections of a Worker share a few to the objects' process.
 */
export async function startFrontedPool(order: PoolOrder): Promise<FrontedPool> {
  const directory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "edgepool-memory-"));
  const { spec, height, blockTimeMs } = order;
  const node = await startNode({ spec, startHeight: height, difficulty: 1n << 60n, blockTimeMs });
  const inspectorPort = await freePort();
  const scripts = await bundlePool();
  const start = (name: string, bundles: readonly WorkerBundle[]) =>
    startPool({
      stateDir: join(directory, name),
      bundles,
      ...(order.edges > 0 && { registry: join(directory, "registry") }),
      ...(name === "pool" && { inspectorPort }),
      cron: name === "pool",
      v8Flags: [...ISOLATE_FLAGS, `--max-old-space-size=${order.heapMb}`],
      vars: {
        chain: spec.name,
        // Every nonce is a share: what is measured is the pool, and not the search.
        difficulty: 1,
        stratum: { timeout: "1h", vardiff: false },
        // What the machine is busy with otherwise is not the node's fault.
        upstream: [{ name: "node", url: node.url, timeout: "60s" }],
        workMaxAge: "10m",
        log: { level: "warn" },
      },
      secrets: { REDIS_TOKEN: TOKEN },
      onLog: ({ level, message }) => order.onLog(`${name}: ${level} ${message.slice(0, 500)}`),
    });
  const pool = await start("pool", scripts);
  await credit(pool.url, order.logins);
  const edges: PoolProcess[] = [];
  for (let at = 0; at < order.edges; at += 1) edges.push(await start(`edge-${at}`, [edgeOf(scripts, at)]));
  return {
    pool,
    edges,
    urls: edges.length === 0 ? [pool.url] : edges.map(({ url }) => url),
    inspectorPort,
    async close() {
      for (const edge of edges) await edge.close();
      await pool.close();
      await node.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function edgeOf(scripts: readonly WorkerBundle[], at: number): WorkerBundle {
  const sessions = scripts.find(({ script }) => script?.entry === "sessions");
  if (sessions === undefined) throw new Error("the pool has no script for sessions");
  return withObjectsOf(sessions, `${sessions.name}-edge-${at}`);
}

/** Makes the logins known: one that was never credited is served in the Worker. */
async function credit(url: string, logins: number): Promise<void> {
  const commands = Array.from({ length: logins }, (_, at) => ["HSET", `eth:miners:${loginOf(at)}`, "lastShare", 1]);
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  for (let first = 0; first < commands.length; first += MOST_COMMANDS) {
    const body = JSON.stringify(commands.slice(first, first + MOST_COMMANDS));
    const answer = await fetch(`${url}/redis/pipeline`, { method: "POST", headers, body });
    if (!answer.ok) throw new Error(`the ledger answered ${answer.status}: ${await answer.text()}`);
  }
}
