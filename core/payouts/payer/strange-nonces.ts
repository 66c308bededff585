import { SHANNON_WEI } from "../reward-schedule.ts";
import type { PayerBooks } from "./payer-books.ts";
import type { ChainView, WellNode } from "./payer-nodes.ts";
import type { PaymentStore } from "./payment-store.ts";
import { lookUp, type Found } from "./sighting.ts";

/** Transactions that one run looks for: each costs some dozens of questions to a node. */
const MOST_LOOKED_FOR = 32;

/**
 * Whether this payer may begin payments of this account and this ledger. What the account has sent and this payer has not made must not have paid
 * a login behind the ledger's back: then another payer has the key, or ledger or payer are of an older state, and who is owed what only the
 * operator can tell. One that has never paid anything knows nothing, and believes only all nodes together.
 * @returns why it has to wait; null where it may begin
 */
export async function strangePayments(
  store: PaymentStore,
  books: PayerBooks,
  view: ChainView,
  account: string,
  confirmations: number,
): Promise<string | null> {
  const [well] = view.well;
  const first = store.fact("first_nonce");
  const isNew = store.isEmpty();
  const counts = new Set(view.well.map(({ count }) => count));
  if (isNew && (well === undefined || !view.all)) return "before the first payment every node has to answer";
  if (well === undefined) return null;
  // What some of the nodes say of nonces moves nothing: none is given out then.
  if (counts.size > 1 || !view.all)
    return isNew ? "before the first payment all nodes have to say the same of the account" : null;
  if (isNew && view.well.some(({ count, pendingCount }) => count !== pendingCount))
    return "before the first payment the account must have no transaction under way";
  const { count } = well;
  const from = Math.max(Number(first ?? 0), Number(store.fact("checked_nonce") ?? 0));
  const ours = store.nonces(from);
  let checked = count;
  let looked = 0;
  // The newest first: of a new payer's account the newest that the ledger has tells that it has all before it.
  for (let nonce = count - 1; nonce >= from; nonce -= 1) {
    if (ours.has(nonce) || store.gaveUp(nonce)) continue;
    if ((looked += 1) > MOST_LOOKED_FOR)
      return held(
        store,
        count,
        `the account has sent more than ${MOST_LOOKED_FOR} transactions that this payer did not make`,
      );
    const found = await lookUp(well, nonce, account, null);
    if (found === "absent" || "unclear" in found)
      return held(store, count, `by what nonce ${nonce} of the account was used the nodes do not tell`);
    const verdict = await judge(books, found, account);
    if (verdict === "strange")
      return held(
        store,
        count,
        `${found.hash} of this account, nonce ${nonce}, pays ${found.valueWei} Wei to the login ${found.to}, and neither this payer nor the ledger knows of it: another payer has the key, or the ledger is of an older state`,
      );
    if (verdict === "listed" && isNew) break;
    if (depthOf(well, found) < confirmations) checked = nonce;
  }
  store.setFact("strange_count", null);
  store.setFact("checked_nonce", String(checked));
  return null;
}

/** `resume` takes what has been found so far as looked at by the operator. */
function held(store: PaymentStore, count: number, why: string): string {
  store.setFact("strange_count", String(count));
  return `${why}. When the ledger has all that was paid (npm run payouts -- audit, npm run ledger -- audit), resume`;
}

const depthOf = ({ head }: WellNode, { height }: Found): number => head - height;

/** `listed`: the ledger has it as a payment, and so all that came before. */
async function judge(
  books: PayerBooks,
  { hash, to, valueWei, ok }: Found,
  account: string,
): Promise<"harmless" | "listed" | "strange"> {
  if (!ok || valueWei === 0n || to === account || to === "") return "harmless";
  if ([...(await books.listed(to))].some((member) => member.startsWith(`${hash}:`))) return "listed";
  if (!(await books.isLogin(to))) return "harmless";
  const pending = await books.pending();
  const isPending = [...pending.keys()].some((entry) => {
    const [login, amount = ""] = entry.split(":");
    return login === to && /^\d+$/.test(amount) && BigInt(amount) * SHANNON_WEI >= valueWei;
  });
  return isPending ? "harmless" : "strange";
}
