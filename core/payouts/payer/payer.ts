import { isUnreachable } from "../../ledger/contract/redis-port.ts";
import { thrown } from "../../log.ts";
import { auditNonces, type NonceAudit } from "./audit-nonces.ts";
import { mendLogin, type LoginMend } from "./mend.ts";
import { mendPage, type MendPage } from "./mend-all.ts";
import { PayerBooks, UNKNOWN_PAYMENT } from "./payer-books.ts";
import type { PayerDeps } from "./payer-deps.ts";
import { blockHash, viewChain, type ChainView } from "./payer-nodes.ts";
import { readStatus, type PayerStatus, type WaitingPayment } from "./payer-status.ts";
import { payoutProgress, walletView, type PayoutProgress, type WalletView } from "./payer-view.ts";
import { IN_FLIGHT, type Payment } from "./payment.ts";
import { advance, ledgerId, withoutNonce, type RunContext } from "./payment-steps.ts";
import { PaymentStore } from "./payment-store.ts";
import { filler, foreignNonces } from "./planning.ts";
import { previewPlan, type PlannedPayment } from "./plan-preview.ts";
import { Planner } from "./planner.ts";
import { strangePayments } from "./strange-nonces.ts";

/** What is to be told of one run. */
export interface PayerRun {
  /** Payments are under way: the next run should not wait for `payouts.interval`. */
  readonly soon: boolean;
  /** Account of another payer that holds the lock and has to be drained; null where there is none. */
  readonly heldBy: string | null;
}

/** Settled payments that one run looks at where nothing says that they moved. */
const FINISHED_A_RUN = 50;
const MOST_TOLD = 50;

/**
 * Pays what logins have above their thresholds, and follows each payment until nothing can undo it. Everything that it does outside has a
 * durable row before it, and can be done again; docs/payments.md says how. One object an account.
 */
export class Payer {
  readonly #deps: PayerDeps;
  readonly store: PaymentStore;
  readonly #books: PayerBooks;
  readonly #planner: Planner;

  constructor(deps: PayerDeps) {
    this.#deps = deps;
    this.store = new PaymentStore(deps.sql);
    if (this.store.fact("holder") === null) this.store.setFact("holder", deps.randomId());
    const id = this.store.fact("holder") ?? "";
    this.#books = new PayerBooks(deps.redis, deps.coin, `edgepool:${deps.settings.account}:${id}`);
    this.#planner = new Planner();
  }

  /** Unix time in seconds. */
  get nowS(): number {
    return Math.floor(this.#deps.nowMs() / 1000);
  }

  get books(): PayerBooks {
    return this.#books;
  }

  /** An `asking` payment was not paid by what has its nonce. */
  payAgain(payment: Payment): void {
    this.store.save(withoutNonce(payment, payment.place?.hash ?? ""));
  }

  /** An `asking` payment was paid by what has its nonce. @returns why the ledger does not take it; null when it has */
  async closeAsPaid(payment: Payment, hash: string): Promise<string | null> {
    const { login, amount } = payment;
    const request = { id: ledgerId(this.store, payment), login, amount };
    const result = await this.#books.close(request, { to: "paid", hash }, this.nowS);
    return result.kind === "refused" ? result.reason : null;
  }

  /** Writes again what the ledger has forgotten of a login, at the operator's word. @throws as the ledger does */
  async mend(login: string): Promise<LoginMend> {
    return await mendLogin(
      { store: this.store, books: this.#books, proof: null, writes: true, nowS: this.nowS },
      login,
    );
  }

  /**
   * A page of what the ledger has forgotten and the chain proves. @param after the last login of the page before @param writes false: only says it
   * @returns why it cannot be told @throws as the ledger does
   */
  async mendPage(after: string | null, writes: boolean): Promise<MendPage | string> {
    const { nodes, settings } = this.#deps;
    const view = await viewChain(nodes, { ...settings, genesis: settings.genesis ?? this.store.fact("genesis") });
    if (view.well.length === 0) return `no node can be believed now: ${view.problems.join("; ")}`;
    const holder = writes ? await this.#books.takeLock() : null;
    if (holder !== null) return `payments:lock is held by ${holder}`;
    const { account, confirmations, finalDepth } = settings;
    const proof = { view, account, confirmations, finalDepth };
    return await mendPage({ store: this.store, books: this.#books, proof, writes, nowS: this.nowS }, after);
  }

  /** What is paid, and when more is. @param login null: of everybody */
  progress(login: string | null): PayoutProgress {
    return payoutProgress(this.store, this.#deps.settings, this.status(), login);
  }

  /** What the operator sees. @throws as the ledger does */
  async wallet(): Promise<WalletView> {
    const { settings, redis, coin } = this.#deps;
    return await walletView(this.store, settings, this.status(), redis, coin);
  }

  /** The account's nonces against the chain. @param from first nonce; null: the newest ones @returns why it cannot be told */
  async auditNonces(from: number | null): Promise<NonceAudit | string> {
    const { nodes, settings } = this.#deps;
    const view = await viewChain(nodes, { ...settings, genesis: settings.genesis ?? this.store.fact("genesis") });
    return await auditNonces(this.store, view, settings.account, from);
  }

  /** What a run that began now would pay. @throws as the ledger does */
  async preview(): Promise<PlannedPayment[]> {
    return await previewPlan(this.store, this.#books, this.#deps.settings, this.#deps.nowMs());
  }

  /** All that waits and why, as the last run left it: `status` has the first of them. */
  waiting(): WaitingPayment[] {
    return [...waitingPayments(this.store.open().payments), ...waitingLogins(this.store, null)];
  }

  /** One run. Never throws for what nodes, signer or ledger do. */
  async run(): Promise<PayerRun> {
    const { nowMs, log, settings } = this.#deps;
    const before = this.status();
    const draft: Draft = { ...before, lastRunMs: nowMs(), problems: [], dryRun: settings.dryRun };
    let heldBy: string | null = null;
    try {
      heldBy = await this.#runOnce(draft);
    } catch (error) {
      if (!isUnreachable(error)) log.error("a run of the payer failed", { error: thrown(error) });
      draft.problems.push(`the run ended early: ${error instanceof Error ? error.message : String(error)}`);
    }
    const { payments, unreadable } = this.store.open();
    for (const id of unreadable) draft.problems.push(`payment ${id} was written by another version and is left alone`);
    this.store.setFact("status", JSON.stringify({ ...draft, ...told(payments, this.store) }));
    const moving = payments.some(({ stage }) => IN_FLIGHT.includes(stage) || stage === "mined");
    return { soon: moving || this.store.run() !== null, heldBy };
  }

  status(): PayerStatus {
    const { settings, retired, signer } = this.#deps;
    const status = readStatus(this.store.fact("status"), settings.account);
    return { ...status, cannotSign: retired ? null : signer.problem };
  }

  /** @returns the account of another payer that holds the lock */
  async #runOnce(draft: Draft): Promise<string | null> {
    const { store } = this;
    const deps = this.#deps;
    const { settings, nodes, nowMs } = deps;
    const genesis = settings.genesis ?? store.fact("genesis");
    const view = await viewChain(nodes, { ...settings, genesis });
    draft.problems.push(...view.problems);
    const [first] = view.well;
    if (first !== undefined && genesis === null && view.all) store.setFact("genesis", first.genesis);
    draft.walletWei = first === undefined ? null : String(leastWei(view));
    if (first !== undefined) draft.head = Math.min(...view.well.map(({ head }) => head));
    const { account } = settings;
    const strange = deps.retired
      ? null
      : await strangePayments(store, this.#books, view, account, settings.confirmations);
    const lock = deps.retired ? await this.#drain() : await this.#lock(strange);
    if (strange === null) this.#beginAt(view);
    const reasons = [await this.#pausedBy(view), strange].filter((reason) => reason !== null);
    const paused =
      lock === null ? (reasons.length === 0 ? null : reasons.join("; ")) : `payments:lock is held by ${lock}`;
    draft.paused = null;
    const { confirmations, finalDepth, replaceAfterMs } = settings;
    const terms = {
      confirmations,
      finalDepth,
      replaceAfterMs,
      paused: paused !== null || first === undefined,
      nowMs: nowMs(),
    };
    const context: RunContext = { deps, store, books: this.#books, view, terms, blocked: false };
    await this.#follow(context, draft);
    const alarm = store.fact("alarm");
    if (!deps.retired) draft.paused = paused ?? alarm;
    if (!deps.retired && paused === null && alarm === null && view.well.length > 0) {
      await this.#fillGap(context);
      const planned = await this.#planner.run(context);
      draft.walletShort = planned.short === 0n ? null : String(planned.short);
      draft.problems.push(...planned.problems);
    }
    draft.paidToday = String(store.dayTotal(nowMs()));
    if (view.well.length > 0) draft.lastSuccessMs = nowMs();
    return lock === null ? null : (/^edgepool:(0x[0-9a-f]{40}):/.exec(lock)?.[1] ?? null);
  }

  /** Why nothing new may be begun; null where it may. */
  async #pausedBy({ well }: ChainView): Promise<string | null> {
    const { store } = this;
    const deps = this.#deps;
    const { settings, signer } = deps;
    const byOperator = store.fact("paused") ?? store.fact("alarm");
    if (byOperator !== null) return byOperator;
    if (signer.problem !== null) return signer.problem;
    if (well.length === 0) return null;
    const head = Math.max(...well.map((node) => node.head));
    store.setFact("head", String(head));
    const resumed = Number(store.fact("resumed_height") ?? -1);
    const fork = settings.pauseAt.find((height) => height > resumed && height <= head);
    if (fork !== undefined) return `the chain has passed height ${fork} of payouts.pauseAt: resume when all is well`;
    return await deps.stopped();
  }

  /** Not while the operator has given it back; and one that has nothing under way and may not begin leaves it to a payer that may. */
  async #lock(strange: string | null): Promise<string | null> {
    if (this.store.fact("unlocked") !== null) return null;
    return await (strange !== null && this.store.isEmpty() ? this.#books.otherHolder() : this.#books.takeLock());
  }

  /** The account is at rest, and all nodes say so: nonces from here on are this payer's. */
  #beginAt({ well: [first] }: ChainView): void {
    if (first !== undefined && this.store.fact("first_nonce") === null)
      this.store.setFact("first_nonce", String(first.count));
  }

  /** An account that is no longer the configured one gives the lock back once nothing of it is open. */
  async #drain(): Promise<string | null> {
    const open = this.store.unsettled();
    for (const payment of open)
      if (payment.attempts.length === 0 && !payment.cancel) this.store.save({ ...payment, cancel: true });
    return open.every(({ settled }) => settled) ? await this.#books.releaseLock() : await this.#books.takeLock();
  }

  async #follow(context: RunContext, draft: Draft): Promise<void> {
    const { view } = context;
    const { payments } = this.store.open();
    const still = await this.#anchored(view);
    const head = Math.min(...view.well.map((node) => node.head), Number.MAX_SAFE_INTEGER);
    let finished = 0;
    let seen = true;
    for (const payment of payments.toSorted(byNonce)) {
      // A block at the confirmed height that is still there stands on everything older.
      const { stage: before, place, paidAs } = payment;
      if (before === "settled" && place !== null && place.height <= still && (paidAs ?? place.hash) === place.hash) {
        const deep = head - place.height >= this.#deps.settings.finalDepth;
        if (!deep || (finished += 1) > FINISHED_A_RUN) {
          // What a run without nodes could not tell of it is told by that; and the list of what waits is short.
          if (payment.waits !== null) this.store.save({ ...payment, waits: null });
          continue;
        }
      }
      const { stage, waits } = await advance(context, payment);
      // Of one that settled the nodes could not tell: with an anchor above it nobody would look again.
      if (stage === "settled" && waits !== null) seen = false;
    }
    if (seen && view.confirmed !== null)
      this.store.setFact("anchor", `${view.confirmed.height}:${view.confirmed.hash}`);
    const first = this.store.fact("first_nonce");
    const counts = view.well.map(({ count }) => count);
    if (first === null || counts.length === 0 || new Set(counts).size > 1) return;
    const [count = 0] = counts;
    draft.nonce = count;
    const from = Math.max(Number(first), count - 1_000);
    draft.foreign = foreignNonces(from, count, this.store.nonces(from));
  }

  /** @returns the height up to which the chain is as it was at the last run; -1 where nothing is known */
  async #anchored({ well }: ChainView): Promise<number> {
    const [height, hash] = (this.store.fact("anchor") ?? "").split(":");
    if (hash === undefined || well.length === 0) return -1;
    const hashes = await Promise.all(well.map(async ({ node }) => await blockHash(node, Number(height))));
    return hashes.every((found) => found === hash) ? Number(height) : -1;
  }

  /** A transaction that was not ours took a nonce and fell out again: what is signed above it would never be mined. */
  async #fillGap(context: RunContext): Promise<void> {
    const { store } = this;
    const deps = this.#deps;
    const open = store.unsettled();
    const counts = context.view.well.map(({ count }) => count);
    const next = Math.max(...counts);
    const stuck = open.some(({ nonce, place }) => nonce !== null && nonce > next && place === null);
    const waits = open.some(({ stage, nonce }) => stage === "debited" || (stage === "planned" && nonce === null));
    if (!stuck || waits || store.hasNonce(next) || counts.some((count) => count !== next)) return;
    const { account, gas } = deps.settings;
    await advance(context, store.insert(filler(account, gas, deps.nowMs())));
  }
}

/** The status as a run makes it. */
type Draft = { -readonly [K in keyof PayerStatus]: PayerStatus[K] };

const leastWei = ({ well }: ChainView): bigint =>
  well.map(({ balanceWei }) => balanceWei).reduce((low, wei) => (wei < low ? wei : low));

function byNonce(a: Payment, b: Payment): number {
  return (a.nonce ?? Infinity) === (b.nonce ?? Infinity)
    ? a.id - b.id
    : (a.nonce ?? Infinity) < (b.nonce ?? Infinity)
      ? -1
      : 1;
}

/** What the rows say, for the status. */
function told(payments: readonly Payment[], store: PaymentStore) {
  const stages: Record<string, number> = {};
  for (const { stage } of payments) stages[stage] = (stages[stage] ?? 0) + 1;
  const under = waitingPayments(payments);
  const waiting = [...under, ...waitingLogins(store, MOST_TOLD)].slice(0, MOST_TOLD);
  const { all, forgotten } = store.waits.count();
  return {
    stages,
    asking: stages["asking"] ?? 0,
    waiting,
    waitingMore: under.length + all - waiting.length,
    forgotten: forgotten + payments.filter(({ waits }) => waits === UNKNOWN_PAYMENT).length,
  };
}

/** Payments under way that wait for more than the chain, the longest first. */
const waitingPayments = (payments: readonly Payment[]): WaitingPayment[] =>
  payments
    .filter(({ waits }) => waits !== null)
    .map(({ id, login, amount, stage, waits, sinceMs }) => ({
      id,
      login,
      amountShannon: String(amount),
      stage,
      reason: waits ?? "",
      sinceMs,
    }))
    .toSorted((a, b) => a.sinceMs - b.sinceMs);

const waitingLogins = (store: PaymentStore, most: number | null): WaitingPayment[] =>
  store.waits.list(most).map(({ login, amount, reason, sinceMs }) => ({
    id: null,
    login,
    amountShannon: String(amount),
    stage: "unplanned",
    reason,
    sinceMs,
  }));
