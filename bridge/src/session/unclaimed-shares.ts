import type { Claims } from "./resumable-session.ts";

/**
 * Shares that the pool recorded after their miner had gone. ethminer gives up after 2 s without an answer, connects again
 * and submits the same nonces: without this memory it would be told that its own good shares are duplicates.
 */
export class UnclaimedShares implements Claims {
  readonly #bound: number;
  readonly #claims = new Set<string>();

  /** @param bound shares to remember; the oldest go first. */
  constructor(bound = 10_000) {
    this.#bound = bound;
  }

  add(claim: string): void {
    this.#claims.add(claim);
    const oldest = this.#claims.keys().next();
    if (this.#claims.size > this.#bound && !oldest.done) this.#claims.delete(oldest.value);
  }

  take(claim: string): boolean {
    return this.#claims.delete(claim);
  }
}
