// What a light cache costs a verifier that has none, and what miners see of it: node bench/cold-start.ts [--json]
// 1. inside workerd: built in slices, and read back from a Durable Object's SQLite; 2. the whole pool: answers to submits
// after a cold start and across an epoch boundary, with caches as large as an Etchash chain's.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { startBeforeBoundary } from "../test/support/epoch-boundary.ts";
import { ShareRigs } from "../test/support/share-rigs.ts";
import type { CacheTimes } from "./cold-start/cache-times.ts";

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, epoch: { type: "string", default: "433" } },
});
const EPOCH = Number(values.epoch);

/** Builds and loads, several times; the medians. */
async function cacheTimes(): Promise<CacheTimes[]> {
  const directory = await mkdtemp(join(tmpdir(), "edgepool-bench-"));
  const outfile = join(directory, "worker.js");
  await build({
    entryPoints: [join(import.meta.dirname, "cold-start", "worker.ts")],
    bundle: true,
    format: "esm",
    outfile,
    external: ["cloudflare:workers", "@edgepool/ethash-wasm/kernel.wasm"],
  });
  const kernel = await readFile(new URL(import.meta.resolve("@edgepool/ethash-wasm/kernel.wasm")));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "bench",
      cf: false,
      compatibilityDate: "2026-11-02",
      modulesRoot: directory,
      modules: [
        { type: "ESModule", path: outfile, contents: await readFile(outfile) },
        { type: "CompiledWasm", path: join(directory, "@edgepool/ethash-wasm", "kernel.wasm"), contents: kernel },
      ],
      resourcePersistencePath: directory,
      durableObjects: { BENCH: { className: "Bench", useSQLite: true } },
    }),
  );
  try {
    const times: CacheTimes[] = [];
    for (let round = 0; round < 5; round++) {
      const answer = await miniflare.dispatchFetch(`http://bench/?epoch=${EPOCH}`);
      const measured: CacheTimes = JSON.parse(await answer.text());
      times.push(measured);
    }
    return times;
  } finally {
    await miniflare.dispose();
    await rm(directory, { recursive: true, force: true });
  }
}

interface PoolTimes {
  /** From the first submit to a verifier without cache to its answer. */
  readonly coldMs: number;
  /** Answer times while the cache is there. */
  readonly warm: number[];
  /** Answer times in the 15 s after the node's first work of the next epoch. */
  readonly boundary: number[];
  readonly answers: Record<string, number>;
}

async function poolTimes(): Promise<PoolTimes> {
  const world = await startBeforeBoundary(EPOCH);
  const { node, pool, kernelFor } = world;
  const rigs = new ShareRigs(() => pool.url, { logins: 4, rigs: 1, window: 1, kernelFor });
  const since = (fromMs: number) => rigs.latencies.filter(({ sentMs }) => sentMs >= fromMs).map(({ tookMs }) => tookMs);
  try {
    const mining = rigs.run();
    while (rigs.latencies.length < 1) await sleep(10);
    await sleep(8_000);
    const warmFrom = Date.now();
    await sleep(5_000);
    const warm = since(warmFrom);
    const boundaryFrom = Date.now();
    node.advance();
    await sleep(15_000);
    const boundary = since(boundaryFrom);
    rigs.stop();
    await mining;
    const coldMs = Math.max(...rigs.latencies.slice(0, 4).map(({ tookMs }) => tookMs));
    return { coldMs, warm, boundary, answers: Object.fromEntries(rigs.answers) };
  } finally {
    rigs.close();
    await world.close();
  }
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const summary = (times: readonly number[]) => {
  const sorted = times.toSorted((a, b) => a - b);
  return { answers: sorted.length, p50: at(sorted, 0.5), p99: at(sorted, 0.99), max: sorted.at(-1) ?? 0 };
};
const median = (times: readonly number[]): number =>
  at(
    times.toSorted((a, b) => a - b),
    0.5,
  );

const caches = await cacheTimes();
const pool = await poolTimes();
const report = {
  machine: `${cpus()[0]?.model ?? "unknown"} × ${cpus().length}`,
  epoch: EPOCH,
  cacheMiB: Math.round((caches[0]?.cacheBytes ?? 0) / 2 ** 20),
  buildMs: median(caches.map((one) => one.buildMs)),
  slices: caches[0]?.slices ?? 0,
  medianOfLongestSliceMs: median(caches.map((one) => one.longestSliceMs)),
  saveMs: median(caches.map((one) => one.saveMs)),
  rows: caches[0]?.rows ?? 0,
  loadMs: median(caches.map((one) => one.loadMs)),
  firstAnswersMs: pool.coldMs,
  warm: summary(pool.warm),
  boundary: summary(pool.boundary),
  answers: pool.answers,
};
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else
  process.stdout.write(`Machine            ${report.machine}
Light cache        ${report.cacheMiB} MiB, epoch ${report.epoch}
built in workerd   ${report.buildMs} ms in ${report.slices} slices, the longest ${report.medianOfLongestSliceMs} ms
saved to SQLite    ${report.saveMs} ms, ${report.rows} rows of 1 MiB
loaded from it     ${report.loadMs} ms
Whole pool, share to answer, 4 rigs with one share each on its way, wasm memory capped at 96 MiB
first after start  ${report.firstAnswersMs} ms
cache in memory    p50 ${report.warm.p50} ms, p99 ${report.warm.p99} ms, max ${report.warm.max} ms (${report.warm.answers} answers)
15 s of boundary   p50 ${report.boundary.p50} ms, p99 ${report.boundary.p99} ms, max ${report.boundary.max} ms (${report.boundary.answers} answers)
answers            ${JSON.stringify(report.answers)}
`);
