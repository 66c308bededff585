import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "@upstash/redis";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type BindingValue, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { LONG_CHAIN } from "./proofs.ts";

/** Height and share difficulty of a quiet pool's work. */
export const QUIET_HEIGHT = 1_000;
export const QUIET_DIFFICULTY = 4;

const TOKEN = "books-of-this-test-only";

/** Ends what a test started, the last first. */
export class Cleanups {
  readonly #steps: (() => Promise<unknown> | void)[] = [];

  add(step: () => Promise<unknown> | void): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).toReversed()) await step();
  }

  async folder(name: string): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), `edgepool-${name}-`));
    this.add(() => rm(path, { recursive: true, force: true }));
    return path;
  }
}

/** A node whose work stays: no share is a block, and nobody else finds one. */
export async function quietNode(cleanups: Cleanups, startHeight = QUIET_HEIGHT): Promise<DevNode> {
  const still = { blockTimeMs: null, recommitMs: null };
  const node = await startNode({ spec: LONG_CHAIN, startHeight, difficulty: 1n << 50n, ...still });
  cleanups.add(() => node.close());
  return node;
}

/** The real pool on such a node: what was found before an outage is good after it. @param more settings of a test's own */
export async function quietPool(
  cleanups: Cleanups,
  node: DevNode,
  more: Readonly<Record<string, BindingValue>> = {},
): Promise<PoolProcess> {
  const pool = await startPool({
    stateDir: await cleanups.folder("pool"),
    cron: false,
    vars: {
      chain: { name: "long", epochLength: 30_000 },
      difficulty: QUIET_DIFFICULTY,
      blockRefreshInterval: "200ms",
      upstream: [{ name: "main", url: node.url, timeout: "2s" }],
      ...more,
    },
    secrets: { REDIS_TOKEN: TOKEN },
  });
  cleanups.add(() => pool.close());
  return pool;
}

const booksOf = (pool: PoolProcess): Redis =>
  new Redis({ url: `${pool.url}/redis`, token: TOKEN, automaticDeserialization: false, enableTelemetry: false });

/** Makes a login one that the pool has credited before: a stranger's session is not known to a pool that was started again. */
export async function makeKnown(pool: PoolProcess, login: string): Promise<void> {
  await booksOf(pool).hset(`eth:miners:${login}`, { lastShare: 1 });
}

/** Nonces that the ledger of a pool has recorded, in order, and the difficulty that it credited a login for them. */
export async function recorded(pool: PoolProcess, login: string): Promise<{ nonces: string[]; credited: number }> {
  const redis = booksOf(pool);
  const members = await redis.zrange<string[]>("eth:pow", 0, -1);
  const credited = await redis.hget<string>("eth:shares:roundCurrent", login);
  const nonces = members.map((member) => member.split(":")[0] ?? "").toSorted();
  return { nonces, credited: Number(credited ?? 0) };
}
