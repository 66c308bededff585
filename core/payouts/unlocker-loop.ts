import { thrown, type Logger } from "../log.ts";
import type { BlockUnlocker } from "./unlocker.ts";
import { readState, type UnlockerState } from "./unlocker-state.ts";
import { statusOf, type UnlockerStatus } from "./unlocker-status.ts";

export interface UnlockerLoopDeps {
  readonly unlocker: Pick<BlockUnlocker, "run">;
  readonly store: { read(): unknown; write(state: UnlockerState): void };
  readonly alarm: { get(): Promise<number | null>; set(atMs: number): Promise<void> };
  readonly intervalMs: number;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** The next run comes at once where more blocks are due: long enough for others to be served between. */
const SOON_MS = 1_000;

/**
 * The unlocker's clock: an alarm at `unlocker.interval`. The next one is set before anything is done, and nothing is thrown: an alarm that
 * fails is tried again by the platform six times and then lost. One that is lost all the same, cron sets again.
 */
export class UnlockerLoop {
  readonly #deps: UnlockerLoopDeps;
  #running: Promise<void> | null = null;

  constructor(deps: UnlockerLoopDeps) {
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
      await alarm.set(nowMs() + intervalMs);
      await this.run();
    } catch (error) {
      log.error("a run of the unlocker failed", { error: thrown(error) });
    }
  }

  /** One run; one that is under way is waited for instead. */
  async run(): Promise<void> {
    this.#running ??= this.#runOnce().finally(() => (this.#running = null));
    await this.#running;
  }

  status(): UnlockerStatus {
    return statusOf(readState(this.#deps.store.read()));
  }

  async #runOnce(): Promise<void> {
    const { unlocker, store, alarm, nowMs } = this.#deps;
    const { state, more } = await unlocker.run(readState(store.read()));
    store.write(state);
    if (more) await alarm.set(nowMs() + SOON_MS);
  }
}
