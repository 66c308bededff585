/** A promise that a test settles. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

export function deferred<T>(): Deferred<T> {
  return Promise.withResolvers<T>();
}

/** Time that a test moves: `wait` resolves when `advance` has brought the clock there. */
export class ManualTime {
  nowMs = 1_000_000;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  readonly wait = (ms: number): Promise<void> =>
    new Promise((wake) => void this.#sleepers.push({ atMs: this.nowMs + ms, wake }));

  /** Moves the clock and lets everything that becomes runnable run. */
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#sleepers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.wake();
      await settle();
    }
    this.nowMs = endMs;
  }
}

/** Lets promises that can go on do so: a macrotask later all chains of microtasks have ended. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => void setImmediate(resolve));
}
