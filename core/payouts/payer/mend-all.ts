import { mendLogin, type LoginMend, type MendTerms } from "./mend.ts";
import type { Payee } from "./payer-books.ts";
import type { PaymentStore } from "./payment-store.ts";

/** A page of the plan, or of what was done. Plain data: it crosses between objects. */
export interface MendPage {
  /** Logins of which the ledger has forgotten something. */
  readonly logins: readonly LoginMend[];
  /** Where the next page begins, behind this login; null where this is the last one. */
  readonly next: string | null;
}

/** Logins whose sums one page compares, and of which it mends at most: each costs a dozen commands and questions. */
const LOOKED_AT = 500;
const MENDED = 25;

/**
 * Mends logins in their order, a page at a time: those of which the ledger's sums say that it has forgotten something, and those that may be listed
 * with a transaction that the chain no longer has. @param after the last login of the page before; null: from the first @throws as the ledger does
 */
export async function mendPage(terms: MendTerms, after: string | null): Promise<MendPage> {
  const { store, books } = terms;
  const known = store.loginsAfter(after ?? "", LOOKED_AT);
  const payees = new Map((await books.some(known)).map((payee) => [payee.login, payee]));
  const relisted = store.relisted(after ?? "", known.at(-1) ?? "");
  const doubtful = known.filter((login) => relisted.has(login) || differs(store, login, payees.get(login)));
  const logins: LoginMend[] = [];
  const now = doubtful.slice(0, MENDED);
  for (const login of now) {
    const mended = await mendLogin(terms, login);
    if (mended.lines.length > 0 || mended.problem !== null) logins.push(mended);
  }
  const cut = doubtful.length > now.length;
  const next = cut ? now.at(-1) : known.length < LOOKED_AT ? null : known.at(-1);
  return { logins, next: next ?? null };
}

/** Whether the ledger's sums of a login are not what this payer's rows say. */
function differs(store: PaymentStore, login: string, payee: Payee | undefined): boolean {
  const { gone, pending } = payee ?? { gone: 0n, pending: 0n };
  if (gone < store.login(login).total) return true;
  const open = store.unsettled().filter((payment) => payment.login === login && payment.kind === "payment");
  // Whether the ledger has debited one that is only planned is not known yet: the next run finds out.
  if (open.some(({ stage }) => stage === "planned")) return false;
  const under = open.reduce((sum, { amount, settled }) => (settled ? sum : sum + amount), 0n);
  return pending !== under;
}
