import type { LoginWait } from "./login-waits.ts";
import type { Payee, PayerBooks } from "./payer-books.ts";
import { advance, type RunContext } from "./payment-steps.ts";
import { IN_FLIGHT } from "./payment.ts";
import { busyLogins, draftPayment, isBelow, judgePayee, strangerPending, type PlanFacts } from "./planning.ts";

/** What a run of planning has to say, beside what `store.waits` keeps of logins that are not paid. */
export interface PlanReport {
  /** Shannon that the wallet does not have. */
  readonly short: bigint;
  readonly problems: readonly string[];
}

/** A run over several ticks: payees in their order, and how far it has come. */
interface Progress {
  readonly startedMs: number;
  readonly payees: readonly Payee[];
  at: number;
  /** As it was when the run began. */
  readonly blacklist: ReadonlySet<string>;
  /** Logins that are not paid. */
  readonly refused: Set<string>;
  /** Logins of which the ledger had forgotten something when the run began: payments that ended since may explain it. */
  readonly doubtful: string[];
  readonly problems: string[];
  short: bigint;
  /** Why the wallet can pay nobody else. */
  empty: string | null;
}

/**
 * Begins payments: every `payouts.interval` the logins above their thresholds, the largest first, as many at a time as
 * `payouts.concurrentTx` allows. What it remembers in memory is only how far it has come: an instance that begins anew reads it all again.
 */
export class Planner {
  #progress: Progress | null = null;

  async run(context: RunContext): Promise<PlanReport> {
    const progress = await this.#begin(context);
    if (progress === null) return { short: 0n, problems: [], ...this.#progress };
    while (progress.at < progress.payees.length) {
      const payee = progress.payees[progress.at];
      if (payee !== undefined && !(await pay(context, payee, progress))) return progress;
      progress.at += 1;
    }
    await judgeDoubtful(context, progress);
    context.store.waits.keepOnly(progress.refused);
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
    const [payees, blacklist] = [await books.payees(deps.settings.threshold, problems), await books.blacklist()];
    const refused = new Set<string>();
    for (const wait of await strangePending(books, busyLogins(store.unsettled()))) {
      store.waits.say(wait, nowMs());
      refused.add(wait.login);
    }
    this.#progress = {
      startedMs: run.startedMs,
      payees,
      at: 0,
      blacklist,
      refused,
      doubtful: [],
      problems,
      short: 0n,
      empty: null,
    };
    return this.#progress;
  }
}

/** What the ledger calls pending and the payer does not: nobody would ever end it, and a login with nothing else is no payee. */
async function strangePending(books: PayerBooks, busy: ReadonlySet<string>): Promise<LoginWait[]> {
  const waiting: LoginWait[] = [];
  for (const entry of (await books.pending()).keys()) {
    const [login = "", amount = ""] = entry.split(":");
    if (busy.has(login) || !/^\d+$/.test(amount)) continue;
    waiting.push({ login, amount: BigInt(amount), reason: strangerPending(amount), forgotten: true });
  }
  return waiting;
}

/** @returns false: no place among the payments under way, it is this login's turn again later */
async function pay(context: RunContext, listed: Payee, progress: Progress): Promise<boolean> {
  const { store, books, view, deps } = context;
  const { settings, nowMs } = deps;
  const refuse = (payee: Payee, reason: string): true => keepWait(context, progress, payee, reason, false);
  if (isBelow(listed, settings)) return true;
  const open = store.unsettled();
  const flying = open.filter(({ stage }) => IN_FLIGHT.includes(stage));
  if (!settings.dryRun && flying.length >= settings.concurrentTx) return false;
  const facts = factsOf(context, progress.blacklist);
  // What is known already costs the ledger nothing; whoever is due is read anew.
  const first = judgePayee(listed, store.login(listed.login), facts);
  if (first.kind === "waits" && first.forgotten) progress.doubtful.push(listed.login);
  else if (first.kind === "waits") refuse(listed, first.reason);
  if (first.kind !== "due") return true;
  const [payee, blacklist] = await Promise.all([books.payee(listed.login), books.blacklist()]);
  if (payee === null) return true;
  const verdict = judgePayee(payee, store.login(payee.login), { ...facts, blacklist });
  if (verdict.kind === "below") return true;
  if (verdict.kind === "waits") return keepWait(context, progress, payee, verdict.reason, verdict.forgotten);
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
  store.waits.drop(payee.login);
  await advance(context, payment);
  return true;
}

function factsOf({ store, deps }: RunContext, blacklist: ReadonlySet<string>): PlanFacts {
  const { settings, nowMs } = deps;
  return {
    settings,
    blacklist,
    busy: busyLogins(store.unsettled()),
    runTotal: store.run()?.total ?? 0n,
    dayTotal: store.dayTotal(nowMs()),
  };
}

function keepWait(
  { store, deps }: RunContext,
  progress: Progress,
  { login, balance: amount }: Payee,
  reason: string,
  forgotten: boolean,
): true {
  store.waits.say({ login, amount, reason, forgotten }, deps.nowMs());
  progress.refused.add(login);
  return true;
}

/** Some hundred logins cost one request. Who turns out to be due is paid by the next run. */
async function judgeDoubtful(context: RunContext, progress: Progress): Promise<void> {
  const { store, books } = context;
  const facts = factsOf(context, progress.blacklist);
  for (const payee of await books.some(progress.doubtful)) {
    const verdict = judgePayee(payee, store.login(payee.login), facts);
    if (verdict.kind === "waits") keepWait(context, progress, payee, verdict.reason, verdict.forgotten);
  }
}
