import { BoundedMap } from "../../../core/bounded-map.ts";
import type { Login } from "../miner-side/miner-line.ts";

/** Shares to remember. */
const BOUND = 10_000;

/** Names a share among all that pass the bridge. */
export function shareClaim(login: Login | null, extranonce: string | null, shareKey: string): string {
  return `${login?.address ?? ""}:${extranonce ?? ""}:${shareKey}`;
}

/**
 * Shares that the pool recorded after their miner had gone. ethminer gives up after 2 s without an answer, connects again
 * and submits the same nonces: without this memory it would be told that its own good shares are duplicates.
 */
export class UnclaimedShares {
  readonly #claims = new BoundedMap<string, true>(BOUND);

  add(claim: string): void {
    this.#claims.set(claim, true);
  }

  /** True once for each share that was recorded so. */
  take(claim: string): boolean {
    return this.#claims.delete(claim);
  }
}
