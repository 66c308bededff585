import { thrown, type Logger } from "../log.ts";

/** The alarm of the object that runs, and the clock. */
export interface RunClock {
  readonly alarm: { get(): Promise<number | null>; set(atMs: number): Promise<void> };
  /** Between two runs where the one before asks for nothing sooner. */
  readonly intervalMs: number;
  readonly nowMs: () => number;
  readonly log: Logger;
}

export interface RunLoopDeps extends RunClock {
  /** Whose runs they are, for the log. */
  readonly name: string;
  /** One run. @returns in how many ms the next one is due; null: at the interval */
  readonly run: () => Promise<number | null>;
}

/**
 * Runs something at an interval, one run at a time. The next alarm is set before anything is done, and nothing is thrown: an alarm that fails
 * is tried again by the platform six times and then lost. One that is lost all the same, cron sets again.
 */
export class RunLoop {
  readonly #deps: RunLoopDeps;
  #running: Promise<void> | null = null;

  constructor(deps: RunLoopDeps) {
    this.#deps = deps;
  }

  /** Cron: the loop runs afterwards. */
  async guard(): Promise<void> {
    const { alarm, nowMs } = this.#deps;
    if ((await alarm.get()) === null) await alarm.set(nowMs());
  }

  /** The alarm rang. */
  async tick(): Promise<void> {
    const { alarm, intervalMs, name, nowMs, log } = this.#deps;
    try {
      await alarm.set(nowMs() + intervalMs);
      await this.run();
    } catch (error) {
      log.error(`a run of the ${name} failed`, { error: thrown(error) });
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
    const { alarm, nowMs, run } = this.#deps;
    const dueInMs = await run();
    if (dueInMs !== null) await alarm.set(nowMs() + dueInMs);
  }
}
