import type { PayerBooks } from "./payer-books.ts";
import type { PayerSettings } from "./payer-deps.ts";
import type { PaymentStore } from "./payment-store.ts";
import { busyLogins, judgePayee, type PlanFacts } from "./planning.ts";

/** What would be paid to a login now, or why it is not. */
export interface PlannedPayment {
  readonly login: string;
  readonly amountShannon: string;
  /** Null: it would be paid, where the wallet and its address allow it. */
  readonly waits: string | null;
}

/** What a run that began now would pay, and who waits although it is above its threshold; the largest first, all of them. Writes nothing. @throws as the ledger does */
export async function previewPlan(
  store: PaymentStore,
  books: PayerBooks,
  settings: PayerSettings,
  nowMs: number,
): Promise<PlannedPayment[]> {
  const blacklist = await books.blacklist();
  const facts: PlanFacts = {
    settings,
    blacklist,
    busy: busyLogins(store.unsettled()),
    runTotal: 0n,
    dayTotal: store.dayTotal(nowMs),
  };
  const planned: PlannedPayment[] = [];
  let runTotal = 0n;
  for (const payee of await books.payees(settings.threshold, [])) {
    const dayTotal = facts.dayTotal + runTotal;
    const verdict = judgePayee(payee, store.login(payee.login), { ...facts, runTotal, dayTotal });
    if (verdict.kind === "below") continue;
    const waits = verdict.kind === "waits" ? verdict.reason : null;
    if (waits === null) runTotal += payee.balance;
    planned.push({ login: payee.login, amountShannon: String(payee.balance), waits });
  }
  return planned;
}
