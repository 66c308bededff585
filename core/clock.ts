/** Time as an argument: core never reads a clock or sets a timer itself. */
export interface Clock {
  /** Unix time in ms. */
  nowMs(): number;
  /** Runs `work` once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, work: () => void): () => void;
}

/** Resolves after `delayMs`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}

/** The value of `promise`, or `late` when it has not settled after `delayMs`. A later failure of `promise` stays with whoever else awaits it. */
export function within<T, L>(clock: Clock, delayMs: number, promise: Promise<T>, late: L): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(delayMs, () => resolve(late));
    promise.then(resolve, reject).finally(cancel);
  });
}

/**
 * The values of all promises, which must not reject; null for each that has not settled after `delayMs`.
 * @param straggleMs once half of them have settled, the others are waited for no longer than that
 */
export async function allWithin<T>(
  clock: Clock,
  delayMs: number,
  promises: readonly Promise<T>[],
  straggleMs = delayMs,
): Promise<(T | null)[]> {
  const values = promises.map((): T | null => null);
  let open = promises.length;
  const half = Math.floor(open / 2);
  const straggled = Promise.withResolvers<void>();
  const settled = promises.map(async (promise, at) => {
    values[at] = await promise;
    open -= 1;
    // Never called off: it is short, and a timer that has rung leaves nothing behind (decision 69).
    if (open === half && open > 0 && straggleMs < delayMs) clock.after(straggleMs, straggled.resolve);
  });
  await within(clock, delayMs, Promise.race([Promise.all(settled), straggled.promise]), null);
  return [...values];
}
