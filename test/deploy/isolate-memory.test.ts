import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type PoolOptions, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN } from "../support/proofs.ts";
import { ShareRigs } from "../support/share-rigs.ts";
import { QuietMiners } from "./quiet-miners.ts";

const TOKEN = "books-of-this-test-only";
const LOGIN = `0x${"a1".repeat(20)}`;
const RIGS = 2_000;

let node: DevNode;
let stateDir: string;
let pool: PoolProcess | null = null;
const ends: (() => void)[] = [];

beforeAll(async () => {
  node = await startNode({ recommitMs: null, blockTimeMs: null, difficulty: 1n << 60n });
});
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await pool?.close();
  pool = null;
  await rm(stateDir, { recursive: true, force: true });
}, 120_000);
afterAll(() => node.close());

async function start(options: Partial<PoolOptions> = {}): Promise<PoolProcess> {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-memory-"));
  pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "devnet", epochLength: 30_000 },
      difficulty: 1,
      upstream: [{ name: "main", url: node.url, timeout: "5s" }],
      policy: { banning: { enabled: false }, limits: { enabled: false } },
      log: { level: "warn" },
    },
    secrets: { REDIS_TOKEN: TOKEN },
    ...options,
  });
  return pool;
}

const redis = async (url: string, ...command: string[]): Promise<unknown> => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return await (await fetch(`${url}/redis`, { method: "POST", headers, body: JSON.stringify(command) })).json();
};

function mining(url: string): ShareRigs {
  const kernel = kernelAt(LONG_CHAIN, 0);
  const rigs = new ShareRigs(() => url, { logins: 1, rigs: 4, window: 1, kernelFor: () => kernel });
  ends.push(() => rigs.close());
  return rigs;
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await sleep(100);
}

/** Resident memory of the processes of a group, in MB. */
async function residentMb(leader: number | null): Promise<number> {
  const status = await readFile(`/proc/${leader}/task/${leader}/children`, "utf8").catch(() => "");
  let kb = 0;
  for (const child of status.trim().split(" ")) {
    const text = await readFile(`/proc/${child}/status`, "utf8").catch(() => "");
    kb += Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0);
  }
  return Math.round(kb / 1_024);
}

it("2,000 rigs of one login have work in the memory of one object, beside others that mine", async () => {
  const { url, pid } = await start();
  await redis(url, "HSET", `eth:miners:${LOGIN}`, "lastShare", "1");
  const before = await residentMb(pid);
  const farm = new QuietMiners(url, [LOGIN], RIGS);
  ends.push(() => farm.end());
  await farm.connect();
  const rigs = mining(url);
  const done = rigs.run();
  await until(() => rigs.acknowledged.size >= 50);
  rigs.stop();
  await done;
  console.log(
    `${RIGS} rigs of one login: resident memory of workerd ${before} MB before, ${await residentMb(pid)} MB with them`,
  );
  expect([farm.withWork, farm.cuts]).toEqual([RIGS, []]);
});

it("where no light cache can be built no share is taken for good, and /health says why", async () => {
  const { url } = await start({ v8Flags: ["--wasm-max-mem-pages=200", "--max-old-space-size=32"] });
  const rigs = mining(url);
  const done = rigs.run();
  const problem = /cannot build the light cache that verifies shares, and answers \\"Work not ready\\"/;
  // As it stands in the JSON.
  await until(async () => problem.test(await (await fetch(`${url}/health`)).text()));
  await until(() => [...rigs.answers.values()].reduce((sum, count) => sum + count, 0) >= 20);
  rigs.stop();
  await done;
  const health = await fetch(`${url}/health`);
  console.log(`answers: ${JSON.stringify([...rigs.answers])}`);
  expect([health.status, rigs.acknowledged.size]).toEqual([503, 0]);
  expect(await redis(url, "EXISTS", "eth:pow")).toEqual({ result: 0 });
});
