import type { GuardEvent, GuardVerdict } from "./guard.ts";

/** What one client has sent so far. Kept by its guard. */
export interface ClientCounts {
  readonly malformed: number;
  /** Valid and invalid shares since the ratio was last judged. */
  readonly valid: number;
  readonly invalid: number;
  /** Apart: stale shares never lead towards a ban. */
  readonly stale: number;
  readonly bans: number;
}

export interface RatioPolicy {
  readonly enabled: boolean;
  /** Invalid shares in percent of all judged shares from which a client is refused. */
  readonly invalidPercent: number;
  /** Shares, valid and invalid, after which the ratio is judged and counting starts afresh. */
  readonly checkThreshold: number;
}

export const NO_COUNTS: ClientCounts = { malformed: 0, valid: 0, invalid: 0, stale: 0, bans: 0 };

/**
 * Judges the ratio when enough shares are there: invalid / (valid + invalid). The reference divides by the valid ones, so that
 * its 30 % bans at 7 of 30.
 */
export function judgeRatio(counts: ClientCounts, policy: RatioPolicy): { counts: ClientCounts; refused: boolean } {
  const shares = counts.valid + counts.invalid;
  if (!policy.enabled || shares < policy.checkThreshold) return { counts, refused: false };
  const refused = counts.invalid * 100 >= policy.invalidPercent * shares && counts.invalid > 0;
  return { counts: { ...counts, valid: 0, invalid: 0 }, refused };
}

const COUNTER = {
  malformed: "malformed",
  invalidShare: "invalid",
  validShare: "valid",
  staleShare: "stale",
  ban: "bans",
} as const satisfies Record<GuardEvent, keyof ClientCounts>;

/** What comes of a report. */
export interface ReportOutcome {
  readonly counts: ClientCounts;
  readonly verdict: GuardVerdict;
  /** Whether the counts are worth a row: only what tells against the client is. Valid shares are the many, and without invalid ones they count for nothing. */
  readonly keep: boolean;
}

/** Counts what a session saw a client do, and judges the client. @param times events of one kind */
export function judgeReport(
  counts: ClientCounts,
  event: GuardEvent,
  times: number,
  policy: RatioPolicy,
): ReportOutcome {
  const counter = COUNTER[event];
  const judged = judgeRatio({ ...counts, [counter]: counts[counter] + times }, policy);
  const { refused } = judged;
  const watch = judged.counts.invalid > 0;
  return {
    counts: judged.counts,
    verdict: { allowed: !refused, reason: refused ? "High rate of invalid shares" : "", watch },
    keep: event !== "validShare" && event !== "staleShare",
  };
}
