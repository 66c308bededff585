import { setTimeout as sleep } from "node:timers/promises";

/** From the request to stop to the end of everything, orderly or not, in less than the 5 s that a person waits. */
const STOP_WITHIN_MS = 4_500;
/** Of that, for the last shares to get into the ledger. */
const SETTLE_WITHIN_MS = 1_500;
/** When the time of `--for` is over nobody is waiting, and a verdict is wanted. */
const VERDICT_WITHIN_MS = 12_000;
const VERDICT_SETTLE_MS = 5_000;
const PARENT_EVERY_MS = 500;

/**
 * When and how a run ends: at a signal, when the process that started it is gone, when nobody reads its output any more, or when its time
 * is over. What has not ended by itself a few seconds later is killed.
 */
export class Ending {
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #settleMs = VERDICT_SETTLE_MS;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => this.#asked());
    for (const output of [process.stdout, process.stderr]) output.on("error", () => this.#asked());
    // npm passes SIGTERM to its shell, which dies of it and tells nobody.
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && this.#asked(), PARENT_EVERY_MS).unref();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** How long the last shares may take to get into the ledger. */
  get settleMs(): number {
    return this.#settleMs;
  }

  /** Ends the run after this long, counted anew at each call; null: never. */
  after(ms: number | null): void {
    clearTimeout(this.#timer);
    if (ms !== null) this.#timer = setTimeout(() => this.#end(VERDICT_WITHIN_MS, VERDICT_SETTLE_MS), ms).unref();
  }

  /** Fulfilled when the run is to end. */
  requested(): Promise<void> {
    return new Promise((resolve) => {
      if (this.signal.aborted) resolve();
      this.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Fulfilled after this long, or at the end of the run. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal }).catch(() => undefined);
  }

  #asked(): void {
    this.#end(STOP_WITHIN_MS, SETTLE_WITHIN_MS);
  }

  #end(withinMs: number, settleMs: number): void {
    if (this.signal.aborted) return;
    this.#settleMs = settleMs;
    // At its exit this process kills the group that workerd is in.
    setTimeout(() => {
      process.stderr.write("npm start: a part did not end in time and is killed\n");
      process.exit(1);
    }, withinMs).unref();
    this.#stop.abort();
  }
}
