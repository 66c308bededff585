/** The first pause after a failure and the longest one, ms. */
export interface BackOffLimits {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** For a ledger or a node: an outage of minutes ends for the pool within the longest pause after it ended for the other side. */
const SERVERS: BackOffLimits = { firstMs: 250, longestMs: 15_000 };

/**
 * How long to wait after so many failures in a row: doubling, capped, and spread over the upper half so that those who
 * failed together do not come back in step.
 * @param failures at least 1
 * @param random 0 ≤ random < 1
 */
export function backOffMs(failures: number, random: number, limits: BackOffLimits = SERVERS): number {
  const full = Math.min(limits.longestMs, limits.firstMs * 2 ** Math.min(failures - 1, 16));
  return Math.round(full * (0.5 + random / 2));
}

/**
 * 50 to 150 % of a pause, so that many clients do not act at one moment.
 * @param random 0 ≤ random < 1
 */
export function spreadMs(ms: number, random: number): number {
  return ms * (0.5 + random);
}
