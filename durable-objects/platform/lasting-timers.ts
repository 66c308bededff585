/** How long a timer may run on that was called off. */
const SLICE_MS = 250;

interface Limit {
  readonly atMs: number;
  readonly work: () => void;
  isOff: boolean;
}

function end({ isOff, work }: Limit): void {
  if (!isOff) work();
}

/**
 * The timers of an object that is always asked, most of which are called off: limits on answers. workerd keeps 256 bytes of each timer that is
 * cleared until its object leaves memory, and nothing of one that has fired. So none is cleared. Those that are far off wait for a tick
 * that they have together, which goes on while there is one; an object that would sleep is kept awake for a slice by it
 * (docs/decisions/0069-cleared-timers.md).
 */
export class LastingTimers {
  readonly #far = new Set<Limit>();
  #isTicking = false;

  /** Runs `work` once after `delayMs`, unless the returned function is called before. */
  readonly after = (delayMs: number, work: () => void): (() => void) => {
    const limit = { atMs: Date.now() + delayMs, work, isOff: false };
    if (delayMs < SLICE_MS) setTimeout(() => end(limit), delayMs);
    else this.#wait(limit);
    return () => {
      limit.isOff = true;
      this.#far.delete(limit);
    };
  };

  #wait(limit: Limit): void {
    this.#far.add(limit);
    if (this.#isTicking) return;
    this.#isTicking = true;
    setTimeout(() => this.#tick(), SLICE_MS);
  }

  #tick(): void {
    this.#isTicking = false;
    const nowMs = Date.now();
    const waiting = [...this.#far];
    this.#far.clear();
    for (const limit of waiting) {
      const leftMs = limit.atMs - nowMs;
      if (leftMs <= 0) end(limit);
      else if (leftMs < SLICE_MS) setTimeout(() => end(limit), leftMs);
      else this.#wait(limit);
    }
  }
}

/** One of its own. See {@link LastingTimers}. */
export function lastingTimer(delayMs: number, work: () => void): () => void {
  return new LastingTimers().after(delayMs, work);
}
