import { RedisReplyError } from "../../ledger/contract/redis-port.ts";
import { feesNow, raisedFees, type FeesResult } from "./gas.ts";
import type { PayerBooks } from "./payer-books.ts";
import type { PayerDeps } from "./payer-deps.ts";
import type { ChainView } from "./payer-nodes.ts";
import { nextStep, type Attempt, type MachineTerms, type Payment, type Sighting, type Step } from "./payment.ts";
import type { PaymentStore } from "./payment-store.ts";
import { sight } from "./sighting.ts";

/** What one run works with. */
export interface RunContext {
  readonly deps: PayerDeps;
  readonly store: PaymentStore;
  readonly books: PayerBooks;
  readonly view: ChainView;
  readonly terms: MachineTerms;
  /** A nonce waits for its signature: no later one is given out in this run. */
  blocked: boolean;
}

/** Steps of one payment in one run: from planned to sent there are three. */
const MOST_STEPS = 8;
/** Shannon of a row that is no payment. */
const NOTHING = 0n;

/** Takes a payment as far as it goes now. @throws as the ledger does, but for what it refuses */
export async function advance(context: RunContext, payment: Payment): Promise<Payment> {
  let now = payment;
  let sighting = await sight(context.view, now, context.deps.settings.account);
  for (let step = 0; step < MOST_STEPS; step += 1) {
    // An alarm of this very run pauses what comes after it.
    const paused = context.terms.paused || context.store.fact("alarm") !== null;
    const next = nextStep(now, sighting, { ...context.terms, paused });
    const done = await perform(context, now, next).catch((error: unknown): Done => {
      if (!(error instanceof RedisReplyError)) throw error;
      return { payment: waiting(context, now, `the ledger refused: ${error.message}`), more: false };
    });
    if (done.payment.nonce !== now.nonce) sighting = ABSENT;
    now = done.payment;
    if (!done.more) return now;
  }
  return now;
}

const ABSENT: Sighting = { kind: "absent", next: false };

/** @returns the row as it is now, and whether another step may follow at once */
interface Done {
  readonly payment: Payment;
  readonly more: boolean;
}

async function perform(context: RunContext, payment: Payment, step: Step): Promise<Done> {
  switch (step.do) {
    case "wait":
      return { payment: waiting(context, payment, step.why), more: false };
    case "note":
      return { payment: noted(context, payment, step), more: true };
    case "debit":
      return await debit(context, payment);
    case "sign":
      return await sign(context, payment, step.kind);
    case "send":
      return { payment: await send(context, payment), more: false };
    case "settle":
      return await settle(context, payment, step.hash);
    case "refund":
      return await refund(context, payment, step.why);
    case "renonce":
      return await renonce(context, payment, step);
    case "finish":
      return await finish(context, payment);
  }
}

/** The payment's id in the ledger, unique over all payers of it. */
export const ledgerId = (store: PaymentStore, { id }: Payment): string => `${store.fact("holder") ?? ""}:${id}`;

function saved({ store }: RunContext, payment: Payment): Payment {
  store.save(payment);
  return payment;
}

/** Writes down why it waits, where that is another reason than before. */
function waiting(context: RunContext, payment: Payment, waits: string | null): Payment {
  if (payment.waits === waits) return payment;
  const { log, nowMs } = context.deps;
  if (waits !== null) log.warn("a payment waits", { payment: payment.id, login: payment.login, reason: waits });
  return saved(context, { ...payment, waits, sinceMs: nowMs() });
}

function noted(context: RunContext, payment: Payment, step: Step & { readonly do: "note" }): Payment {
  const { store, deps } = context;
  const { stage, place, alarm } = step;
  deps.log.info(`a payment is ${stage}`, { payment: payment.id, login: payment.login, hash: place?.hash });
  if (alarm !== null) deps.log.error(alarm, { payment: payment.id });
  if (alarm !== null && store.fact("alarm") === null) store.setFact("alarm", alarm);
  if (stage === "reverted" && payment.kind === "payment")
    store.setLogin(payment.login, { held: `its address refused payment ${payment.id} (${place?.hash ?? ""})` });
  return saved(context, { ...payment, stage, place, waits: null, sinceMs: deps.nowMs() });
}

async function debit(context: RunContext, payment: Payment): Promise<Done> {
  const { store, books, deps } = context;
  const { nowMs, log } = deps;
  // The row stands; the debit must not come from an instance that another one has taken the place of.
  await store.fence();
  const { login, amount, least } = payment;
  const request = { id: ledgerId(store, payment), login, amount };
  const result = await books.debit(request, least, seconds(nowMs()));
  if (result.kind === "refused") {
    log.warn("a payment was not debited", { payment: payment.id, login, reason: result.reason });
    return { payment: saved(context, { ...payment, stage: "dropped", waits: result.reason }), more: false };
  }
  const debited: Payment = { ...payment, stage: "debited", waits: null };
  store.together(() => {
    const { total } = store.login(login);
    store.setLogin(login, { total: (total > least ? total : least) + amount, approved: false });
    store.countDebit(amount, nowMs());
    store.save(debited);
  });
  log.info("a payment is debited", { payment: payment.id, login, amountShannon: amount });
  return { payment: debited, more: true };
}

async function sign(context: RunContext, payment: Payment, kind: Attempt["kind"]): Promise<Done> {
  const { store, deps } = context;
  const { settings, signer, nowMs, log } = deps;
  const fees = feesOf(context, payment);
  if (!fees.ok) return await notSigned(context, payment, kind, fees.reason);
  let now = payment;
  if (now.nonce === null) {
    const nonce = context.blocked ? null : freeNonce(context);
    if (nonce === null) return { payment: waiting(context, payment, "it waits for its nonce"), more: false };
    now = saved(context, { ...now, nonce });
  }
  // The nonce is this payment's, durably, before anybody signs under it.
  await store.fence();
  const pays = kind === "pay";
  const { account, chainId } = settings;
  const signed = await signer.sign({
    chainId,
    nonce: now.nonce ?? 0,
    to: pays ? now.login : account,
    valueWei: pays ? now.valueWei : 0n,
    gasLimit: pays ? now.gasLimit : settings.gas,
    fees: fees.fees,
  });
  if (!signed.ok) {
    if (now.attempts.length === 0) context.blocked = true;
    return await notSigned(context, now, kind, signed.reason);
  }
  const attempt: Attempt = { hash: signed.hash, raw: signed.raw, kind, fees: fees.fees, atMs: nowMs() };
  const stage = now.stage === "debited" ? "signed" : now.stage;
  const next = saved(context, { ...now, stage, attempts: [...now.attempts, attempt], sentMs: null, waits: null });
  await store.durable();
  log.info(next.attempts.length === 1 ? "a payment is signed" : "a payment is signed anew", {
    payment: next.id,
    login: next.login,
    nonce: next.nonce,
    hash: signed.hash,
    cancels: !pays,
  });
  return { payment: next, more: true };
}

/** Without a replacement the bytes that there are are offered again: nodes forget, and may have room now. */
async function notSigned(context: RunContext, payment: Payment, kind: Attempt["kind"], reason: string): Promise<Done> {
  const last = payment.attempts.at(-1);
  if (last?.kind === kind) await offer(context, last);
  return { payment: waiting(context, payment, reason), more: false };
}

function feesOf({ view, deps }: RunContext, payment: Payment): FeesResult {
  const { settings } = deps;
  const now = feesNow(view, settings);
  const last = payment.attempts.at(-1);
  return now.ok && last !== undefined ? raisedFees(last.fees, now.fees, settings.maxGasPriceWei) : now;
}

/** The lowest nonce that is neither in the chain nor anybody's; null while the nodes do not agree on what is in the chain. */
function freeNonce({ view, store }: RunContext): number | null {
  const first = store.fact("first_nonce");
  if (first === null || view.well.length === 0) return null;
  const counts = view.well.map(({ count }) => count);
  const highest = Math.max(...counts);
  const known = store.freeNonceAfter(Number(first));
  // Transactions that are not ours: only all nodes together are believed, or one that lies would tear a gap.
  if (highest > known && (!view.all || counts.some((count) => count !== highest))) return null;
  return store.freeNonce(Math.max(Number(first), highest));
}

async function send(context: RunContext, payment: Payment): Promise<Payment> {
  const { store, deps } = context;
  const attempt = payment.attempts.at(-1);
  if (attempt === undefined) return payment;
  const isFirst = payment.sentMs === null;
  const now: Payment = isFirst ? { ...payment, stage: "sent", sentMs: deps.nowMs() } : payment;
  if (isFirst) await noteSigned(context, payment);
  if (isFirst) store.save(now);
  const refused = await offer(context, attempt);
  if (isFirst)
    deps.log.info("a payment is sent", {
      payment: now.id,
      login: now.login,
      hash: attempt.hash,
      isTaken: refused === null,
    });
  return waiting(context, now, refused);
}

/** For open-etc-pool's payer, should it come back. What cancels a payment it would take for the payment. */
export async function noteSigned(
  { store, books }: Pick<RunContext, "store" | "books">,
  payment: Payment,
): Promise<void> {
  const { login, amount, nonce, attempts } = payment;
  const attempt = attempts.findLast(({ kind }) => kind === "pay");
  if (amount > NOTHING && nonce !== null && attempt !== undefined)
    await books.noteSigned({ id: ledgerId(store, payment), login, amount }, nonce, attempt.hash);
}

/** To every node. @returns why none takes it; null where one does */
async function offer({ store, deps }: RunContext, { raw }: Attempt): Promise<string | null> {
  await store.fence();
  const call = { method: "eth_sendRawTransaction", params: [raw] };
  const replies = await Promise.all(deps.nodes.map(async ({ rpc }) => await rpc.call(call)));
  if (replies.some((reply) => reply.kind === "ok" || KNOWN.test(reply.reason))) return null;
  const reasons = replies.map((reply) => (reply.kind === "ok" ? "" : reply.reason));
  return `no node takes the transaction: ${reasons.filter((reason) => reason !== "").join("; ")}`;
}

/** Nodes say so of bytes that they have, or whose nonce is used already: what the chain has decides. */
const KNOWN = /already known|known transaction|already imported|nonce too low/i;

async function settle(context: RunContext, payment: Payment, hash: string): Promise<Done> {
  const { store, books, deps } = context;
  const { login, amount } = payment;
  if (amount > NOTHING) {
    const request = { id: ledgerId(store, payment), login, amount };
    const result = await books.close(request, { to: "paid", hash }, seconds(deps.nowMs()));
    if (result.kind === "refused") return { payment: waiting(context, payment, result.reason), more: false };
    await books.forgetSigned(request);
    if (payment.paidAs !== null) await relist(context, payment, hash);
    deps.log.info("a payment is settled", { payment: payment.id, login, amountShannon: amount, hash });
  }
  const { paidAs, wasPaidAs } = payment;
  const before = paidAs === null || paidAs === hash ? wasPaidAs : [...wasPaidAs, paidAs];
  const settled: Payment = {
    ...payment,
    stage: "settled",
    settled: true,
    paidAs: hash,
    wasPaidAs: before,
    waits: null,
  };
  return { payment: saved(context, settled), more: true };
}

/** The ledger forgets the payment's marker: first it has to say paid, which one that was restored from an older state does not. */
async function finish(context: RunContext, payment: Payment): Promise<Done> {
  const { store, books, deps } = context;
  const { login, amount } = payment;
  if (amount > NOTHING) {
    const request = { id: ledgerId(store, payment), login, amount };
    const hashes = transactionsOf(payment);
    const [hash = ""] = hashes;
    const result = await books.close(request, { to: "paid", hash }, seconds(deps.nowMs()));
    if (result.kind === "refused" && !(result.unknown && (await books.isPaid(login, amount, hashes))))
      return { payment: waiting(context, payment, result.reason), more: false };
    await relist(context, payment, hash);
    await books.forgetSigned(request);
    await books.forget(request.id);
  }
  return { payment: saved(context, { ...payment, stage: "final", waits: null }), more: false };
}

/** Whatever it was listed with, before a deep reorganisation or in a ledger of an older state: it is listed with what the chain has. */
async function relist({ books, store }: RunContext, payment: Payment, hash: string): Promise<void> {
  const { login, amount } = payment;
  for (const other of new Set(transactionsOf(payment)))
    if (other !== hash) await books.relist({ id: ledgerId(store, payment), login, amount }, other, hash);
}

/** Hashes under which it may be in the ledger, the one that the chain has first. */
export const transactionsOf = ({ place, paidAs, wasPaidAs, attempts }: Payment): string[] => [
  ...[place?.hash, paidAs].filter((hash) => typeof hash === "string"),
  ...wasPaidAs,
  ...attempts.map(({ hash }) => hash),
];

async function refund(context: RunContext, payment: Payment, why: string): Promise<Done> {
  const { store, books, deps } = context;
  const { login, amount, settled } = payment;
  if (settled) return { payment: asked(context, payment, `it was settled, and then ${why}`), more: false };
  if (amount === NOTHING) return { payment: saved(context, { ...payment, stage: "final", waits: null }), more: false };
  const request = { id: ledgerId(store, payment), login, amount };
  const result = await books.close(request, { to: "balance" }, seconds(deps.nowMs()));
  if (result.kind === "refused" && result.unknown && payment.stage === "planned")
    return { payment: saved(context, { ...payment, stage: "dropped", waits: why }), more: false };
  if (result.kind === "refused") return { payment: waiting(context, payment, result.reason), more: false };
  await books.forgetSigned(request);
  // A nonce that nothing was signed under is free again.
  const nonce = payment.attempts.length === 0 ? null : payment.nonce;
  const refunded: Payment = { ...payment, stage: "refunded", nonce, waits: why };
  store.together(() => {
    if (payment.stage !== "planned") store.setLogin(login, { total: store.login(login).total - amount });
    store.save(refunded);
  });
  deps.log.warn("a payment is refunded", { payment: payment.id, login, amountShannon: amount, reason: why });
  return { payment: refunded, more: false };
}

function asked(context: RunContext, payment: Payment, why: string): Payment {
  const { log, nowMs } = context.deps;
  log.error("a payment needs the operator", { payment: payment.id, login: payment.login, reason: why });
  return saved(context, { ...payment, stage: "asking", waits: why, sinceMs: nowMs() });
}

async function renonce(context: RunContext, payment: Payment, step: Step & { readonly do: "renonce" }): Promise<Done> {
  const { hash, to, valueWei } = step;
  if (payment.kind === "filler") return { payment: saved(context, { ...payment, stage: "final" }), more: false };
  if (valueWei > 0n && (await context.books.isLogin(to))) {
    const why = `${hash} has its nonce ${payment.nonce} and pays ${valueWei} Wei to the login ${to}: was that this payment?`;
    return { payment: asked(context, payment, why), more: false };
  }
  const { login, amount } = payment;
  await context.books.forgetSigned({ id: ledgerId(context.store, payment), login, amount });
  context.deps.log.warn("a payment gets another nonce", { payment: payment.id, login: payment.login, hash });
  return { payment: saved(context, withoutNonce(payment, hash)), more: true };
}

/** Its nonce is somebody else's for good: what was signed under it can never be in the chain. */
export function withoutNonce(payment: Payment, hash: string): Payment {
  const lost = [...payment.lost, { nonce: payment.nonce ?? 0, hash }];
  const without = { nonce: null, attempts: [], place: null, sentMs: null, waits: null };
  return { ...payment, stage: "debited", lost, ...without };
}

const seconds = (ms: number): number => Math.floor(ms / 1000);
