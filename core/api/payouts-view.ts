import type { PaymentProgress, PayoutProgress } from "../payouts/payer/payer-view.ts";
import { parseInteger } from "./json.ts";

/** A payment as the API shows it. */
export interface PayoutEntry {
  readonly address: string;
  /** Shannon. */
  readonly amount: number | bigint;
  /** When it was planned, Unix time in seconds. */
  readonly timestamp: number;
  /** `docs/payments.md`, section 2. */
  readonly stage: PaymentProgress["stage"];
  /** Its transaction, as far as there is one. */
  readonly tx: string | null;
  /** Heights above it; null where the chain does not have it. */
  readonly confirmations: number | null;
  readonly reason: string | null;
}

/** `/api/payments/open`. */
export interface PayoutsBody {
  /** Depth at which a payment counts, and at which nothing can undo it. */
  readonly confirmations: number;
  readonly finalDepth: number;
  /** When payments are begun next, Unix time in seconds. */
  readonly nextRun: number;
  readonly paused: string | null;
  /** Newest first; the newest 200. */
  readonly payments: readonly PayoutEntry[];
}

/** `/api/accounts/<login>/payout`: its payments are the newest 50. */
export interface AccountPayoutBody extends PayoutsBody {
  /** Shannon that the balance has to pass, the miner's own or the pool's. */
  readonly threshold: number | bigint;
  /** Shannon of the balance, and those that are missing for it to pass the threshold; 0: it is due. */
  readonly balance: number | bigint;
  readonly missing: number | bigint;
  /** When it is paid next, Unix time in seconds: of a balance that is due, the next run; else by `estimatePerDay`. Null where nobody can tell. */
  readonly expected: number | null;
  /** Why it is not paid although it is due. */
  readonly reason: string | null;
}

const amountOf = (shannon: bigint | string): number | bigint => parseInteger(String(shannon)) ?? 0;

function entryOf({ login, amountShannon, stage, hash, confirmations, reason, bornMs }: PaymentProgress): PayoutEntry {
  return {
    address: login,
    amount: amountOf(amountShannon),
    timestamp: Math.floor(bornMs / 1000),
    stage,
    tx: hash,
    confirmations,
    reason,
  };
}

/** @param hidden logins that want to be in no list */
export function payoutsBody(progress: PayoutProgress, hidden: ReadonlySet<string>): PayoutsBody {
  const { confirmations, finalDepth, nextRunMs, paused, payments } = progress;
  const shown = payments.filter(({ login }) => !hidden.has(login));
  return {
    confirmations,
    finalDepth,
    nextRun: Math.floor(nextRunMs / 1000),
    paused,
    payments: shown.map((payment) => entryOf(payment)),
  };
}

/** What is known of a login beside its payments. */
export interface AccountDue {
  readonly balance: bigint;
  /** The pool's, or the miner's own where that is higher. */
  readonly threshold: bigint;
  /** Null where it is not known. */
  readonly estimatePerDay: bigint | null;
  /** Unix time in seconds. */
  readonly nowS: number;
}

const NOBODY: ReadonlySet<string> = new Set();

export function accountPayoutBody(progress: PayoutProgress, due: AccountDue): AccountPayoutBody {
  const { balance, threshold } = due;
  const missing = balance > threshold ? 0n : threshold + 1n - balance;
  const body = payoutsBody(progress, NOBODY);
  return {
    ...body,
    threshold: amountOf(threshold),
    balance: amountOf(balance),
    missing: amountOf(missing),
    expected: expectedAt(missing, body.nextRun, progress, due),
    reason: missing === 0n ? progress.waits : null,
  };
}

const DAY_S = 86_400n;
/** Beyond ten years it is no estimate. */
const LONGEST_S = 3_650n * DAY_S;

function expectedAt(
  missing: bigint,
  nextRun: number,
  { paused, waits }: PayoutProgress,
  { estimatePerDay, nowS }: AccountDue,
): number | null {
  if (paused !== null || (missing === 0n && waits !== null)) return null;
  const run = Math.max(nextRun, nowS);
  if (missing === 0n) return run;
  if (estimatePerDay === null || estimatePerDay <= 0n) return null;
  const seconds = (missing * DAY_S) / estimatePerDay;
  return seconds > LONGEST_S ? null : Math.max(run, nowS + Number(seconds));
}
