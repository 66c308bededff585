import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PoolScript } from "../../core/deploy/pool-scripts.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { bundlePool } from "../../devnet/pool-host/worker-bundle.ts";
import { startRoutingEdge } from "./routing-edge.ts";

type Entry = PoolScript["entry"];

/** The pool with a process for each of its scripts, as Cloudflare has them: one can be replaced while the others run. */
export interface SplitPool {
  readonly url: string;
  /** The process ends, and another one takes its place. */
  replace(entry: Entry): Promise<void>;
  close(): Promise<void>;
}

export async function startSplitPool(options: {
  readonly vars: NonNullable<Parameters<typeof startPool>[0]["vars"]>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly onLog?: (script: string, message: string) => void;
}): Promise<SplitPool> {
  const directory = await mkdtemp(join(tmpdir(), "edgepool-deploy-"));
  const running = new Map<string, PoolProcess>();
  const processOf = (entry: Entry): PoolProcess => {
    const found = running.get(entry);
    if (found === undefined) throw new Error(`${entry} does not run`);
    return found;
  };
  // Those that are called first, as they are deployed.
  for (const bundle of (await bundlePool()).toReversed()) {
    const entry = bundle.name.replace("edgepool-", "").replace("edgepool", "page");
    const pool = await startPool({
      bundles: [bundle],
      stateDir: join(directory, entry),
      registry: join(directory, "registry"),
      vars: options.vars,
      secrets: options.secrets,
      cron: false,
      onLog: ({ message }) => options.onLog?.(entry, message),
    });
    running.set(entry, pool);
  }
  const edge = await startRoutingEdge(() => ({ miners: processOf("sessions").port, page: processOf("page").port }));
  return {
    url: edge.url,
    replace: (entry) => processOf(entry).restart(),
    async close() {
      await edge.close();
      await Promise.all([...running.values()].map((pool) => pool.close()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
