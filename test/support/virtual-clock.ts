import type { Clock } from "../../core/clock.ts";

/** A clock that stands still until it is told to go on. Timers run in order of time, each followed by everything that awaits it. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #timers: { readonly atMs: number; readonly work: () => void }[] = [];

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, work: () => void): () => void {
    // As real timers: no time at all is a millisecond, so that a loop that breathes comes to an end.
    const timer = { atMs: this.#nowMs + Math.max(1, delayMs), work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** The processor is busy for so long: time passes, and no timer runs in it. */
  spend(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /** Lets `durationMs` pass. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      await settled();
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > endMs) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.work();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
    await settled();
  }
}

/** After everything that can go on without time passing has gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
