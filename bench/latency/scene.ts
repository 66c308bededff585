import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { LIMIT_FLAGS, startPool, type BindingValue, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { loginOf, Swarm, type SwarmOptions } from "./swarm.ts";

/** How a pool for measuring is set up. */
export interface SceneOptions extends Omit<SwarmOptions, "url"> {
  /** `blockRefreshInterval`, e.g. `1s`. */
  readonly poll: string;
  /** The node pushes its work as well. */
  readonly push: boolean;
  /** `jobRelays`; as many as the logins need, where it is left out. */
  readonly jobRelays?: number;
}

/** A node, a pool in workerd and its miners, and how a job gets from one to the other. */
export interface Scene {
  readonly node: DevNode;
  readonly pool: PoolProcess;
  readonly swarm: Swarm;
  /** A new block at the node; measures until every socket has its job. */
  round(): Promise<Round>;
  close(): Promise<void>;
}

/** One job on its way. All times in ms after the node had it. */
export interface Round {
  /** When a pool's request for work came first, or the push left. */
  readonly detectedMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Each socket's own. */
  readonly arrivalsMs: readonly number[];
}

const NOTIFY_TOKEN = "bench-notify-token-0123456789";
const REDIS_TOKEN = "bench-redis-token-0123456789";
const MEMORY = "/dev/shm";
const ROUND_TIMEOUT_MS = 60_000;
/** One isolate has all the sessions here; on Cloudflare they are spread over many, each with 128 MB. */
const ROOMY = ["--wasm-max-mem-pages=1536", "--max-old-space-size=1024"];
const FIT = 1_000;
/** Commands in one request. */
const CREDITED = 1_000;

/** Starts all three on loopback. */
export async function startScene(options: SceneOptions): Promise<Scene> {
  // Every new object is a database file: on a disk that is what opening thousands of sessions would wait for.
  const stateDir = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "edgepool-bench-"));
  const notify: string[] = [];
  let asked: (() => void) | null = null;
  const node = await startNode({
    recommitMs: null,
    notify,
    onCall: (method) => {
      if (method === "eth_getWork") asked?.();
    },
  });
  const vars: Record<string, BindingValue> = {
    chain: "ethereum",
    upstream: [{ name: "bench", url: node.url, timeout: "2s" }],
    blockRefreshInterval: options.poll,
    ...(options.jobRelays !== undefined && { jobRelays: options.jobRelays }),
    // Nobody here sends anything, and that for as long as the measurement takes.
    stratum: { timeout: "1h" },
    log: { level: "warn" },
  };
  const pool = await startPool({
    v8Flags: LIMIT_FLAGS,
    stateDir,
    vars,
    secrets: { NOTIFY_TOKEN, REDIS_TOKEN },
    onLog: ({ level, message }) => {
      if (level === "error") console.error(message);
    },
    ...(options.sessions > FIT && { v8Flags: ROOMY }),
  });
  await credit(pool.url, options.sessions);
  if (options.push) notify.push(`${pool.url}/notify/${NOTIFY_TOKEN}`);
  const swarm = await Swarm.open({ ...options, url: pool.url });
  return {
    node,
    pool,
    swarm,
    round: async () => {
      const startedAt = performance.now();
      let detectedAt = options.push ? startedAt : 0;
      asked = () => {
        if (detectedAt === 0) detectedAt = performance.now();
      };
      node.advance();
      const { atMs } = await swarm.delivery(node.chain.current.header, ROUND_TIMEOUT_MS);
      const arrivalsMs = atMs.map((at) => at - startedAt);
      return {
        detectedMs: detectedAt - startedAt,
        firstMs: arrivalsMs.at(0) ?? Number.NaN,
        lastMs: arrivalsMs.at(-1) ?? Number.NaN,
        arrivalsMs,
      };
    },
    close: async () => {
      swarm.close();
      await pool.close();
      await node.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** Makes the logins known: one that was never credited is served in the Worker, without pushes. */
async function credit(url: string, sessions: number): Promise<void> {
  const headers = { Authorization: `Bearer ${REDIS_TOKEN}` };
  for (let first = 0; first < sessions; first += CREDITED) {
    const commands = Array.from({ length: Math.min(CREDITED, sessions - first) }, (_, index) => [
      "HSET",
      `eth:miners:${loginOf(first + index)}`,
      "lastShare",
      "1",
    ]);
    const response = await fetch(`${url}/redis/pipeline`, { method: "POST", headers, body: JSON.stringify(commands) });
    if (!response.ok) throw new Error(`the ledger took no logins: ${response.status} ${await response.text()}`);
  }
}
