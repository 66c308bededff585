import { hexOf } from "../../work/chain-search.ts";
import { isRecord, type JsonRpcReply } from "../../work/node-rpc.ts";
import { parseCount, parseQuantity } from "../../work/node-work.ts";
import type { ChainView, WellNode } from "./payer-nodes.ts";
import type { Payment } from "./payment.ts";
import type { PaymentStore } from "./payment-store.ts";
import { lookUp } from "./sighting.ts";

/** Each nonce of the account that the chain has used, by what it was used. */
export interface NonceAudit {
  /** Nonces that were looked at: from the first one, below the second. */
  readonly from: number;
  readonly below: number;
  readonly payments: number;
  /** Transfers to the account itself: cancelled payments and closed gaps. */
  readonly own: number;
  /** What the payer did not make. */
  readonly foreign: readonly { readonly nonce: number; readonly hash: string | null; readonly why: string }[];
  /** Nonces of which chain and payer do not say the same; empty where all is well. */
  readonly wrong: readonly string[];
}

/** Nonces of one audit, and of them such as are looked for by bisection: some fifty questions each, and an invocation may ask 10,000. */
const MOST = 5_000;
const MOST_LOOKED_FOR = 100;
const AT_ONCE = 100;

/**
 * The account's nonces against the chain: each that the chain has used is a payment of ours by its hash, a transfer to ourselves, or named as
 * foreign. Reads only. @param from first nonce to look at; earlier ones than the payer's first are nobody's here
 */
export async function auditNonces(
  store: PaymentStore,
  view: ChainView,
  account: string,
  from: number | null,
): Promise<NonceAudit | string> {
  const first = store.fact("first_nonce");
  const [well] = view.well;
  if (first === null) return "the payer has not begun";
  if (well === undefined) return `no node can be believed now: ${view.problems.join("; ")}`;
  const below = well.count;
  const start = Math.max(Number(first), from ?? below - MOST);
  const ours = new Map<number, Payment>();
  const lost = new Map<number, string>();
  for (const payment of store.since(start)) {
    if (payment.nonce !== null) ours.set(payment.nonce, payment);
    for (const { nonce, hash } of payment.lost) lost.set(nonce, hash);
  }
  const audit = {
    from: start,
    below,
    payments: 0,
    own: 0,
    foreign: [] as NonceAudit["foreign"][number][],
    wrong: [] as string[],
  };
  const nonces = Array.from({ length: Math.max(0, below - start) }, (_, at) => start + at);
  const known = new Map<number, string>();
  for (const nonce of nonces) {
    const hash = ours.get(nonce)?.place?.hash ?? lost.get(nonce);
    if (hash !== undefined) known.set(nonce, hash);
  }
  const seen = await transactions(well, [...known.values()]);
  const lookFor = seeker(well, account);
  for (const nonce of nonces) {
    const payment = ours.get(nonce);
    const hash = known.get(nonce);
    if (hash === undefined) {
      const { hash: by, unknown } = await lookFor(nonce);
      const why =
        payment === undefined ? "the payer did not make it" : `payment ${payment.id} has it and has not found it there`;
      if (payment === undefined) audit.foreign.push({ nonce, hash: by, why: why + unknown });
      else audit.wrong.push(`nonce ${nonce} is used by ${by ?? "an unknown transaction"}: ${why}${unknown}`);
      continue;
    }
    const difference = differenceOf(seen.get(hash), account, nonce, payment);
    if (difference !== null) audit.wrong.push(`nonce ${nonce}, ${hash}: ${difference}`);
    else if (payment === undefined) audit.foreign.push({ nonce, hash, why: "a payment gave this nonce up for it" });
    else if (payment.kind === "filler" || payment.stage === "cancelled" || payment.cancel) audit.own += 1;
    else if (payment.stage === "foreign" || payment.stage === "asking")
      audit.foreign.push({ nonce, hash, why: `payment ${payment.id} waits for what becomes of it` });
    else audit.payments += 1;
  }
  return audit;
}

/** Looks for what has used nonces that no row explains, one after the other. */
function seeker(well: WellNode, account: string) {
  let looked = 0;
  let near: number | null = null;
  return async (nonce: number): Promise<{ readonly hash: string | null; readonly unknown: string }> => {
    looked += 1;
    if (looked > MOST_LOOKED_FOR)
      return { hash: null, unknown: `, and by what was not looked for: audit ${nonce} goes on there` };
    // Whoever sends several sends them into one block.
    const found = await lookUp(well, nonce, account, near);
    if (found === "absent" || "unclear" in found) return { hash: null, unknown: "" };
    near = found.height;
    return { hash: found.hash, unknown: "" };
  };
}

async function transactions({ node }: WellNode, hashes: readonly string[]): Promise<ReadonlyMap<string, JsonRpcReply>> {
  const seen = new Map<string, JsonRpcReply>();
  for (let i = 0; i < hashes.length; i += AT_ONCE) {
    const page = hashes.slice(i, i + AT_ONCE);
    const batch = await node.rpc.batch(page.map((hash) => ({ method: "eth_getTransactionByHash", params: [hash] })));
    for (const [at, hash] of page.entries()) seen.set(hash, batch.kind === "failed" ? batch : batch.replyTo(at));
  }
  return seen;
}

/** What is not as the payer has it; null where all is. */
function differenceOf(
  reply: JsonRpcReply | undefined,
  account: string,
  nonce: number,
  payment: Payment | undefined,
): string | null {
  if (reply === undefined || reply.kind === "failed") return reply?.reason ?? "the node does not tell";
  const { value } = reply;
  if (!isRecord(value) || parseQuantity(value["blockNumber"]) === null) return "the chain does not have it";
  if (hexOf(value["from"], 20) !== account) return "it was sent by another account";
  if (parseCount(value["nonce"]) !== nonce) return `it has nonce ${String(parseCount(value["nonce"]))}`;
  const pays = ["mined", "settled", "final"].includes(payment?.stage ?? "") && payment?.kind === "payment";
  if (payment === undefined || !pays) return null;
  const to = hexOf(value["to"], 20);
  // One that the operator called paid may have another value.
  if (to !== payment.login) return `it went to ${String(to)}, the payment is ${payment.login}'s`;
  return null;
}
