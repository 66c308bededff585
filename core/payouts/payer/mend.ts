import { noteSigned, ledgerId, transactionsOf } from "./payment-steps.ts";
import type { LedgerPayment, PayerBooks } from "./payer-books.ts";
import type { ChainView } from "./payer-nodes.ts";
import type { Payment } from "./payment.ts";
import type { PaymentStore } from "./payment-store.ts";
import { sight } from "./sighting.ts";

/** What mending writes of one payment, or why it writes nothing. Plain data: it crosses between objects. */
interface MendLine {
  readonly id: number;
  readonly amountShannon: string;
  /** `pending`: debited, and under way. `paid`, `balance`: ended so. `listed`: it was listed with a transaction that the chain no longer has. */
  readonly to: "pending" | "paid" | "balance" | "listed";
}

/** What a ledger of an older state has forgotten of a login. */
export interface LoginMend {
  readonly login: string;
  /** In their order: what is written, or would be. */
  readonly lines: readonly MendLine[];
  /** What could not be written, in words; what comes before it is. Null where all is. */
  readonly problem: string | null;
}

/** By what a payment that ended is proven: the chain as the nodes have it now; null: the payer's own rows, at the operator's word. */
interface ChainProof {
  readonly view: ChainView;
  readonly account: string;
  readonly confirmations: number;
  readonly finalDepth: number;
}

export interface MendTerms {
  readonly store: PaymentStore;
  readonly books: PayerBooks;
  readonly proof: ChainProof | null;
  /** False: says what it would write, and writes nothing. */
  readonly writes: boolean;
  /** Unix time in seconds. */
  readonly nowS: number;
}

/** The login's account as it will be after what is written, and what the ledger has of its payments. */
interface Account {
  balance: bigint;
  gone: bigint;
  readonly total: bigint;
  /** By the payment's id in the ledger. */
  readonly markers: ReadonlyMap<string, string>;
  /** `txHash:amount` */
  readonly listed: ReadonlySet<string>;
}

/** A payment's line, nothing to write, or why it cannot be written. */
type Mended = MendLine | string | null;

/**
 * Writes into a ledger that was restored from an older state what it has forgotten of a login's payments: each is debited and closed under its
 * own id, as it was. Nothing is sent. It stops before the login's paid and pending would be more than the payer has ever debited.
 * Can be run again. @throws as the ledger does
 */
export async function mendLogin(terms: MendTerms, login: string): Promise<LoginMend> {
  const { store, books } = terms;
  const payments = store.of(login);
  const payee = await books.payee(login);
  const account: Account = {
    balance: payee?.balance ?? 0n,
    gone: payee?.gone ?? 0n,
    total: store.login(login).total,
    markers: await books.markers(payments.map((payment) => ledgerId(store, payment))),
    listed: await books.listed(login),
  };
  const lines: MendLine[] = [];
  for (const payment of payments) {
    const mended = await mendOne(terms, account, payment);
    if (typeof mended === "string") return { login, lines, problem: `payment ${payment.id}: ${mended}` };
    if (mended !== null) lines.push(mended);
  }
  // The next planning says again what it still waits for.
  if (terms.writes && lines.length > 0) store.waits.drop(login);
  return { login, lines, problem: null };
}

async function mendOne(terms: MendTerms, account: Account, payment: Payment): Promise<Mended> {
  const { store } = terms;
  const { login, amount, stage, settled } = payment;
  if (payment.kind !== "payment" || stage === "planned" || stage === "dropped") return null;
  const request = { id: ledgerId(store, payment), login, amount };
  const marker = account.markers.get(request.id) ?? null;
  if (stage === "refunded") return marker === null ? null : await giveBack(terms, account, payment, request, marker);
  const relisted = settled ? await relist(terms, account, payment, request) : false;
  if (marker === null) {
    if (settled && isListed(account, payment, transactionsOf(payment)))
      return relisted ? line(payment, "listed") : null;
    const debited = await debitAgain(terms, account, payment, request);
    if (debited !== null) return debited;
  }
  if (!settled) return marker === null ? line(payment, "pending") : null;
  const paid = await payAgain(terms, payment, request, marker);
  return paid === null && relisted ? line(payment, "listed") : paid;
}

const line = ({ id, amount }: Payment, to: MendLine["to"]): MendLine => ({ id, amountShannon: String(amount), to });

/** @returns why it cannot be debited; null when it is */
async function debitAgain(
  { books, store, writes, proof, nowS }: MendTerms,
  account: Account,
  payment: Payment,
  request: LedgerPayment,
): Promise<string | null> {
  const { amount, settled } = payment;
  if (account.gone + amount > account.total)
    return `the ledger says that ${account.gone} Shannon were paid or are pending, the payer knows of ${account.total}: nothing is missing`;
  const unproven = settled && proof !== null ? await unprovenPaid(proof, payment) : null;
  if (unproven !== null) return unproven;
  if (account.balance < amount) return `its balance is ${account.balance} Shannon by now`;
  if (writes) {
    const debited = await books.debit(request, 0n, nowS);
    if (debited.kind === "refused") return debited.reason;
    if (!settled && payment.sentMs !== null) await noteSigned({ store, books }, payment);
  }
  account.balance -= amount;
  account.gone += amount;
  return null;
}

/** A payment that the payer has seen settled becomes paid. */
async function payAgain(
  { books, store, writes, proof, nowS }: MendTerms,
  payment: Payment,
  request: LedgerPayment,
  marker: string | null,
): Promise<Mended> {
  const { login, amount, stage } = payment;
  const [hash] = transactionsOf(payment);
  const isFinal = stage === "final";
  if (hash === undefined) return null;
  if (marker === `paid:${login}:${amount}`) {
    if (isFinal && writes) await books.forget(request.id);
    return null;
  }
  if (marker !== null && proof !== null) {
    const unproven = await unprovenPaid(proof, payment);
    if (unproven !== null) return unproven;
  }
  if (!writes) return line(payment, "paid");
  const closed = await books.close(request, { to: "paid", hash }, nowS);
  if (closed.kind === "refused") return closed.reason;
  await books.forgetSigned(request);
  store.save({ ...payment, paidAs: hash });
  if (isFinal) await books.forget(request.id);
  return line(payment, "paid");
}

/** What was refunded is balance again. */
async function giveBack(
  { books, writes, proof, nowS }: MendTerms,
  account: Account,
  payment: Payment,
  request: LedgerPayment,
  marker: string,
): Promise<Mended> {
  const { login, amount } = payment;
  if (marker === `debited:${login}:${amount}`) {
    const unproven = proof === null ? null : await unprovenUnpaid(proof, payment);
    if (unproven !== null) return unproven;
    account.balance += amount;
    account.gone -= amount;
  }
  if (writes) {
    const closed = await books.close(request, { to: "balance" }, nowS);
    if (closed.kind === "refused") return closed.reason;
    await books.forgetSigned(request);
    await books.forget(request.id);
  }
  return marker === `debited:${login}:${amount}` ? line(payment, "balance") : null;
}

const isListed = ({ listed }: Account, { amount }: Payment, hashes: readonly string[]): boolean =>
  hashes.some((hash) => listed.has(`${hash}:${amount}`));

/** It may be listed with a transaction that a deep reorganisation has undone since. @returns whether it is, or was */
async function relist(
  { books, writes }: MendTerms,
  account: Account,
  payment: Payment,
  request: LedgerPayment,
): Promise<boolean> {
  const { place } = payment;
  if (place === null) return false;
  const others = [...new Set(transactionsOf(payment))].filter((hash) => hash !== place.hash);
  if (!isListed(account, payment, others)) return false;
  if (writes) for (const other of others) await books.relist(request, other, place.hash);
  return true;
}

/** @returns why the chain does not prove now that it was paid; null where it does */
async function unprovenPaid(proof: ChainProof, payment: Payment): Promise<string | null> {
  const seen = await sight(proof.view, payment, proof.account);
  if (seen.kind === "unclear") return seen.reason;
  if (seen.kind === "absent") return "the chain does not have it now";
  const { hash, ok, depth, kind } = seen;
  // What the operator called paid is another transaction, and that one.
  if (!ok || (kind !== "pay" && hash !== payment.paidAs))
    return `the chain has ${hash} under its nonce, which does not pay it`;
  return depth >= proof.confirmations ? null : `${hash} is ${depth} deep, ${proof.confirmations} are required`;
}

/** @returns why the chain does not prove now that it can never be paid; null where it does */
async function unprovenUnpaid(proof: ChainProof, payment: Payment): Promise<string | null> {
  if (payment.attempts.length === 0) return null;
  const seen = await sight(proof.view, payment, proof.account);
  if (seen.kind === "unclear") return seen.reason;
  if (seen.kind === "absent") return "its nonce is free now";
  const { hash, ok, depth, kind, byAll } = seen;
  if (ok && kind === "pay") return `${hash} pays it`;
  return byAll && depth >= proof.finalDepth
    ? null
    : `${hash} has its nonce and is ${depth} deep, ${proof.finalDepth} are required on every node`;
}
