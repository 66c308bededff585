import { bookMap } from "../../ledger/books/scan.ts";
import { ledgerKeys } from "../../ledger/contract/keys.ts";
import type { RedisPort } from "../../ledger/contract/redis-port.ts";
import type { PayerSettings } from "./payer-deps.ts";
import type { PayerStatus } from "./payer-status.ts";
import { IN_FLIGHT, type Payment, type Stage } from "./payment.ts";
import type { PaymentStore } from "./payment-store.ts";

/** A payment as it is shown. Plain data: it crosses between objects. */
export interface PaymentProgress {
  readonly id: number;
  readonly login: string;
  /** Debited, decimal. */
  readonly amountShannon: string;
  readonly stage: Stage;
  readonly nonce: number | null;
  /** Of the transaction that the chain has, else of the newest that was signed. */
  readonly hash: string | null;
  /** Heights above it; null where the chain does not have it, or no node has said how high it is. */
  readonly confirmations: number | null;
  /** Why it waits; null where it only waits for the chain. */
  readonly reason: string | null;
  /** Unix time in ms. */
  readonly bornMs: number;
}

/** What is paid, and when more is. */
export interface PayoutProgress {
  readonly confirmations: number;
  readonly finalDepth: number;
  /** When the next run begins, Unix time in ms; in the past: it is under way. */
  readonly nextRunMs: number;
  /** Why nobody is paid now; null where somebody may be. */
  readonly paused: string | null;
  /** Newest first. */
  readonly payments: readonly PaymentProgress[];
  /** Of the login that was asked for: why it is not paid although it is due; null where nothing is known. */
  readonly waits: string | null;
}

/** What the operator sees of the wallet. Amounts in Shannon, but for `status.walletWei`. */
export interface WalletView {
  readonly status: PayerStatus;
  /** Nonce of the account's next transaction in the chain, and the next one that a payment would get; null before the first run. */
  readonly nonce: { readonly chain: number | null; readonly next: number | null };
  /** What the ledger owes. */
  readonly owed: { readonly balance: string; readonly pending: string; readonly immature: string };
  readonly threshold: string;
  /** Null: no cap. */
  readonly caps: { readonly payment: string | null; readonly run: string | null; readonly day: string | null };
  readonly runTotal: string;
  readonly concurrentTx: number;
  readonly inFlight: number;
  readonly nextRunMs: number;
  readonly held: readonly { readonly login: string; readonly why: string }[];
  readonly payments: readonly PaymentProgress[];
}

/** Payments of the pool and of a login that are shown. */
const MOST_SHOWN = { pool: 200, login: 50 } as const;

function progressOf(payment: Payment, head: number | null): PaymentProgress {
  const { id, login, amount, stage, nonce, place, attempts, waits, bornMs } = payment;
  return {
    id,
    login,
    amountShannon: String(amount),
    stage,
    nonce,
    hash: place?.hash ?? attempts.at(-1)?.hash ?? null,
    confirmations: place === null || head === null ? null : Math.max(0, head - place.height),
    reason: waits,
    bornMs,
  };
}

const isShown = ({ kind, stage }: Payment): boolean => kind === "payment" && stage !== "dropped";

const nextRunMs = (store: PaymentStore, { intervalMs }: PayerSettings): number =>
  store.run()?.startedMs ?? Number(store.fact("last_run") ?? 0) + intervalMs;

/** Costs nothing but rows of the payer's own. @param login null: of all of them */
export function payoutProgress(
  store: PaymentStore,
  settings: PayerSettings,
  status: PayerStatus,
  login: string | null,
): PayoutProgress {
  const newest = store.newest(login, login === null ? MOST_SHOWN.pool : MOST_SHOWN.login);
  return {
    confirmations: settings.confirmations,
    finalDepth: settings.finalDepth,
    nextRunMs: nextRunMs(store, settings),
    paused: status.paused ?? (settings.dryRun ? "payments are rehearsed and not made (payouts.dryRun)" : null),
    payments: newest.filter(isShown).map((payment) => progressOf(payment, status.head)),
    waits: login === null ? null : (store.waits.of(login)?.reason ?? null),
  };
}

const cap = (shannon: bigint | null): string | null => (shannon === null ? null : String(shannon));

/** One command to the ledger. @throws as it does */
export async function walletView(
  store: PaymentStore,
  settings: PayerSettings,
  status: PayerStatus,
  redis: RedisPort,
  coin: string,
): Promise<WalletView> {
  const finances = await bookMap(redis, ledgerKeys(coin).finances, "hash");
  const first = store.fact("first_nonce");
  const { payments } = store.open();
  return {
    status,
    nonce: {
      chain: status.nonce,
      next: first === null ? null : store.freeNonce(Math.max(Number(first), status.nonce ?? 0)),
    },
    owed: {
      balance: finances.get("balance") ?? "0",
      pending: finances.get("pending") ?? "0",
      immature: finances.get("immature") ?? "0",
    },
    threshold: String(settings.threshold),
    caps: { payment: cap(settings.maxPayment), run: cap(settings.maxRun), day: cap(settings.maxDay) },
    runTotal: String(store.run()?.total ?? 0n),
    concurrentTx: settings.concurrentTx,
    inFlight: payments.filter(({ stage }) => IN_FLIGHT.includes(stage)).length,
    nextRunMs: nextRunMs(store, settings),
    held: store.held(),
    payments: payments.filter(({ stage }) => stage !== "settled").map((payment) => progressOf(payment, status.head)),
  };
}
