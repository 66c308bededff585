import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm";
import { type DevNode, startNode } from "../../devnet/node/node.ts";
import { type PoolProcess, LIMIT_FLAGS, startPool } from "../../devnet/pool-host/pool-process.ts";
import { LOCAL_NAME } from "../../devnet/pool-host/pool-messages.ts";
import { bundlePool } from "../../devnet/pool-host/worker-bundle.ts";
import { workerdUsage, workerdWaitedSeconds } from "../pool/process-usage.ts";
import { wrapBundle } from "../pool/wrapped-bundle.ts";
import { type BenchLedger, type LedgerName, startLedger } from "./ledgers.ts";
import { HEIGHT } from "./measured-epoch.ts";
import { loginOf } from "./rigs.ts";

const MEMORY = "/dev/shm";
const WRAPPED = new Map([
  [LOCAL_NAME, join(import.meta.dirname, "page", "worker.ts")],
  [`${LOCAL_NAME}-sessions`, join(import.meta.dirname, "sessions", "worker.ts")],
  [`${LOCAL_NAME}-verifiers`, join(import.meta.dirname, "verifiers", "worker.ts")],
]);

/** A node whose work stays the same for all pools. */
export async function startSteadyNode(): Promise<DevNode> {
  const spec = chainByName("ethereum");
  if (!spec) throw new Error("no such chain");
  const steady = { recommitMs: null, blockTimeMs: null, difficulty: 1n << 60n };
  return await startNode({ ...steady, spec, startHeight: HEIGHT, seed: "bench/peers" });
}

/** What parts have done until now, CPU in s. */
interface Counters {
  readonly workerd: number;
  /** For how long its threads could have run while others had the processors. */
  readonly waited: number;
  /** In the kernel's `hashShares`, as a clock beside it saw it: waits for a processor are in it. */
  readonly hashing: number;
  readonly gateway: number;
  readonly redis: number;
  /** Verified, and in how many batches. */
  readonly hashed: number;
  readonly batches: number;
  readonly commands: number | null;
}

/** The whole pool, its four scripts in one workerd as they are deployed, and its ledger. */
export interface MeasuredPool {
  readonly pool: PoolProcess;
  counters(): Promise<Counters>;
  close(): Promise<void>;
}

/** @param logins to be made known: one that was never credited has no object */
export async function startMeasuredPool(name: LedgerName, node: DevNode, logins: number): Promise<MeasuredPool> {
  // On a disk, the disk would be measured, and Cloudflare's are others.
  const directory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "edgepool-peers-"));
  const ledger = await startLedger(name, join(directory, "redis"));
  const bundles = await Promise.all(
    (await bundlePool()).map(async (bundle) => {
      const entry = WRAPPED.get(bundle.name);
      return entry === undefined ? bundle : await wrapBundle(bundle, entry, join(directory, bundle.name));
    }),
  );
  const pool = await startPool({
    v8Flags: LIMIT_FLAGS,
    stateDir: join(directory, "state"),
    bundles,
    secrets: { ...ledger.secrets },
    vars: {
      chain: "ethereum",
      difficulty: 1,
      // Rigs wait for each other's stretches.
      stratum: { timeout: "1h" },
      upstream: [{ name: "node", url: node.url, timeout: "5s" }],
      log: { level: "error" },
    },
    onLog: ({ level, message }) => {
      if (level === "error" || level === "fatal") console.error(message);
    },
  });
  await credit(ledger, pool.url, logins);
  return {
    pool,
    counters: async () => {
      const use = Object(await (await fetch(`${pool.url}/bench/kernel`)).json());
      const [{ cpuSeconds }, beside] = [await workerdUsage(pool.pid ?? -1), await ledger.cpuSeconds()];
      return {
        workerd: cpuSeconds,
        waited: await workerdWaitedSeconds(pool.pid ?? -1),
        hashing: Number(use.ms) / 1_000,
        hashed: Number(use.shares),
        batches: Number(use.batches),
        ...beside,
        commands: await ledger.commands(),
      };
    },
    close: async () => {
      await pool.close();
      await ledger.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function credit(ledger: BenchLedger, poolUrl: string, logins: number): Promise<void> {
  const commands = Array.from({ length: logins }, (_, at) => ["HSET", `eth:miners:${loginOf(at)}`, "lastShare", "1"]);
  const headers = { Authorization: `Bearer ${ledger.token}` };
  const response = await fetch(`${ledger.url(poolUrl)}/pipeline`, {
    method: "POST",
    headers,
    body: JSON.stringify(commands),
  });
  if (!response.ok) throw new Error(`the ledger took no logins: ${response.status} ${await response.text()}`);
}
