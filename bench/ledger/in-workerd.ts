import { mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { childNamed, cpuTimed } from "../../wasm/bench/cpu-clock.ts";
import { workerText } from "../pool/worker-text.ts";

export interface WorkerdShape {
  readonly shares: number;
  readonly logins: number;
}

/** Of one share. */
export interface WorkerdCosts {
  /** CPU of workerd in all, µs. */
  readonly cpuUs: number;
  readonly statements: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

const ROUNDS = 5;
const SHARES_A_ROUND = 6_000;
/** On a disk, the disk would be measured, and Cloudflare's are others. */
const MEMORY = "/dev/shm";

/** What a share costs the embedded ledger in the storage of a Durable Object: the median of several rounds after one to warm up. */
export async function costsInWorkerd(shapes: readonly WorkerdShape[]): Promise<WorkerdCosts[]> {
  const directory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "edgepool-ledger-"));
  const contents = await workerText(join(import.meta.dirname, "worker.ts"));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "ledger",
      cf: false,
      compatibilityDate: "2026-11-02",
      modules: [{ type: "ESModule", path: "worker.js", contents }],
      resourcePersistencePath: directory,
      durableObjects: { LEDGER: { className: "Ledger", useSQLite: true } },
    }),
  );
  try {
    const costs: WorkerdCosts[] = [];
    for (const shape of shapes) costs.push(await costsOf(miniflare, shape));
    return costs;
  } finally {
    await miniflare.dispose();
    await rm(directory, { recursive: true, force: true });
  }
}

async function costsOf(miniflare: Miniflare, { shares, logins }: WorkerdShape): Promise<WorkerdCosts> {
  const batches = Math.ceil(SHARES_A_ROUND / shares);
  const url = `http://ledger/?batches=${batches}&shares=${shares}&logins=${logins}`;
  const write = async () => Object((await (await miniflare.dispatchFetch(url)).json()) ?? {});
  const times: number[] = [];
  let taken = await write();
  const workerd = childNamed("workerd");
  for (let round = 0; round < ROUNDS; round += 1) {
    const { milliseconds, value } = await cpuTimed(workerd, write);
    times.push(milliseconds);
    taken = value;
  }
  const written = batches * shares;
  return {
    cpuUs: ((times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0) * 1_000) / written,
    statements: Number(taken.statements) / written,
    rowsRead: Number(taken.rowsRead) / written,
    rowsWritten: Number(taken.rowsWritten) / written,
  };
}
