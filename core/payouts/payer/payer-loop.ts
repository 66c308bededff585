import { thrown, type Logger } from "../../log.ts";
import type { PayerRun } from "./payer.ts";

export interface PayerLoopDeps {
  readonly run: () => Promise<PayerRun>;
  readonly alarm: { get(): Promise<number | null>; set(atMs: number): Promise<void> };
  /** Between two runs while nothing is under way; the longest that an alarm is set for. */
  readonly intervalMs: number;
  /** Another payer holds the lock: it has to be brought to its end. */
  readonly drain: (account: string) => Promise<void>;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** While payments are under way: a block comes every 13 seconds or so. */
const SOON_MS = 15_000;
/** What settled is watched, and whoever waits is told, at least so often. */
const LATEST_MS = 600_000;

/**
 * The payer's clock. The next alarm is set before anything is done, and nothing is thrown: an alarm that fails is tried again by the platform
 * six times and then lost. One that is lost all the same, cron sets again.
 */
export class PayerLoop {
  readonly #deps: PayerLoopDeps;
  #running: Promise<void> | null = null;

  constructor(deps: PayerLoopDeps) {
    this.#deps = deps;
  }

  /** Cron: the loop runs afterwards. */
  async guard(): Promise<void> {
    const { alarm, nowMs } = this.#deps;
    if ((await alarm.get()) === null) await alarm.set(nowMs());
  }

  /** The alarm rang. */
  async tick(): Promise<void> {
    const { alarm, intervalMs, nowMs, log } = this.#deps;
    try {
      await alarm.set(nowMs() + Math.min(intervalMs, LATEST_MS));
      await this.run();
    } catch (error) {
      log.error("a run of the payer failed", { error: thrown(error) });
    }
  }

  /** One run; one that is under way is waited for instead. */
  async run(): Promise<void> {
    this.#running ??= this.#runOnce().finally(() => (this.#running = null));
    await this.#running;
  }

  /** Does something while no run is under way, and lets none begin: a run would write over what it changes. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    while (this.#running !== null) await this.#running.catch(() => undefined);
    const result = work();
    this.#running = result.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await result;
    } finally {
      this.#running = null;
    }
  }

  async #runOnce(): Promise<void> {
    const { alarm, drain, intervalMs, nowMs, run } = this.#deps;
    const { soon, heldBy } = await run();
    if (heldBy !== null) await drain(heldBy);
    if (soon) await alarm.set(nowMs() + Math.min(intervalMs, SOON_MS));
  }
}
