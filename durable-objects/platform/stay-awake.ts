/**
 * Keeps an object in memory for a while after its last use. Without a pending timer it may leave memory after ten idle seconds, and what it
 * has folded of the ledger would have to be read again. Costs the duration of the wait and nothing else.
 */
export class StayAwake {
  readonly #forMs: number;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(forMs: number) {
    this.#forMs = forMs;
  }

  /** Begins the while anew. */
  renew(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#timer = null), this.#forMs);
  }
}
