import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import type { MinerJob } from "./miner-dialect.ts";
import { freeDigits } from "./ethereum-stratum-dialect.ts";
import type { SearchOrder, SearchReport } from "./miner-messages.ts";
import { SeedEpochs } from "../node/seed-epochs.ts";

/** What the search threads tell. */
export interface SearchHandlers {
  readonly onFound: (job: MinerJob, nonce: string, mixDigest: string, thread: number) => void;
  readonly onCache: (epoch: number, progress: number) => void;
  readonly onFailure: (error: Error) => void;
}

/** Jobs whose solutions may still arrive from a thread when a newer one was ordered. */
const REMEMBERED_JOBS = 8;
/** Hashrate is the mean over this window. */
const RATE_WINDOW_MS = 10_000;

/** The threads that look for nonces. They share one job; each searches a range of its own, from a random start. */
export class NonceSearch {
  readonly #threads: readonly Worker[];
  readonly #epochs: SeedEpochs;
  readonly #handlers: SearchHandlers;
  readonly #jobs = new Map<number, MinerJob>();
  readonly #samples: { readonly atMs: number; readonly count: number }[] = [];
  readonly #progress: number[];
  readonly #restMs: number;
  #sequence = 0;
  #hashes = 0;
  #closing = false;

  /** @param restMs of each thread, after every 32 hashes */
  constructor(chain: ChainSpec, threads: number, restMs: number, handlers: SearchHandlers) {
    this.#restMs = restMs;
    this.#epochs = new SeedEpochs(chain);
    this.#handlers = handlers;
    this.#progress = Array.from({ length: threads }, () => 0);
    this.#threads = this.#progress.map((_, index) => this.#startThread(index));
  }

  /** Hashes since the start. */
  get hashes(): number {
    return this.#hashes;
  }

  /** Hashes a second, mean of the last ten seconds. */
  get hashrate(): number {
    const now = performance.now();
    const recent = this.#samples.filter(({ atMs }) => now - atMs < RATE_WINDOW_MS);
    const [first] = recent;
    if (first === undefined) return 0;
    const counted = recent.reduce((sum, { count }) => sum + count, 0);
    // The oldest sample stands for hashes made before it.
    return ((counted - first.count) * 1_000) / Math.max(now - first.atMs, 1);
  }

  /** Turns every thread to a job. @throws Error when no epoch of the chain has the job's seed. */
  mine(job: MinerJob): void {
    const epoch = this.#epochs.find(job.seed);
    if (epoch === undefined) throw new Error(`no epoch has the seed ${job.seed}: the pool mines another chain`);
    const sequence = ++this.#sequence;
    this.#jobs.set(sequence, job);
    this.#jobs.delete(sequence - REMEMBERED_JOBS);
    const freeBits = BigInt(freeDigits(job.noncePrefix) * 4);
    const freeMask = (1n << freeBits) - 1n;
    const prefix = BigInt(`0x0${job.noncePrefix}`) << freeBits;
    for (const thread of this.#threads) {
      const nonce = prefix | (BigInt(`0x${randomBytes(8).toString("hex")}`) & freeMask);
      const order: SearchOrder = { sequence, header: job.header, epoch, target: job.target, nonce, freeMask };
      thread.postMessage(order);
    }
  }

  /** Stops searching until the next job. */
  pause(): void {
    for (const thread of this.#threads) thread.postMessage(null);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  #startThread(index: number): Worker {
    const thread = new Worker(new URL("./miner-worker.ts", import.meta.url), { workerData: this.#restMs });
    thread.on("message", (report: SearchReport) => this.#heard(report, index));
    thread.on("error", (error) => {
      if (!this.#closing) this.#handlers.onFailure(error instanceof Error ? error : new Error(String(error)));
    });
    return thread;
  }

  #heard(report: SearchReport, thread: number): void {
    switch (report.kind) {
      case "hashes":
        this.#hashes += report.count;
        this.#samples.push({ atMs: performance.now(), count: report.count });
        if (this.#samples.length > 1_000) this.#samples.shift();
        return;
      case "cache":
        this.#progress[thread] = report.progress;
        // The slowest thread tells how far the miner is.
        this.#handlers.onCache(report.epoch, Math.min(...this.#progress));
        return;
      case "found": {
        const job = this.#jobs.get(report.sequence);
        const nonce = report.nonce.toString(16).padStart(16, "0");
        if (job !== undefined) this.#handlers.onFound(job, nonce, report.mixDigest, thread);
      }
    }
  }
}
