import type { PayerBooks } from "./payer-books.ts";
import type { Payment } from "./payment.ts";
import { ledgerId, transactionsOf } from "./payment-steps.ts";
import type { PaymentStore } from "./payment-store.ts";

/** What became of mending a login. */
export type MendResult =
  | { readonly ok: true; readonly written: number }
  /** What could not be written, in words; what came before it is. */
  | { readonly ok: false; readonly reason: string };

/**
 * Writes into a ledger that was restored from an older state what it has forgotten of a login's payments: each is debited and closed under its
 * own id, as it was. Nothing is sent. It stops before the login's paid and pending would be more than the payer has ever debited.
 * Can be run again. @param nowS Unix time in seconds @throws as the ledger does
 */
export async function mendLogin(
  store: PaymentStore,
  books: PayerBooks,
  login: string,
  nowS: number,
): Promise<MendResult> {
  let written = 0;
  for (const payment of store.of(login)) {
    const mended = await mendOne(store, books, payment, nowS);
    if (typeof mended === "string") return { ok: false, reason: `payment ${payment.id}: ${mended}` };
    if (mended) written += 1;
  }
  return { ok: true, written };
}

/** @returns whether the ledger was changed, or why it could not be */
async function mendOne(
  store: PaymentStore,
  books: PayerBooks,
  payment: Payment,
  nowS: number,
): Promise<boolean | string> {
  const { login, amount, stage, settled } = payment;
  if (payment.kind !== "payment" || stage === "planned" || stage === "dropped") return false;
  const request = { id: ledgerId(store, payment), login, amount };
  const marker = await books.marker(request.id);
  if (stage === "refunded") {
    if (marker === null) return false;
    const closed = await books.close(request, { to: "balance" }, nowS);
    return closed.kind === "refused" ? closed.reason : await over(books, request.id);
  }
  const hashes = transactionsOf(payment);
  // It may be listed with a transaction that a deep reorganisation has undone since.
  if (settled && payment.place !== null)
    for (const other of hashes)
      if (other !== payment.place.hash) await books.relist(request, other, payment.place.hash);
  if (marker === null) {
    if (settled && (await books.isPaid(login, amount, hashes))) return false;
    const gone = (await books.payee(login))?.gone ?? 0n;
    const { total } = store.login(login);
    if (gone + amount > total)
      return `the ledger says that ${gone} Shannon were paid or are pending, the payer knows of ${total}: nothing is missing`;
    const debited = await books.debit(request, 0n, nowS);
    if (debited.kind === "refused") return debited.reason;
  }
  const [hash] = hashes;
  if (!settled || hash === undefined) return marker === null;
  if (marker === `paid:${login}:${amount}`) return stage === "final" ? await over(books, request.id) : false;
  const closed = await books.close(request, { to: "paid", hash }, nowS);
  if (closed.kind === "refused") return closed.reason;
  store.save({ ...payment, paidAs: hash });
  return stage === "final" ? await over(books, request.id) : true;
}

async function over(books: PayerBooks, id: string): Promise<true> {
  await books.forget(id);
  return true;
}
