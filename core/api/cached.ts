/** A reading that is good for a while: asked for by many at once it is taken once, and a failed one leaves the last good one standing. */
export class Cached<T> {
  readonly #read: (nowMs: number) => Promise<T>;
  readonly #maxAgeMs: number;
  #last: { readonly value: T; readonly atMs: number } | null = null;
  #underWay: Promise<T> | null = null;

  constructor(read: (nowMs: number) => Promise<T>, maxAgeMs: number) {
    this.#read = read;
    this.#maxAgeMs = maxAgeMs;
  }

  /** The last value, however old. */
  get last(): T | null {
    return this.#last?.value ?? null;
  }

  /**
   * A value of at most the maximum age.
   * @throws whatever the reading throws; {@link last} is then still there
   */
  async get(nowMs: number): Promise<T> {
    if (this.#last && nowMs - this.#last.atMs < this.#maxAgeMs) return this.#last.value;
    this.#underWay ??= this.#renew(nowMs);
    return this.#underWay;
  }

  async #renew(nowMs: number): Promise<T> {
    try {
      const value = await this.#read(nowMs);
      this.#last = { value, atMs: nowMs };
      return value;
    } finally {
      this.#underWay = null;
    }
  }
}
