import * as v from "valibot";
import type { BlockRevenue } from "./block-revenue.ts";
import { listedMember, parseCandidate, parseListed, type BlockFate, type PoolBlock } from "./block-members.ts";
import { splitRevenue, type SplitTerms } from "./revenue-split.ts";

/**
 * A block's step from one list to the next. It holds all that its credits are computed from, so that a step of many parts, once begun, is
 * brought to its end as it was begun, whatever the chain says meanwhile: what the chain says is the next step's business.
 */
export interface BlockMove {
  /** `taken`: a matured block that fell out of the chain, booked as an orphan by an operator. */
  readonly to: "immature" | "matured" | "orphan" | "taken";
  readonly block: PoolBlock;
  readonly fate: BlockFate;
  /** What is shared out, and how; null where nobody is credited. */
  readonly payout: { readonly revenue: BlockRevenue; readonly terms: SplitTerms } | null;
  /** Whether the round's work goes back into the open round. */
  readonly merge: boolean;
  /** Unix time in seconds, for `credits:all`. */
  readonly ts: number;
}

const wei = v.pipe(
  v.string(),
  v.regex(/^\d+$/),
  v.transform((text) => BigInt(text)),
);
const login = v.nullable(v.string());

const planSchema = v.object({
  v: v.literal(1),
  to: v.picklist(["immature", "matured", "orphan", "taken"]),
  list: v.picklist(["candidates", "immature", "matured"]),
  member: v.string(),
  score: v.string(),
  fate: v.object({
    height: v.number(),
    uncleHeight: v.number(),
    orphan: v.boolean(),
    hash: v.string(),
    rewardWei: wei,
  }),
  payout: v.nullable(
    v.object({
      revenue: v.object({ rewardWei: wei, feesWei: wei, ownFeesWei: wei }),
      terms: v.object({ poolFee: v.string(), poolFeeAddress: login, donateTo: login, keepTxFees: v.boolean() }),
    }),
  ),
  merge: v.boolean(),
  ts: v.number(),
});

const storedPlan = v.pipe(v.string(), v.parseJson(), planSchema);

/** The move as the ledger keeps it: one text for one move. */
export function encodeMove({ to, block, fate, payout, merge, ts }: BlockMove): string {
  const { list, member, height } = block;
  const terms = payout && {
    poolFee: payout.terms.poolFee,
    poolFeeAddress: payout.terms.poolFeeAddress,
    donateTo: payout.terms.donateTo,
    keepTxFees: payout.terms.keepTxFees,
  };
  const plan = {
    v: 1,
    to,
    list,
    member,
    score: String(height),
    fate,
    payout: payout && { ...payout, terms },
    merge,
    ts,
  };
  return JSON.stringify(plan, (_name, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

/** @returns null for what {@link encodeMove} of this version did not write */
export function decodeMove(text: string): BlockMove | null {
  const parsed = v.safeParse(storedPlan, text);
  if (!parsed.success) return null;
  const { to, list, member, score, fate, payout, merge, ts } = parsed.output;
  const block = list === "candidates" ? parseCandidate(member, score) : parseListed(list, member, score);
  return block && { to, block, fate, payout, merge, ts };
}

/** The member that the block gets where it goes. */
export function memberOf({ block, fate }: BlockMove): string {
  return listedMember(block, fate);
}

/** Shannon by login, before anything that the login had provisionally is taken back. @param weights above 0 in sum where there is a payout */
export function creditsOf({ payout }: BlockMove, weights: ReadonlyMap<string, bigint>): ReadonlyMap<string, bigint> {
  return payout === null ? new Map() : splitRevenue(payout.revenue, weights, payout.terms).credits;
}
