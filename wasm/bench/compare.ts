/**
 * This package in Node and in real workerd beside native code, in one run, each in a process of its own. They take turns
 * in short rounds, so that what disturbs the machine's caches disturbs all of them. CPU time is measured; figures are
 * lower quartiles, which on a quiet machine are the medians, and ratios are theirs. Beside them stands what the reads alone
 * cost: C that reads as many random rows of the same cache, as many at a time as the batch has chains, and does nothing else.
 *
 *   npm run bench -w @edgepool/ethash-wasm -- [--epoch N] [--rounds N] [--json]
 *
 * Needs Linux; pip, a C and a C++ compiler for the native peer.
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { chainByName, epochOf, type Epoch } from "@edgepool/ethash-wasm";
import { BENCH_SIZES } from "../src/bench.ts";
import type { Contender, Work } from "./contender.ts";
import { startNative, type Native } from "./native-peer.ts";
import { startNode } from "./node-contender.ts";
import { startWorkerd } from "./workerd-contender.ts";

const { values: options } = parseArgs({
  options: {
    epoch: { type: "string", default: "391" },
    rounds: { type: "string", default: "15" },
    builds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});

const HEADER = "11".repeat(32);
/** Native shares before each of our samples. */
const NATIVE_CALLS = 8;
/** Rows of the cache that a share reads, ACCESSES * 2 * DATASET_PARENTS, in as many chains at a time as it has items a page. */
const READS_A_SHARE = 32_768;
const CHAINS_A_SHARE = 2;
/** Between 1, the whole window, and 2, half of it; see {@link Native.windowRatio}. */
const HALVED = 1.5;
/** Single shares a round: 70 ms and more. */
const SHARES_A_ROUND = 24;

interface Row {
  readonly what: string;
  readonly native: number;
  /** What the reads alone take, where that is known. */
  readonly reads: number | undefined;
  readonly ours: { readonly name: string; readonly value: number; readonly ratio: number }[];
}

function ethereumEpoch(number: number): Epoch {
  const ethereum = chainByName("ethereum");
  if (!ethereum) throw new Error("no chain ethereum");
  return epochOf(ethereum, number * ethereum.epochLength);
}

function row(what: string, natives: number[], names: string[], ours: number[][], reads?: number[]): Row {
  return {
    what,
    native: lowerQuartile(natives),
    reads: reads && lowerQuartile(reads),
    ours: ours.map((samples, index) => ({
      name: names[index] ?? "",
      value: lowerQuartile(samples),
      ratio: lowerQuartile(samples) / lowerQuartile(natives),
    })),
  };
}

function lowerQuartile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 4)] ?? Number.NaN;
}

async function compareBuilds(native: Contender, ours: Contender[], epoch: Epoch): Promise<Row> {
  const natives: number[] = [];
  const samples = ours.map((): number[] => []);
  for (let turn = 0; turn < Number(options.builds); turn++) {
    natives.push(await native.build(epoch));
    for (const [index, contender] of ours.entries()) samples[index]?.push(await contender.build(epoch));
  }
  return row(
    "cache build, ms",
    natives,
    ours.map(({ name }) => name),
    samples,
  );
}

async function compareHashes(native: Native, ours: Contender[]): Promise<{ rows: Row[]; windows: number[] }> {
  const windows: number[] = [];
  const natives: number[] = [];
  const reads = BENCH_SIZES.map((): number[] => []);
  const samples = BENCH_SIZES.map(() => ours.map((): number[] => []));
  let firstNonce = 1n;
  // The first round warms up.
  for (let round = 0; round <= Number(options.rounds); round++) {
    for (const [sizeIndex, shares] of BENCH_SIZES.entries()) {
      const alone = await native.hash({ header: HEADER, firstNonce, shares: 1, calls: NATIVE_CALLS });
      if (round) natives.push(alone.milliseconds / NATIVE_CALLS);
      const readNs = await native.readNs(shares * CHAINS_A_SHARE);
      if (round) reads[sizeIndex]?.push((readNs * READS_A_SHARE) / 1e6);
      if (round) windows.push(await native.windowRatio());
      // Larger batches are faster: more of them, for requests that are long enough.
      const calls = Math.max(1, Math.round((SHARES_A_ROUND * Math.sqrt(shares)) / shares)) + (shares > 4 ? 2 : 0);
      const work: Work = { header: HEADER, firstNonce, shares, calls };
      const results = new Set<string>();
      for (const [index, contender] of ours.entries()) {
        const { milliseconds, lastResult } = await contender.hash(work);
        results.add(lastResult);
        if (round) samples[sizeIndex]?.[index]?.push(milliseconds / calls / shares);
      }
      const check = await native.hash({
        ...work,
        firstNonce: firstNonce + BigInt(calls * shares - 1),
        shares: 1,
        calls: 1,
      });
      results.add(check.lastResult);
      if (results.size !== 1) throw new Error(`contenders disagree: ${[...results].join(", ")}`);
    }
    firstNonce += 1000n;
  }
  const names = ours.map(({ name }) => name);
  const rows = BENCH_SIZES.map((shares, index) =>
    row(
      `${shares} ${shares === 1 ? "share" : "shares"}, ms a share`,
      natives,
      names,
      samples[index] ?? [],
      reads[index] ?? [],
    ),
  );
  return { rows, windows };
}

function print(rows: Row[], machine: string, nativeName: string): void {
  const names = rows[0]?.ours.map(({ name }) => name) ?? [];
  console.log(`${machine}\n`);
  console.log(`| | ${nativeName} | C, the reads alone | ${names.map((name) => `${name} | ratio`).join(" | ")} |`);
  console.log(`|---|---|---|${names.map(() => "---|---|").join("")}`);
  for (const { what, native, reads, ours } of rows) {
    const digits = native > 100 ? 0 : 3;
    const cells = ours.map(({ value, ratio }) => `${value.toFixed(digits)} | ${ratio.toFixed(3)}`);
    console.log(`| ${what} | ${native.toFixed(digits)} | ${reads?.toFixed(digits) ?? ""} | ${cells.join(" | ")} |`);
  }
}

async function main(): Promise<void> {
  const native = startNative();
  const ours = [startNode(), await startWorkerd()];
  try {
    const epoch = ethereumEpoch(Number(options.epoch));
    const builds = await compareBuilds(native, ours, epoch);
    const hashes = await compareHashes(native, ours);
    const rows = [builds, ...hashes.rows];
    const halved = hashes.windows.filter((ratio) => ratio > HALVED).length;
    const machine =
      `${cpus()[0]?.model}, ${availableParallelism()} cores, epoch ${epoch.number}; in ${halved} of ` +
      `${hashes.windows.length} samples the processor looked only half as far ahead, its core's other thread being in use`;
    if (options.json) console.log(JSON.stringify({ machine, rows }));
    else print(rows, machine, native.name);
  } finally {
    for (const contender of [native, ...ours]) await contender.stop();
  }
}

await main();
