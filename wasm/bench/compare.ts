/**
 * This package in Node and in real workerd beside native code, in one run, each in a process of its own. They take turns
 * in short rounds, so that what disturbs the machine's caches disturbs all of them. CPU time is measured; figures are
 * lower quartiles, which on a quiet machine are the medians, and ratios are theirs.
 *
 *   npm run bench -w ethash-wasm -- [--epoch N] [--rounds N] [--json]
 *
 * Needs Linux; pip, a C and a C++ compiler for the native peer.
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { chainByName, epochOf, type Epoch } from "ethash-wasm";
import { BENCH_SIZES } from "../src/bench.ts";
import type { Contender, Work } from "./contender.ts";
import { startNative } from "./native-peer.ts";
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
/** Single shares a round: 70 ms and more. */
const SHARES_A_ROUND = 24;

interface Row {
  readonly what: string;
  readonly native: number;
  readonly ours: { readonly name: string; readonly value: number; readonly ratio: number }[];
}

function ethereumEpoch(number: number): Epoch {
  const ethereum = chainByName("ethereum");
  if (!ethereum) throw new Error("no chain ethereum");
  return epochOf(ethereum, number * ethereum.epochLength);
}

function row(what: string, natives: number[], names: string[], ours: number[][]): Row {
  return {
    what,
    native: lowerQuartile(natives),
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

async function compareHashes(native: Contender, ours: Contender[]): Promise<Row[]> {
  const natives: number[] = [];
  const samples = BENCH_SIZES.map(() => ours.map((): number[] => []));
  let firstNonce = 1n;
  // The first round warms up.
  for (let round = 0; round <= Number(options.rounds); round++) {
    for (const [sizeIndex, shares] of BENCH_SIZES.entries()) {
      const alone = await native.hash({ header: HEADER, firstNonce, shares: 1, calls: NATIVE_CALLS });
      if (round) natives.push(alone.milliseconds / NATIVE_CALLS);
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
  return BENCH_SIZES.map((shares, index) =>
    row(`${shares} ${shares === 1 ? "share" : "shares"}, ms a share`, natives, names, samples[index] ?? []),
  );
}

function print(rows: Row[], machine: string, nativeName: string): void {
  const names = rows[0]?.ours.map(({ name }) => name) ?? [];
  console.log(`${machine}\n`);
  console.log(`| | ${nativeName} | ${names.map((name) => `${name} | ratio`).join(" | ")} |`);
  console.log(`|---|---|${names.map(() => "---|---|").join("")}`);
  for (const { what, native, ours } of rows) {
    const digits = native > 100 ? 0 : 3;
    const cells = ours.map(({ value, ratio }) => `${value.toFixed(digits)} | ${ratio.toFixed(3)}`);
    console.log(`| ${what} | ${native.toFixed(digits)} | ${cells.join(" | ")} |`);
  }
}

async function main(): Promise<void> {
  const native = startNative();
  const ours = [startNode(), await startWorkerd()];
  try {
    const epoch = ethereumEpoch(Number(options.epoch));
    const rows = [await compareBuilds(native, ours, epoch), ...(await compareHashes(native, ours))];
    const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores, epoch ${epoch.number}`;
    if (options.json) console.log(JSON.stringify({ machine, rows }));
    else print(rows, machine, native.name);
  } finally {
    for (const contender of [native, ...ours]) await contender.stop();
  }
}

await main();
