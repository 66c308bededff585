/** A pause of 50 to 150 % of what is asked, so that many clients do not act at one moment. */
export function jittered(ms: number): number {
  return ms * (0.5 + Math.random());
}

/**
 * Pauses between attempts: drawn between 0 and a bound that doubles with every failure, so that miners that lost the pool
 * together come back one by one.
 */
export class BackOff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(minMs: number, maxMs: number, random: () => number = Math.random) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** The pause after one more failure, ms. */
  next(): number {
    const boundMs = Math.min(this.#minMs * 2 ** Math.min(this.#failures, 30), this.#maxMs);
    this.#failures += 1;
    return this.#random() * boundMs;
  }

  reset(): void {
    this.#failures = 0;
  }
}
