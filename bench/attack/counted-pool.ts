import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode } from "../../devnet/node/node.ts";
import type { WorkerBundle } from "../../devnet/pool-host/pool-messages.ts";
import { LIMIT_FLAGS, startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { bundleWorker } from "../../devnet/pool-host/worker-bundle.ts";
import { type Usage, workerdUsage } from "../pool/process-usage.ts";
import { withObjectsOf, wrapBundle } from "../pool/wrapped-bundle.ts";

/** What the pool has cost since it was last asked. Object-seconds are of 128 MB. */
export interface Costs {
  readonly workerRequests: number;
  readonly objectRequests: number;
  readonly messages: number;
  readonly rowsWritten: number;
  readonly rowsRead: number;
  readonly commands: number;
  readonly objectSeconds: number;
}

/** A pool in workerd whose calls are counted, and its node, whose work stays the same. */
export interface CountedPool {
  readonly pool: PoolProcess;
  /** The Worker that attackers reach, in a process of its own: its objects are the pool's. Null where they come to the pool's process. */
  readonly edge: PoolProcess | null;
  /** The header that everybody mines on. */
  readonly header: string;
  /** Lines of level error, and what workerd itself had to say. */
  readonly errors: readonly string[];
  /** Costs since the last call. */
  costs(): Promise<Costs>;
  /** Of the pool's workerd until now. */
  usage(): Promise<Usage>;
  close(): Promise<void>;
}

const MEMORY = "/dev/shm";

/**
 * @param difficulty of a share, in hashes
 * @param isEdgeApart as at Cloudflare: an attacker's TLS, HTTP and Worker are the load of a machine near the attacker, and only what this
 *   Worker asks objects for is the load of theirs
 * @param v8Flags without the collections of whole heaps where speed is measured (docs/decisions/0067-whole-collections.md)
 */
export async function startCountedPool(
  difficulty: number,
  isEdgeApart: boolean,
  v8Flags = LIMIT_FLAGS,
): Promise<CountedPool> {
  // Every new object is a database file: on a disk that is what would be measured, and Cloudflare's disks are others.
  const directory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "edgepool-attack-"));
  const node = await startNode({ difficulty: 1n << 60n, recommitMs: null, blockTimeMs: null });
  const errors: string[] = [];
  const bundle = await wrapBundle(
    await bundleWorker(),
    join(import.meta.dirname, "worker.ts"),
    join(directory, "worker"),
  );
  const start = (name: string, one: WorkerBundle) =>
    startPool({
      v8Flags,
      stateDir: join(directory, name),
      bundles: [one],
      ...(isEdgeApart && { registry: join(directory, "registry") }),
      vars: {
        chain: "ethereum",
        difficulty,
        // Rigs that are ready wait for the others' shares to be found.
        stratum: { timeout: "1h" },
        upstream: [{ name: "node", url: node.url, timeout: "5s" }],
        log: { level: "error" },
      },
      cron: name === "pool",
      onLog: ({ level, message }) => {
        if (level === "error") errors.push(`${name}: ${message}`);
      },
    });
  const pool = await start("pool", bundle);
  const edge = isEdgeApart ? await start("edge", withObjectsOf(bundle, `${bundle.name}-edge`)) : null;
  const urls = [pool.url, ...(edge === null ? [] : [edge.url])];
  let before: Record<string, number> = {};
  return {
    pool,
    edge,
    header: node.chain.current.header,
    errors,
    async costs() {
      const now = sums(await Promise.all(urls.map(async (url) => await (await fetch(`${url}/bench/costs`)).json())));
      const costs = costsSince(before, now);
      before = now;
      return costs;
    },
    usage: () => workerdUsage(pool.pid ?? -1),
    close: async () => {
      await edge?.close();
      await pool.close();
      await node.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function costsSince(before: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): Costs {
  const since = (name: string) => (now[name] ?? 0) - (before[name] ?? 0);
  return {
    workerRequests: since("workerRequests"),
    objectRequests: since("objectRequests"),
    messages: since("messages"),
    rowsWritten: since("rowsWritten"),
    rowsRead: since("rowsRead"),
    commands: since("commands"),
    objectSeconds: since("awakeMs") / 1000,
  };
}

function sums(all: readonly unknown[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of all)
    for (const [name, value] of Object.entries<number>(Object(one))) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}
