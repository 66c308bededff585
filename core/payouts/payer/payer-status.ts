import * as v from "valibot";

const waitSchema = v.object({
  /** Null: no payment yet, but a login that should get one. */
  id: v.nullable(v.number()),
  login: v.string(),
  amountShannon: v.string(),
  stage: v.string(),
  reason: v.string(),
  sinceMs: v.number(),
});

const statusSchema = v.object({
  v: v.literal(1),
  account: v.string(),
  /** Unix time in ms of the last run, and of the last in which a node and the ledger answered; null before the first. */
  lastRunMs: v.nullable(v.number()),
  lastSuccessMs: v.nullable(v.number()),
  /** Why nothing new is begun; null where payments go on. */
  paused: v.nullable(v.string()),
  dryRun: v.boolean(),
  /** Payments by stage that have not ended. */
  stages: v.record(v.string(), v.number()),
  /** What waits, and why; the longest first, the first fifty. */
  waiting: v.array(waitSchema),
  /** How many more wait: `npm run payouts -- … waiting` has them all. */
  waitingMore: v.optional(v.number(), 0),
  /** Logins of which the ledger has forgotten payments, or of which it calls pending what this payer does not. */
  forgotten: v.optional(v.number(), 0),
  /** Payments that only the operator can end. */
  asking: v.number(),
  /** Wei, by the node that says least; null where none answers. */
  walletWei: v.nullable(v.string()),
  /** Shannon that logins above their thresholds should get and that the wallet does not have; null where it has enough. */
  walletShort: v.nullable(v.string()),
  paidToday: v.string(),
  /** The lowest of the nodes' heights, and the account's count of transactions where they agree on it; null before the first run. */
  head: v.optional(v.nullable(v.number()), null),
  nonce: v.optional(v.nullable(v.number()), null),
  /** Nonces of the account that are no payment. */
  foreign: v.array(v.number()),
  problems: v.array(v.string()),
  /** Why nothing can be signed, as it is now; null where it can. Left out by a payer of before. */
  cannotSign: v.optional(v.nullable(v.string())),
});

const storedStatus = v.pipe(v.string(), v.parseJson(), statusSchema);

/** What the payer says of itself, on `/health` and to the operator. */
export type PayerStatus = v.InferOutput<typeof statusSchema>;
export type WaitingPayment = v.InferOutput<typeof waitSchema>;

export const emptyStatus = (account: string): PayerStatus => ({
  v: 1,
  account,
  lastRunMs: null,
  lastSuccessMs: null,
  paused: null,
  dryRun: false,
  stages: {},
  waiting: [],
  waitingMore: 0,
  forgotten: 0,
  asking: 0,
  walletWei: null,
  walletShort: null,
  paidToday: "0",
  head: null,
  nonce: null,
  foreign: [],
  problems: [],
});

/** @param stored whatever the store has, of any version */
export function readStatus(stored: string | null, account: string): PayerStatus {
  const parsed = v.safeParse(storedStatus, stored);
  return parsed.success ? parsed.output : emptyStatus(account);
}

/** What waits longer than this is a problem on `/health`. */
const PATIENCE_MS = 3_600_000;
/** Nodes and ledger may be away for so long before the payer calls it a problem: others have named them by then. */
const OUTAGE_MS = 600_000;

/** What an operator has to know, in words. */
export function payerProblems(status: PayerStatus, nowMs: number): string[] {
  const {
    paused,
    waiting,
    waitingMore,
    forgotten,
    asking,
    walletShort,
    lastRunMs,
    lastSuccessMs,
    problems,
    cannotSign = null,
  } = status;
  const told = cannotSign === null ? [] : [`payer: nothing can be paid: ${cannotSign}`];
  if (lastRunMs !== null && (lastSuccessMs === null || nowMs - lastSuccessMs > OUTAGE_MS)) {
    told.push(...problems.map((problem) => `payer: ${problem}`));
    if (lastSuccessMs !== null)
      told.push(`payer: no run has come through for ${minutes(nowMs - lastSuccessMs)} minutes`);
  }
  if (paused !== null && paused !== cannotSign) told.push(`payer: payments are paused: ${paused}`);
  if (walletShort !== null) told.push(`payer: the wallet is short of ${walletShort} Shannon`);
  if (asking > 0) told.push(`payer: ${asking} payment(s) need your decision: npm run payouts -- status`);
  if (forgotten > 0)
    told.push(
      `payer: the ledger has forgotten payments of ${forgotten} login(s), or has some pending that are not this payer's: npm run payouts -- mend --all --dry-run says what`,
    );
  const late = waiting.filter(({ id, sinceMs }) => id !== null && nowMs - sinceMs > PATIENCE_MS);
  for (const { id, login, reason, sinceMs } of late)
    told.push(`payer: payment ${id} to ${login} has waited ${minutes(nowMs - sinceMs)} minutes: ${reason}`);
  // The longest come first: where the list ends with one of these there may be more of them.
  if (waitingMore > 0 && late.length > 0)
    told.push(`payer: ${waitingMore} more wait: npm run payouts -- waiting has them all`);
  return told;
}

const minutes = (ms: number): number => Math.floor(ms / 60_000);
