import { PATIENCE_MS } from "./unlocker-events.ts";
import type { FallenBlock, UnlockerState, WaitingBlock } from "./unlocker-state.ts";

/** What the unlocker says of itself, on `/health` and to the payer. */
export interface UnlockerStatus {
  /** Unix time in ms of the last run, and of the last one in which a node and the ledger answered; null before the first. */
  readonly lastRunMs: number | null;
  readonly lastSuccessMs: number | null;
  /** Height of the oldest candidate; null where there is none. */
  readonly oldestCandidate: number | null;
  /** Blocks that wait, and why; the longest first. */
  readonly waiting: readonly WaitingBlock[];
  /** How many more wait; left out by an object of before it was told. */
  readonly waitingMore?: number;
  /** Logins whose account cannot be written. */
  readonly owed: readonly string[];
  /** Matured blocks that a deep reorganisation took out of the chain. */
  readonly fallen: readonly FallenBlock[];
  readonly problems: readonly string[];
  /** Elements of the window's log under `pplns`; null under another scheme, or before the first run. */
  readonly windowElements: number | null;
  /** Why nobody may be paid now; null where payments may go on. */
  readonly pausePayments: string | null;
}

/** Blocks that are told one by one. */
const MOST_TOLD = 50;

export function statusOf(state: UnlockerState): UnlockerStatus {
  const { lastRunMs, lastSuccessMs, oldestCandidate, owed, fallen, problems, windowElements } = state;
  const waiting = Object.values(state.waiting).toSorted((a, b) => a.sinceMs - b.sinceMs);
  const pausePayments =
    fallen.length === 0
      ? null
      : `${fallen.length} matured block(s) are no longer in the chain, the highest at ${Math.max(...fallen.map(({ height }) => height))}`;
  return {
    lastRunMs,
    lastSuccessMs,
    oldestCandidate,
    waiting: waiting.slice(0, MOST_TOLD),
    waitingMore: Math.max(0, waiting.length - MOST_TOLD),
    owed,
    fallen,
    problems,
    windowElements,
    pausePayments,
  };
}

/** What an operator has to know, in words. @param intervalMs between two runs */
export function unlockerProblems(status: UnlockerStatus, nowMs: number, intervalMs: number): string[] {
  const { lastRunMs, lastSuccessMs, waiting, owed, fallen, problems, pausePayments } = status;
  const told = problems.map((problem) => `unlocker: ${problem}`);
  const since = lastSuccessMs ?? lastRunMs;
  if (lastRunMs !== null && since !== null && nowMs - since > Math.max(PATIENCE_MS, 3 * intervalMs))
    told.push(`unlocker: no run has come through for ${minutes(nowMs - since)} minutes`);
  for (const { list, height, reason, sinceMs } of waiting)
    if (nowMs - sinceMs > PATIENCE_MS)
      told.push(`unlocker: block ${height} (${list}) has waited ${minutes(nowMs - sinceMs)} minutes: ${reason}`);
  if ((status.waitingMore ?? 0) > 0) told.push(`unlocker: ${status.waitingMore} more blocks wait`);
  if (owed.length > 0)
    told.push(`unlocker: the account of ${owed.slice(0, 3).join(", ")} cannot be written (${owed.length} in all)`);
  if (pausePayments !== null)
    told.push(
      `unlocker: ${pausePayments}: ${fallen
        .slice(0, 3)
        .map(({ height, hash }) => `${height} ${hash}`)
        .join(", ")}${fallen.length > 3 ? ` and ${fallen.length - 3} more` : ""}`,
    );
  return told;
}

/** From so many elements on, of which a block pays half, the ledger takes a second or more for a block, in which it does nothing else (docs/decisions/0050-window-of-pplns.md). */
const LONG_WINDOW = 1_200_000;

/** What an operator may mend in time, in words. */
export function unlockerNotices({ windowElements }: UnlockerStatus): string[] {
  if (windowElements === null || windowElements < LONG_WINDOW) return [];
  return [
    `the log of the pplns window has ${windowElements} elements. From ${LONG_WINDOW} on the ledger takes a second or more to record a block, and miners wait meanwhile. Raise difficulty, or lower payouts.pplnsWindow`,
  ];
}

const minutes = (ms: number): number => Math.floor(ms / 60_000);
