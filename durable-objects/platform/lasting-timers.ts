/** How long a limit that was called off keeps its object awake at most. */
export const SLICE_MS = 250;

interface Limit {
  readonly atMs: number;
  readonly work: () => void;
}

/**
 * The timers of an object that is always asked, most of which are limits on answers and called off. workerd keeps 256 bytes of each timer that is
 * cleared until its object leaves memory, and nothing of one that has fired. So those that are far off wait for a tick that they have together,
 * which is never cleared and goes on while there is one. No more than that: on a busy thread timers fire once a second or less, and of more than
 * 10,000 that are to fire workerd refuses to set another (docs/decisions/0069-cleared-timers.md).
 */
export class LastingTimers {
  readonly #far = new Set<Limit>();
  #isTicking = false;

  /** Runs `work` once after `delayMs`, unless the returned function is called before. */
  readonly after = (delayMs: number, work: () => void): (() => void) => {
    if (delayMs < SLICE_MS) {
      const timer = setTimeout(work, delayMs);
      return () => clearTimeout(timer);
    }
    const limit = { atMs: Date.now() + delayMs, work };
    this.#far.add(limit);
    this.#goOn();
    return () => this.#far.delete(limit);
  };

  /** The tick comes when the next one ends, and at the latest after a slice. */
  #goOn(): void {
    if (this.#isTicking || this.#far.size === 0) return;
    this.#isTicking = true;
    const nextMs = Math.min(...[...this.#far].map(({ atMs }) => atMs)) - Date.now();
    setTimeout(() => this.#tick(), Math.min(SLICE_MS, Math.max(0, nextMs)));
  }

  #tick(): void {
    const nowMs = Date.now();
    this.#isTicking = false;
    try {
      for (const limit of this.#far) {
        if (limit.atMs > nowMs) continue;
        this.#far.delete(limit);
        limit.work();
      }
    } finally {
      this.#goOn();
    }
  }
}
