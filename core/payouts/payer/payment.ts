import * as v from "valibot";
import { feeCap } from "./transaction.ts";

/**
 * Where a payment stands. docs/payments.md, section 2, has the table.
 * `planned`: the ledger may or may not have taken it yet. `debited`: it has; nothing is signed under a nonce that still counts.
 * `signed`: a transaction is durable, no node has been offered it. `sent`: nodes have. `mined`, `reverted`, `foreign`, `cancelled`: what
 * the chain has under its nonce, and it may change its mind. `settled`: the ledger says paid. `asking`: only the operator can tell.
 */
export const STAGES = [
  "planned",
  "debited",
  "signed",
  "sent",
  "mined",
  "reverted",
  "foreign",
  "cancelled",
  "settled",
  "asking",
  "dropped",
  "refunded",
  "final",
] as const;
export type Stage = (typeof STAGES)[number];

/** Stages that nothing follows. */
export const ENDED: readonly Stage[] = ["dropped", "refunded", "final"];

/** Stages in which a payment has a place among `payouts.concurrentTx`: the chain does not have it yet. */
export const IN_FLIGHT: readonly Stage[] = ["planned", "debited", "signed", "sent"];

const wei = v.pipe(
  v.string(),
  v.regex(/^\d+$/),
  v.transform((text) => BigInt(text)),
);
const hash = v.string();

const feesSchema = v.variant("kind", [
  v.object({ kind: v.literal("legacy"), gasPrice: wei }),
  v.object({ kind: v.literal("eip1559"), maxFeePerGas: wei, maxPriorityFeePerGas: wei }),
]);

const attemptSchema = v.object({
  hash,
  raw: v.string(),
  /** `cancel`: a transfer to the account itself that uses the nonce up. */
  kind: v.picklist(["pay", "cancel"]),
  fees: feesSchema,
  /** Unix time in ms. */
  atMs: v.number(),
});

const paymentSchema = v.object({
  v: v.literal(1),
  id: v.number(),
  /** `filler`: no payment, but a transfer to the account itself that closes a gap in its nonces. */
  kind: v.picklist(["payment", "filler"]),
  login: v.string(),
  /** What the ledger is debited, Shannon. */
  amount: wei,
  /** What is sent: the amount less what the miner pays of the gas. */
  valueWei: wei,
  gasLimit: wei,
  stage: v.picklist(STAGES),
  /** What the login's paid and pending were together when it was planned, at least. */
  least: wei,
  nonce: v.nullable(v.number()),
  attempts: v.array(attemptSchema),
  /** Nonces that somebody else's transaction took for good, and by which. */
  lost: v.array(v.object({ nonce: v.number(), hash })),
  bornMs: v.number(),
  /** When the last attempt was first offered to a node. */
  sentMs: v.nullable(v.number()),
  /** Where the chain has its nonce. */
  place: v.nullable(v.object({ hash, height: v.number() })),
  /** The ledger says paid, whatever the chain says meanwhile. */
  settled: v.boolean(),
  /** The transaction that the ledger lists it with; null before that. */
  paidAs: v.optional(v.nullable(hash), null),
  /** Others that it was listed with before: a ledger of an older state still does. */
  wasPaidAs: v.optional(v.array(hash), []),
  cancel: v.boolean(),
  /** Why it does not go on, in words; null where it only waits for the chain. */
  waits: v.nullable(v.string()),
  sinceMs: v.number(),
});

const storedPayment = v.pipe(v.string(), v.parseJson(), paymentSchema);

/** One payment as the payer keeps it. Amounts in Shannon, values in Wei. */
export type Payment = v.InferOutput<typeof paymentSchema>;
export type Attempt = Payment["attempts"][number];

/** @returns null for what this version did not write */
export function decodePayment(text: string): Payment | null {
  const parsed = v.safeParse(storedPayment, text);
  return parsed.success ? parsed.output : null;
}

export const encodePayment = (payment: Payment): string =>
  JSON.stringify(payment, (_name, value: unknown) => (typeof value === "bigint" ? value.toString() : value));

/** The most Wei that its transactions can still take from the account. */
export function mostWei({ valueWei, gasLimit, attempts }: Payment, price: bigint): bigint {
  const caps = attempts.map(({ fees }) => feeCap(fees));
  return valueWei + gasLimit * caps.reduce((most, cap) => (cap > most ? cap : most), price);
}

/** What nodes say together of a nonce. */
export type Sighting =
  /** They do not agree, or none can tell. */
  | { readonly kind: "unclear"; readonly reason: string }
  /** The chain has no transaction with it. `next`: it has all that come before. */
  | { readonly kind: "absent"; readonly next: boolean }
  | {
      /** `pay`: to and value are the payment's, whatever its hash. `cancel`: to the account itself. `other`: neither. */
      readonly kind: "pay" | "cancel" | "other";
      readonly hash: string;
      readonly height: number;
      /** Heights above it, by the node that knows least. */
      readonly depth: number;
      /** False: it failed, and nothing was transferred. */
      readonly ok: boolean;
      /** Whom it went to, lower case; empty where it made a contract. */
      readonly to: string;
      readonly valueWei: bigint;
      /** Whether every configured node says so, and not only those that answered. */
      readonly byAll: boolean;
    };

export interface MachineTerms {
  readonly confirmations: number;
  readonly finalDepth: number;
  readonly replaceAfterMs: number;
  /** No new debit, signature, first send or bump. */
  readonly paused: boolean;
  readonly nowMs: number;
}

/** What is to be done next with a payment. Each can be done again. */
export type Step =
  | { readonly do: "wait"; readonly why: string | null }
  /** The row says so from now on. */
  | { readonly do: "note"; readonly stage: Stage; readonly place: Payment["place"]; readonly alarm: string | null }
  | { readonly do: "debit" }
  | { readonly do: "sign"; readonly kind: Attempt["kind"] }
  /** To every node: the bytes of the last attempt. */
  | { readonly do: "send" }
  | { readonly do: "settle"; readonly hash: string; readonly height: number }
  | { readonly do: "refund"; readonly why: string }
  /** Its nonce is somebody else's for good. */
  | { readonly do: "renonce"; readonly hash: string; readonly to: string; readonly valueWei: bigint }
  | { readonly do: "finish" };

const wait = (why: string | null): Step => ({ do: "wait", why });
const note = (stage: Stage, place: Payment["place"] = null, alarm: string | null = null): Step => ({
  do: "note",
  stage,
  place,
  alarm,
});

/** The next step of a payment, from its row and what the nodes say of its nonce. Pure; docs/payments.md, section 2. */
export function nextStep(payment: Payment, sighting: Sighting, terms: MachineTerms): Step {
  const { stage, attempts } = payment;
  switch (stage) {
    case "dropped":
    case "refunded":
    case "final":
      return wait(null);
    case "asking":
      return wait(payment.waits);
    case "planned":
      if (payment.cancel) return { do: "refund", why: "cancelled before it was signed" };
      return terms.paused ? wait("payments are paused") : { do: "debit" };
    case "debited":
      if (payment.cancel && attempts.length === 0) return { do: "refund", why: "cancelled before it was signed" };
      break;
    case "signed":
    case "sent":
    case "mined":
    case "reverted":
    case "foreign":
    case "cancelled":
    case "settled":
      break;
  }
  if (sighting.kind === "unclear") return attempts.length === 0 ? unsigned(terms) : wait(sighting.reason);
  if (sighting.kind !== "absent") return seen(payment, sighting, terms);
  return attempts.length === 0 ? unsigned(terms) : unseen(payment, sighting.next, terms);
}

const unsigned = (terms: MachineTerms): Step =>
  terms.paused ? wait("payments are paused") : { do: "sign", kind: "pay" };

/** The chain has nothing under its nonce. */
function unseen(payment: Payment, isNext: boolean, terms: MachineTerms): Step {
  const { stage, settled, attempts, place, sentMs } = payment;
  if (place !== null) {
    const alarm = settled
      ? `payment ${payment.id} was settled and has fallen out of the chain: a reorganisation deeper than payouts.confirmations`
      : null;
    return note("sent", null, alarm);
  }
  if (stage === "signed") return terms.paused ? wait("payments are paused") : { do: "send" };
  const last = attempts.at(-1);
  const cancels = payment.cancel && last?.kind === "pay";
  if (!terms.paused && cancels) return { do: "sign", kind: "cancel" };
  // One that waits for those before it would only become dearer.
  const due = isNext && sentMs !== null && terms.nowMs - sentMs >= terms.replaceAfterMs;
  if (due && !terms.paused) return { do: "sign", kind: last?.kind ?? "pay" };
  return { do: "send" };
}

type Seen = Exclude<Sighting, { readonly kind: "unclear" | "absent" }>;

/** The chain has a transaction under its nonce. */
function seen(payment: Payment, sighting: Seen, terms: MachineTerms): Step {
  const place = { hash: sighting.hash, height: sighting.height };
  const isFinal = sighting.depth >= terms.finalDepth && sighting.byAll;
  const stage = stageOf(payment, sighting);
  const moved = payment.place?.hash !== place.hash || payment.place.height !== place.height;
  if (payment.stage !== stage || moved) {
    return note(stage, place, alarmOf(payment, stage));
  }
  switch (stage) {
    case "mined":
      return sighting.depth >= terms.confirmations
        ? { do: "settle", hash: place.hash, height: place.height }
        : wait(null);
    case "settled":
      // It was mined anew under another of its hashes.
      if (payment.paidAs !== null && payment.paidAs !== place.hash && sighting.depth >= terms.confirmations)
        return { do: "settle", hash: place.hash, height: place.height };
      return isFinal ? { do: "finish" } : wait(null);
    case "reverted":
      if (!isFinal) return wait("the recipient refused it: it is refunded when that is final");
      return { do: "refund", why: "the recipient refused it" };
    case "cancelled":
      return isFinal ? { do: "refund", why: "cancelled" } : wait("cancelled: it is refunded when that is final");
    default:
      if (!isFinal) return wait("another transaction has its nonce: it gets a new one when that is final");
      return { do: "renonce", hash: place.hash, to: sighting.to, valueWei: sighting.valueWei };
  }
}

/** What was settled must not move: it was as deep as payouts.confirmations. */
function alarmOf({ id, settled, place }: Payment, stage: Stage): string | null {
  if (!settled) return null;
  if (stage !== "settled")
    return `payment ${id} was settled, and now the chain has another transaction under its nonce`;
  return place === null
    ? null
    : `payment ${id} was settled and is elsewhere in the chain now: a reorganisation deeper than payouts.confirmations`;
}

function stageOf(payment: Payment, sighting: Seen): "mined" | "settled" | "reverted" | "cancelled" | "foreign" {
  if (sighting.kind === "other") return "foreign";
  if (sighting.kind === "cancel" && payment.kind === "payment") return "cancelled";
  if (!sighting.ok) return "reverted";
  return payment.settled ? "settled" : "mined";
}
