import type { Login } from "../miner-side/miner-line.ts";

/** Names a share among all that pass the bridge. */
export function shareClaim(login: Login | null, extranonce: string | null, shareKey: string): string {
  return `${login?.address ?? ""}:${extranonce ?? ""}:${shareKey}`;
}

/**
 * Shares that the pool recorded after their miner had gone. ethminer gives up after 2 s without an answer, connects again
 * and submits the same nonces: without this memory it would be told that its own good shares are duplicates.
 */
export class UnclaimedShares {
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

  /** True once for each share that was recorded so. */
  take(claim: string): boolean {
    return this.#claims.delete(claim);
  }
}
