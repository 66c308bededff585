import { quantity } from "../../work/chain-search.ts";
import { parseQuantity } from "../../work/node-work.ts";
import { SHANNON_WEI } from "../reward-schedule.ts";
import { feesNow } from "./gas.ts";
import { olderLedger, type Payee } from "./payer-books.ts";
import type { PayerSettings } from "./payer-deps.ts";
import type { ChainView } from "./payer-nodes.ts";
import { mostWei, type Payment } from "./payment.ts";
import type { NewPayment, PaidLogin } from "./payment-store.ts";
import { feeCap } from "./transaction.ts";

/** What a login would be paid, or why it is not. `below`: its balance has not passed its threshold. */
export type PayeeVerdict =
  | { readonly kind: "due" }
  | { readonly kind: "below" }
  /** `forgotten`: the ledger has forgotten payments of it. */
  | { readonly kind: "waits"; readonly reason: string; readonly forgotten: boolean };

export interface PlanFacts {
  readonly settings: PayerSettings;
  readonly blacklist: ReadonlySet<string>;
  /** Logins with a payment that has not been settled. */
  readonly busy: ReadonlySet<string>;
  /** Debited so far in this run, and on this UTC day, Shannon. */
  readonly runTotal: bigint;
  readonly dayTotal: bigint;
}

/** Logins with a payment that is under way. @param open as `PaymentStore.unsettled` gives them: of some the ledger says paid */
export const busyLogins = (open: readonly Payment[]): ReadonlySet<string> =>
  new Set(open.filter(({ settled }) => !settled).map(({ login }) => login));

/** Whether a balance has not passed the pool's threshold, and its login's own where that is higher. */
export function isBelow({ balance, threshold: own }: Payee, { threshold }: PayerSettings): boolean {
  return balance <= thresholdFor(own, threshold);
}

/** What a balance has to pass. @param own the miner's, @param pool and the pool's, Shannon */
export const thresholdFor = (own: bigint | null, pool: bigint): bigint => (own !== null && own > pool ? own : pool);

/** Whether a login is to be paid now, from what is known without asking a node. */
export function judgePayee(payee: Payee, known: PaidLogin, facts: PlanFacts): PayeeVerdict {
  const { settings, blacklist, busy, runTotal, dayTotal } = facts;
  const { login, balance, pending, gone } = payee;
  if (isBelow(payee, settings)) return { kind: "below" };
  if (login === settings.account) return waits("it is the paying account itself");
  if (blacklist.has(login)) return waits("it is blacklisted");
  if (known.held !== null) return waits(known.held);
  if (busy.has(login)) return { kind: "below" };
  if (gone < known.total) return waits(olderLedger(gone, known.total), true);
  if (pending !== 0n) return waits(strangerPending(pending), true);
  if (known.approved) return { kind: "due" };
  const { maxPayment, maxRun, maxDay } = settings;
  const approve = "and wait for approval";
  if (maxPayment !== null && balance > maxPayment)
    return waits(`${balance} Shannon are above payouts.maxPayment (${maxPayment}) ${approve}`);
  if (maxRun !== null && runTotal + balance > maxRun)
    return waits(`this run has paid ${runTotal} Shannon, payouts.maxRun is ${maxRun}`);
  if (maxDay !== null && dayTotal + balance > maxDay)
    return waits(`today ${dayTotal} Shannon were paid, payouts.maxDay is ${maxDay}`);
  return { kind: "due" };
}

/** Why what the ledger calls pending holds a login up where this payer has no payment of it. */
export const strangerPending = (amount: bigint | string): string =>
  `${amount} Shannon of it are pending in the ledger and not with this payer: another payer's, or the ledger was restored from an older state`;

const waits = (reason: string, forgotten = false): PayeeVerdict => ({ kind: "waits", reason, forgotten });

/** A payment that can be begun, or why not. `wallet`: then nobody else can be paid either. */
export type Drafted =
  | { readonly kind: "payment"; readonly payment: NewPayment }
  | { readonly kind: "refused"; readonly reason: string; readonly wallet: boolean };

const refused = (reason: string, wallet = false): Drafted => ({ kind: "refused", reason, wallet });

/** What every row begins with: no nonce, and nothing signed, sent or seen. */
const BEGUN = {
  nonce: null,
  attempts: [],
  lost: [],
  sentMs: null,
  place: null,
  settled: false,
  paidAs: null,
  wasPaidAs: [],
  cancel: false,
  waits: null,
} satisfies Partial<NewPayment>;

/** Works out what is sent: what gas it takes, who pays that, and whether the wallet has it beside all that is under way. */
export async function draftPayment(
  view: ChainView,
  payee: Payee,
  inFlight: readonly Payment[],
  settings: PayerSettings,
  nowMs: number,
): Promise<Drafted> {
  const now = feesNow(view, settings);
  if (!now.ok) return refused(now.reason, true);
  const price = feeCap(now.fees);
  const amountWei = payee.balance * SHANNON_WEI;
  const wallet = view.well.map(({ balanceWei }) => balanceWei).reduce((low, wei) => (wei < low ? wei : low));
  const flying = inFlight.reduce((sum, payment) => sum + mostWei(payment, price), 0n);
  const short = (needed: bigint): Drafted =>
    refused(`the wallet has ${wallet} Wei, ${needed} are needed with what is under way`, true);
  // Before the estimate: nodes refuse that for want of money, too.
  if (wallet < flying + amountWei + settings.gas * price) return short(flying + amountWei + settings.gas * price);
  const gas = await gasFor(view, payee.login, amountWei, settings);
  if (typeof gas === "string") return refused(gas);
  const charged = settings.gasFrom === "miner" ? gas * price : 0n;
  const valueWei = amountWei - charged;
  if (valueWei <= 0n) return refused("the gas costs more than the payment");
  const { login, balance: amount, gone: least } = payee;
  const draft: NewPayment = {
    ...BEGUN,
    kind: "payment",
    login,
    amount,
    valueWei,
    gasLimit: gas,
    stage: "planned",
    least,
    bornMs: nowMs,
    sinceMs: nowMs,
  };
  const needed = flying + valueWei + gas * price;
  return wallet < needed ? short(needed) : { kind: "payment", payment: draft };
}

/** @returns why it cannot be paid: a contract that refuses, or one that wants more gas than is allowed */
async function gasFor(
  view: ChainView,
  login: string,
  valueWei: bigint,
  { account, gas, contractGas }: PayerSettings,
): Promise<bigint | string> {
  const [well] = view.well;
  if (well === undefined) return "no node can be believed now";
  const params = [{ from: account, to: login, value: quantity(valueWei) }];
  const reply = await well.node.rpc.call({ method: "eth_estimateGas", params });
  if (reply.kind === "failed")
    return reply.failure === "rpc" ? `its address does not take a transfer: ${reply.reason}` : reply.reason;
  const estimated = parseQuantity(reply.value);
  if (estimated === null) return `node ${well.node.name} gave no estimate of gas`;
  if (estimated <= gas) return gas;
  const roomy = (estimated * 5n) / 4n;
  return roomy <= contractGas ? roomy : `a transfer to it takes ${roomy} gas, payouts.contractGas is ${contractGas}`;
}

/** Transactions of the account that the payer did not make. @returns nonces from `from` on that the chain has and no payment */
export function foreignNonces(from: number, count: number, ours: ReadonlySet<number>): number[] {
  const foreign: number[] = [];
  for (let nonce = from; nonce < count; nonce += 1) if (!ours.has(nonce)) foreign.push(nonce);
  return foreign;
}

/** A row that closes a gap: a nonce that nobody has, below some that are signed. */
export function filler(account: string, gas: bigint, nowMs: number): NewPayment {
  return {
    ...BEGUN,
    kind: "filler",
    login: account,
    amount: 0n,
    valueWei: 0n,
    gasLimit: gas,
    stage: "debited",
    least: 0n,
    bornMs: nowMs,
    sinceMs: nowMs,
  };
}
