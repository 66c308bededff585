import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { customChain, type Ethash } from "@edgepool/ethash-wasm";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type PoolOptions, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { kernelAt } from "./pow.ts";

/** So many blocks an epoch, that one can be crossed; its caches are as large as the epoch's number says. */
const EPOCH_LENGTH = 10;
const CHAIN = customChain({ name: "short", epochLength: EPOCH_LENGTH });

/** A pool whose node is at the last block of an epoch until it is told to advance. */
export interface BoundaryPool {
  readonly node: DevNode;
  readonly pool: PoolProcess;
  /** Whether a header is of the epoch that ends. */
  readonly isBefore: (header: string) => boolean;
  /** What finds and checks shares of a header. */
  readonly kernelFor: (header: string) => Ethash;
  close(): Promise<void>;
}

/** @param epoch the one that ends: 433 has a light cache of 70 MiB, as large as an Etchash chain's today */
export async function startBeforeBoundary(
  epoch: number,
  secrets: NonNullable<PoolOptions["secrets"]> = {},
): Promise<BoundaryPool> {
  const boundary = (epoch + 1) * EPOCH_LENGTH;
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-boundary-"));
  const quiet = { blockTimeMs: null, recommitMs: null };
  const node = await startNode({ spec: CHAIN, startHeight: boundary - 1, difficulty: 1n << 60n, ...quiet });
  const pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "short", epochLength: EPOCH_LENGTH },
      difficulty: 1,
      blockRefreshInterval: "200ms",
      upstream: [{ name: "main", url: node.url, timeout: "2s" }],
      policy: { banning: { enabled: false }, limits: { enabled: false } },
    },
    secrets,
  });
  const [before, after] = [kernelAt(CHAIN, boundary - 1), kernelAt(CHAIN, boundary)];
  const last = node.chain.current.header;
  const isBefore = (header: string): boolean => header === last;
  return {
    node,
    pool,
    isBefore,
    kernelFor: (header) => (isBefore(header) ? before : after),
    async close() {
      await pool.close();
      await node.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
