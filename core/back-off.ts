/** First wait after a failure, and the longest one: an outage of minutes ends for the pool within this after it ended for the ledger. */
const FIRST_MS = 250;
const LONGEST_MS = 15_000;

/**
 * How long to wait after so many failures in a row: doubling, capped, and spread over the upper half so that the shards
 * of a pool do not come back in step.
 * @param failures at least 1
 * @param random 0 ≤ random < 1
 */
export function backOffMs(failures: number, random: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return Math.round(full * (0.5 + random / 2));
}
