import { arch, cpus, platform, release } from "node:os";
import { chainByName, customChain, epochOf, type Epoch } from "./chain-spec.ts";
import { ArgumentError } from "./errors.ts";
import { Ethash, type PowInput } from "./ethash.ts";
import { growTo, instantiateKernel, memoryFor } from "./kernel.ts";

/** Batch sizes that are measured: one of each kernel's, and its limits. */
export const BENCH_SIZES = [1, 2, 4, 8, 16, 32] as const;

/** Size epoch of Ethereum Classic in November 2026, about block 23,500,000. */
const TODAY = 391;

/** Each sample is long enough that the clock does not matter, and their median is reported. */
const SAMPLES = 15;
const SAMPLE_SHARES = 32;
const KECCAKS = 100_000;

/** Medians, in the units of their names. */
export interface BenchReport {
  readonly machine: string;
  readonly epoch: number;
  readonly cacheBytes: number;
  readonly cacheBuildMs: number;
  /** Keccak-512 of 64 bytes, each of the one before. */
  readonly keccakNs: number;
  readonly batches: readonly { readonly shares: number; readonly kernel: string; readonly msPerShare: number }[];
}

/** Which kernel a batch of this size runs on; assembly/index.ts and batch.ts decide it. */
function kernelOf(shares: number): string {
  if (shares === 1) return "single";
  return shares <= 8 ? "interleaved" : "burst";
}

/** Measures everything on one size epoch, by default that of Ethereum Classic today. */
export function bench(module: WebAssembly.Module, epochNumber: number = TODAY): BenchReport {
  const epoch = sizeEpoch(epochNumber);
  const ethash = Ethash.instantiate(module);
  const builds = [1, 2, 3].map(() => milliseconds(() => ethash.buildCache(epoch)));
  const samples = BENCH_SIZES.map((): number[] => []);
  let nonce = 0n;
  // Sizes take turns, so that what disturbs the machine disturbs all of them. The first turn warms up.
  for (let turn = 0; turn <= SAMPLES; turn++) {
    for (const [index, shares] of BENCH_SIZES.entries()) {
      const calls = Math.max(1, SAMPLE_SHARES / shares / (shares === 1 ? 2 : 1));
      const elapsed = milliseconds(() => {
        for (let call = 0; call < calls; call++) hashSome(ethash, shares, (nonce += BigInt(shares)));
      });
      if (turn) samples[index]?.push(elapsed / calls / shares);
    }
  }
  return {
    machine: machine(),
    epoch: epoch.number,
    cacheBytes: epoch.cacheBytes,
    cacheBuildMs: round(median(builds), 0),
    keccakNs: round(keccakNs(module), 0),
    batches: BENCH_SIZES.map((shares, index) => ({
      shares,
      kernel: kernelOf(shares),
      msPerShare: round(median(samples[index] ?? []), 3),
    })),
  };
}

/** The report as a table for a terminal. */
export function benchText(report: BenchReport): string {
  const lines = [
    report.machine,
    `epoch ${report.epoch}, light cache of ${(report.cacheBytes / 2 ** 20).toFixed(1)} MiB`,
    "",
    `cache build    ${String(report.cacheBuildMs).padStart(8)} ms`,
    `Keccak-512     ${String(report.keccakNs).padStart(8)} ns`,
    ...report.batches.map(
      ({ shares, kernel, msPerShare }) =>
        `${String(shares).padStart(2)} ${shares === 1 ? "share " : "shares"}      ${msPerShare.toFixed(3).padStart(8)} ms a share  ${kernel}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** An epoch of the original Ethash by its number. */
function sizeEpoch(number: number): Epoch {
  const chain = chainByName("ethereum") ?? customChain({ name: "ethereum" });
  try {
    return epochOf(chain, number * chain.epochLength);
  } catch (error) {
    throw error instanceof ArgumentError ? new ArgumentError("epoch", `${number} is out of range`) : error;
  }
}

function hashSome(ethash: Ethash, shares: number, firstNonce: bigint): void {
  const header = new Uint8Array(32).fill(0x11);
  const inputs = Array.from({ length: shares }, (_, index): PowInput => ({
    header,
    nonce: firstNonce + BigInt(index),
  }));
  if (shares === 1) ethash.hash(header, firstNonce);
  else ethash.hashBatch(inputs);
}

/** The first chain of a cache is nothing but Keccak-512 of 64 bytes. */
function keccakNs(module: WebAssembly.Module): number {
  const kernel = instantiateKernel(module);
  growTo(kernel.memory, memoryFor({ cacheBytes: 64 * KECCAKS }));
  const run = () => {
    for (let from = 0; from < KECCAKS; from += 5000) kernel.fillCache(from, from + 5000);
  };
  run();
  return (median(Array.from({ length: SAMPLES }, () => milliseconds(run))) * 1e6) / KECCAKS;
}

function machine(): string {
  const cpu = cpus()[0]?.model.trim() ?? "unknown processor";
  return `${cpu}, ${cpus().length} cores, ${platform()} ${release()} ${arch()}, Node ${process.version}`;
}

function milliseconds(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** The middle value. @param values not empty */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
