import type { ShareVerdict } from "./share.ts";

/** Most submissions that are remembered: about 1 MB. */
const CAPACITY = 8_192;

interface Remembered {
  readonly identity: string;
  readonly verdict: ShareVerdict;
}

/**
 * The latest answers, in memory: a retry gets the answer of its first attempt, and a copy is a duplicate without a hash and
 * without a request to Redis. Forgetting is harmless, the ledger decides then.
 */
export class RecentShares {
  /** Insertion order is age. */
  readonly #answers = new Map<string, Remembered>();

  /** @returns what to answer, if this header and nonce are remembered */
  find(header: string, nonce: string, identity: string): ShareVerdict | undefined {
    const known = this.#answers.get(`${header}${nonce}`);
    if (!known) return undefined;
    return known.identity === identity ? known.verdict : { kind: "duplicate" };
  }

  /** Remembers an accepted submission or a duplicate. The first answer for a header and nonce stays. */
  remember(header: string, nonce: string, identity: string, verdict: ShareVerdict): void {
    const key = `${header}${nonce}`;
    if (this.#answers.has(key)) return;
    this.#answers.set(key, { identity, verdict });
    if (this.#answers.size <= CAPACITY) return;
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest);
      return;
    }
  }
}
