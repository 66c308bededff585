import type { PayerBooks } from "./payer-books.ts";
import type { Payer } from "./payer.ts";
import { IN_FLIGHT } from "./payment.ts";

/** What the operator may do to payments. */
export type PayoutCommand =
  /** Everything that is new; what is under way is followed. `resume` also ends the pauses of an alarm and of `payouts.pauseAt`. */
  | { readonly kind: "pause" | "resume" }
  /** One login. */
  | { readonly kind: "hold" | "release"; readonly login: string }
  /** What a ledger that was restored from an older state has forgotten of a login's payments is written again. */
  | { readonly kind: "mend"; readonly login: string }
  /** The login's next payment passes the caps. */
  | { readonly kind: "approve"; readonly login: string }
  /** Its nonce is used up by a transfer to the account itself, and the login gets its balance back. */
  | { readonly kind: "cancel"; readonly id: number }
  /** What only the operator can tell: whether the login got its money with the transaction that has the payment's nonce. */
  | { readonly kind: "resolve"; readonly id: number; readonly as: "paid" | "unpaid" }
  /** The lock is given back, for another payer; payments must be paused and nothing under way. */
  | { readonly kind: "unlock" };

export interface PayoutOutcome {
  readonly ok: boolean;
  readonly message: string;
}

const done = (message: string): PayoutOutcome => ({ ok: true, message });
const not = (message: string): PayoutOutcome => ({ ok: false, message });

/** Does what the operator asks; the next run acts on it. @throws as the ledger does */
export async function runCommand(payer: Payer, command: PayoutCommand): Promise<PayoutOutcome> {
  const { store } = payer;
  switch (command.kind) {
    case "pause":
      store.setFact("paused", "by the operator");
      return done("paused: nothing new is begun, what is under way is followed");
    case "resume":
      for (const fact of ["paused", "unlocked", "alarm"] as const) store.setFact(fact, null);
      store.setFact("checked_nonce", store.fact("strange_count") ?? store.fact("checked_nonce"));
      store.setFact("resumed_height", store.fact("head"));
      return done("payments go on");
    case "hold":
      store.setLogin(command.login, { held: "held by the operator" });
      return done("it is not paid until it is released");
    case "release":
      store.setLogin(command.login, { held: null });
      return done("it is paid again");
    case "approve":
      store.setLogin(command.login, { approved: true });
      return done("its next payment passes the caps");
    case "mend": {
      const { lines, problem } = await payer.mend(command.login);
      return problem === null ? done(`${lines.length} payment(s) were written again`) : not(problem);
    }
    case "cancel": {
      const payment = store.find(command.id);
      if (payment === null) return not("there is no such payment");
      if (!IN_FLIGHT.includes(payment.stage)) return not(`it is ${payment.stage} by now`);
      store.save({ ...payment, cancel: true });
      return done("it is cancelled as soon as the chain has decided between the two");
    }
    case "resolve":
      return await resolve(payer, command.id, command.as);
    case "unlock":
      return await unlock(payer, payer.books);
  }
}

async function resolve(payer: Payer, id: number, as: "paid" | "unpaid"): Promise<PayoutOutcome> {
  const { store } = payer;
  const payment = store.find(id);
  if (payment === null || payment.stage !== "asking") return not("no such payment waits for a decision");
  const hash = payment.place?.hash ?? "";
  if (as === "unpaid") {
    payer.payAgain(payment);
    return done("it is paid under another nonce");
  }
  if (!payment.settled) {
    const closed = await payer.closeAsPaid(payment, hash);
    if (closed !== null) return not(closed);
  }
  store.save({ ...payment, stage: "final", settled: true, paidAs: hash, waits: null });
  return done("it counts as paid");
}

async function unlock({ store }: Payer, books: PayerBooks): Promise<PayoutOutcome> {
  if (store.fact("paused") === null) return not("pause payments first");
  const open = store.unsettled().filter(({ settled }) => !settled).length;
  if (open > 0) return not(`${open} payment(s) are under way`);
  // It stays free until payments are resumed.
  store.setFact("unlocked", "by the operator");
  const holder = await books.releaseLock();
  return holder === null ? done("payments:lock is free") : not(`payments:lock is held by ${holder}`);
}
