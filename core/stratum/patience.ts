import type { SessionState } from "./session.ts";

/** A silence of so many times the usual one is no chance any more: it happens once in 22,000 shares. */
const INTERVALS = 10;
/** Hashes in a ms of the slowest rig that is waited for before its first share: 1 MH/s. */
const SLOWEST = 1_000;
/** A socket that is dead without a word ends with the day. */
const MOST_MS = 24 * 3_600_000;

/**
 * How long a session may be silent before it is taken for gone, ms. Many programs say nothing between two shares, and at a high
 * difficulty a healthy rig needs many minutes for one.
 * @param timeoutMs what the operator allows at least
 * @param heardAtMs when the session was last heard of, Unix time
 */
export function patienceMs(
  { login, pace, told }: Pick<SessionState, "login" | "pace" | "told">,
  timeoutMs: number,
  heardAtMs: number,
): number {
  if (login === null) return timeoutMs;
  const usual = pace.shares === 0 ? Number(told.difficulty ?? 0) / SLOWEST : (heardAtMs - pace.sinceMs) / pace.shares;
  return Math.max(timeoutMs, Math.min(usual * INTERVALS, MOST_MS));
}
