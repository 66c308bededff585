/** Over so long the rate of arrivals is averaged, exponentially. */
const MEMORY_MS = 250;

/** Nothing waits longer than this for company. */
export const LONGEST_MS = 22;

/** What is worth waiting for: from here on a larger batch saves little (docs/kernel.md, section 3). */
const ENOUGH = 16;

/** Fewer than so many expected within {@link LONGEST_MS}, and waiting would cost more than it saves. */
export const WORTH_WAITING = 1.5;

/**
 * When a batch is to start: at once while little comes, so that a lone share never waits; else when enough are there, and no later than
 * they can be expected to have come (docs/decisions/0042-fair-turns.md).
 */
export class BatchPace {
  /** Arrivals a millisecond, as of {@link #atMs}. */
  #rate = 0;
  #atMs = 0;

  /** One more has come. */
  arrived(nowMs: number): void {
    this.#rate = this.#rateAt(nowMs) + 1 / MEMORY_MS;
    this.#atMs = nowMs;
  }

  /**
   * @param waiting how many wait, at least 1
   * @param oldestMs since when the first of them does, Unix time in ms; only asked while few wait
   * @returns Unix time in ms; not later than `nowMs` means now
   */
  startAtMs(waiting: number, oldestMs: () => number, nowMs: number): number {
    if (waiting >= ENOUGH || !this.isWorthWaiting(nowMs)) return nowMs;
    return oldestMs() + Math.min(LONGEST_MS, (ENOUGH - 1) / this.#rateAt(nowMs));
  }

  /** So much comes that company is worth waiting for. */
  isWorthWaiting(nowMs: number): boolean {
    return this.#rateAt(nowMs) * LONGEST_MS >= WORTH_WAITING;
  }

  #rateAt(nowMs: number): number {
    return this.#rate * Math.exp(-Math.max(0, nowMs - this.#atMs) / MEMORY_MS);
  }
}
