// Whether the pool's memory stays as it is while many miners are connected for an hour: node bench/memory.ts --help
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryFor } from "@edgepool/ethash-wasm";
import { chainByName, epochOf, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { Command } from "commander";
import * as v from "valibot";
import { wholeNumber } from "../devnet/cli/arguments.ts";
import { type FrontedPool, startFrontedPool } from "./memory/fronted-pool.ts";
import { stateSchema, type MinersOrder, type MinersState } from "./memory/miners.ts";
import { plotMemory, report, runSchema, type Run, type Sample } from "./memory/report.ts";
import { descriptorsOf, type Heap, heapsOf, wasmMbOf } from "./memory/workerd-process.ts";
import { workerdUsage } from "./pool/process-usage.ts";

const options = new Command("memory")
  .description("Memory of a whole pool in workerd while many miners are connected; each run adds to one table")
  .option("--sockets <number>", "sockets of all logins together", wholeNumber, 1_800)
  .option("--logins <number>", "logins that they are of", wholeNumber, 360)
  .option("--minutes <number>", "how long", wholeNumber, 60)
  .option("--shares <number>", "shares a second of all together", wholeNumber, 20)
  .option("--every <number>", "seconds between samples", wholeNumber, 60)
  .option("--heap <number>", "MB that a script's heap may have; all its objects share it here", wholeNumber, 32)
  .option("--block <number>", "seconds between new heights", wholeNumber, 13)
  .option(
    "--edges <number>",
    "processes of Workers that the miners reach, before the one of the objects",
    wholeNumber,
    0,
  )
  .option("--report", "measures nothing: writes the table and the plot of the runs that are there", false)
  .option("--out <directory>", "where memory.md, memory.svg and memory/ go", join(import.meta.dirname, "results"))
  .parse()
  .opts<Options>();

interface Options {
  readonly sockets: number;
  readonly logins: number;
  readonly minutes: number;
  readonly shares: number;
  readonly every: number;
  readonly heap: number;
  readonly block: number;
  readonly edges: number;
  readonly report: boolean;
  readonly out: string;
}

/** Ethereum Classic's today: a light cache of 65 MiB. */
const HEIGHT = 23_500_000;
const CHAIN = chainNamed("classic");
const HEAPS_WITHIN_MS = 10_000;

function chainNamed(name: string): ChainSpec {
  const chain = chainByName(name);
  if (chain === undefined) throw new RangeError(`no chain is called ${name}`);
  return chain;
}

/** The miners' process, which answers when it is asked how they are. */
class Miners {
  readonly #child = fork(join(import.meta.dirname, "memory/miners.ts"));

  async join(order: MinersOrder): Promise<MinersState> {
    return await this.#ask(order);
  }

  async state(): Promise<MinersState> {
    return await this.#ask("state");
  }

  end(): void {
    this.#child.kill();
  }

  async #ask(what: MinersOrder | "state"): Promise<MinersState> {
    this.#child.send(what);
    const [state] = await once(this.#child, "message");
    return v.parse(stateSchema, state);
  }
}

/** A busy isolate may not answer: then the sample has none. */
async function withinMs(ms: number, heaps: Promise<Heap[]>): Promise<Heap[]> {
  return await Promise.race([heaps.catch(() => []), sleep(ms).then(() => [])]);
}

async function sampled(fronted: FrontedPool, miners: Miners, sinceMs: number): Promise<Sample> {
  const { pool, edges, inspectorPort } = fronted;
  const group = pool.pid ?? -1;
  const [usage, descriptors, wasmMb, heaps, inFront, state] = await Promise.all([
    workerdUsage(group),
    descriptorsOf(group),
    wasmMbOf(group, memoryFor(epochOf(CHAIN, HEIGHT))),
    withinMs(HEAPS_WITHIN_MS, heapsOf(inspectorPort)),
    Promise.all(edges.map(({ pid }) => workerdUsage(pid ?? -1))),
    miners.state(),
  ]);
  const minute = (performance.now() - sinceMs) / 60_000;
  const sample = { minute, ...usage, descriptors, wasmMb, heaps, edges: inFront, miners: state };
  const used = heaps.map(({ script, usedMb, buffersMb }) => `${script} ${usedMb.toFixed(1)}+${buffersMb.toFixed(1)}`);
  console.error(
    `${minute.toFixed(1)} min: ${usage.memoryMb} MB resident, ${wasmMb.toFixed(1)} WebAssembly; ${used.join(", ")}; ${usage.cpuSeconds} s of CPU, ${descriptors} descriptors; in front ${JSON.stringify(inFront)}; ${JSON.stringify(state)}; load ${loadavg()[0]?.toFixed(1)}`,
  );
  return sample;
}

async function measure(): Promise<Run> {
  const { sockets, logins, shares, heap, edges, block } = options;
  const fronted = await startFrontedPool({
    spec: CHAIN,
    height: HEIGHT,
    heapMb: heap,
    blockTimeMs: block * 1_000,
    logins,
    edges,
    onLog: (line) => console.error(line),
  });
  const miners = new Miners();
  console.error(
    `pool ${fronted.pool.pid}, in front ${fronted.edges.map(({ pid }) => pid).join(" ")}, inspector at ${fronted.inspectorPort}`,
  );
  try {
    const machine = `${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} processors under a load of ${loadavg()[0]?.toFixed(0)} at the start, Node ${process.version}`;
    const beganMs = performance.now();
    const joined = await miners.join({ urls: fronted.urls, sockets, logins, sharesPerSecond: shares });
    console.error(`${joined.mining} of ${sockets} mine after ${Math.round((performance.now() - beganMs) / 1_000)} s`);
    const samples: Sample[] = [];
    const over = new AbortController();
    // What was measured until then is written.
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => over.abort());
    const sinceMs = performance.now();
    while (!over.signal.aborted && performance.now() - sinceMs < options.minutes * 60_000) {
      await sleep(options.every * 1_000, undefined, { signal: over.signal }).catch(() => undefined);
      samples.push(await sampled(fronted, miners, sinceMs));
    }
    return { machine, sockets, logins, edges, shares, heapLimitMb: heap, samples };
  } finally {
    miners.end();
    await fronted.close();
  }
}

const folder = join(options.out, "memory");
await mkdir(folder, { recursive: true });
if (!options.report) {
  const run = await measure();
  const inFront = run.edges === 0 ? "" : `-behind-${run.edges}`;
  await writeFile(join(folder, `${run.sockets}-of-${run.logins}${inFront}.json`), `${JSON.stringify(run)}\n`);
}
const files = (await readdir(folder)).filter((name) => name.endsWith(".json"));
const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
const runs = texts.map((text) => v.parse(runSchema, JSON.parse(text)));
// What was written by hand about the runs stays.
const notes = await readFile(join(folder, "notes.txt"), "utf8").catch(() => "");
const text = report(runs, notes);
await writeFile(join(options.out, "memory.md"), text);
await writeFile(join(options.out, "memory.svg"), await plotMemory(runs));
console.log(text);
process.exit();
