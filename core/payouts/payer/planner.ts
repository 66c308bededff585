import type { Payee, PayerBooks } from "./payer-books.ts";
import type { WaitingPayment } from "./payer-status.ts";
import { advance, type RunContext } from "./payment-steps.ts";
import { IN_FLIGHT } from "./payment.ts";
import { busyLogins, draftPayment, isBelow, judgePayee, strangerPending, type PlanFacts } from "./planning.ts";

/** What a run of planning has to say. */
export interface PlanReport {
  /** Logins above their threshold that are not paid, and why. */
  readonly waiting: readonly WaitingPayment[];
  /** Shannon that the wallet does not have. */
  readonly short: bigint;
  readonly problems: readonly string[];
}

/** A run over several ticks: payees in their order, and how far it has come. */
interface Progress {
  readonly startedMs: number;
  readonly payees: readonly Payee[];
  at: number;
  readonly waiting: WaitingPayment[];
  readonly problems: string[];
  short: bigint;
  /** Why the wallet can pay nobody else. */
  empty: string | null;
}

const MOST_TOLD = 50;

/**
 * Begins payments: every `payouts.interval` the logins above their thresholds, the largest first, as many at a time as
 * `payouts.concurrentTx` allows. What it remembers in memory is only how far it has come: an instance that begins anew reads it all again.
 */
export class Planner {
  #progress: Progress | null = null;

  async run(context: RunContext): Promise<PlanReport> {
    const progress = await this.#begin(context);
    if (progress === null) return { waiting: [], short: 0n, problems: [], ...this.#progress };
    while (progress.at < progress.payees.length) {
      const payee = progress.payees[progress.at];
      if (payee !== undefined && !(await pay(context, payee, progress))) return progress;
      progress.at += 1;
    }
    context.store.setFact("run", null);
    return progress;
  }

  /** @returns null where no run is due */
  async #begin({ store, books, deps }: RunContext): Promise<Progress | null> {
    const { settings, nowMs } = deps;
    let run = store.run();
    if (run === null) {
      if (nowMs() - Number(store.fact("last_run") ?? 0) < settings.intervalMs) return null;
      run = { startedMs: nowMs(), total: 0n };
      store.setFact("last_run", String(run.startedMs));
      store.setFact("run", `${run.startedMs}:0`);
    }
    if (this.#progress?.startedMs === run.startedMs) return this.#progress;
    const problems: string[] = [];
    const payees = await books.payees(problems);
    const waiting = await strangePending(books, busyLogins(store.unsettled()), nowMs());
    this.#progress = { startedMs: run.startedMs, payees, at: 0, waiting, problems, short: 0n, empty: null };
    return this.#progress;
  }
}

/** What the ledger calls pending and the payer does not: nobody would ever end it, and a login with nothing else is no payee. */
async function strangePending(books: PayerBooks, busy: ReadonlySet<string>, nowMs: number): Promise<WaitingPayment[]> {
  const waiting: WaitingPayment[] = [];
  for (const entry of (await books.pending()).keys()) {
    const [login = "", amount = ""] = entry.split(":");
    if (busy.has(login) || waiting.length >= MOST_TOLD) continue;
    const reason = strangerPending(amount);
    waiting.push({ id: null, login, amountShannon: amount, stage: "unplanned", reason, sinceMs: nowMs });
  }
  return waiting;
}

/** @returns false: no place among the payments under way, it is this login's turn again later */
async function pay(context: RunContext, listed: Payee, progress: Progress): Promise<boolean> {
  const { store, books, view, deps } = context;
  const { settings, nowMs } = deps;
  const refuse = (payee: Payee, reason: string): true => {
    if (progress.waiting.length < MOST_TOLD) progress.waiting.push(waitOf(payee, reason, nowMs()));
    return true;
  };
  if (isBelow(listed, settings)) return true;
  const open = store.unsettled();
  const flying = open.filter(({ stage }) => IN_FLIGHT.includes(stage));
  if (!settings.dryRun && flying.length >= settings.concurrentTx) return false;
  const [payee, blacklist] = await Promise.all([books.payee(listed.login), books.blacklist()]);
  if (payee === null) return true;
  const facts: PlanFacts = {
    settings,
    blacklist,
    busy: busyLogins(open),
    runTotal: store.run()?.total ?? 0n,
    dayTotal: store.dayTotal(nowMs()),
  };
  const verdict = judgePayee(payee, store.login(payee.login), facts);
  if (verdict.kind === "below") return true;
  if (verdict.kind === "waits") return refuse(payee, verdict.reason);
  if (progress.empty !== null) {
    progress.short += payee.balance;
    return refuse(payee, progress.empty);
  }
  const drafted = await draftPayment(view, payee, flying, settings, nowMs());
  if (drafted.kind === "refused") {
    if (drafted.wallet) progress.empty = drafted.reason;
    if (drafted.wallet) progress.short += payee.balance;
    return refuse(payee, drafted.reason);
  }
  if (settings.dryRun) return refuse(payee, "dry run: it would be paid now");
  const payment = store.insert(drafted.payment);
  await store.durable();
  await advance(context, payment);
  return true;
}

const waitOf = ({ login, balance }: Payee, reason: string, nowMs: number): WaitingPayment => ({
  id: null,
  login,
  amountShannon: String(balance),
  stage: "unplanned",
  reason,
  sinceMs: nowMs,
});
