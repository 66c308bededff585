import type { BlockRevenue } from "./block-revenue.ts";
import { SHANNON_WEI } from "./reward-schedule.ts";

/** A percentage as an exact fraction of one: "0.7" is 7 / 1000. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** @param text a decimal from 0 to 100 @returns null for anything else */
export function parsePercent(text: string): Fraction | null {
  const match = /^(\d{1,3})(?:\.(\d{1,18}))?$/.exec(text);
  if (!match) return null;
  const decimals = match[2] ?? "";
  const fraction = { numerator: BigInt(`${match[1]}${decimals}`), denominator: 100n * 10n ** BigInt(decimals.length) };
  return fraction.numerator > fraction.denominator ? null : fraction;
}

/** The reference's donation: a tenth of the pool's profit. */
const DONATION: Fraction = { numerator: 1n, denominator: 10n };

/** How a block's revenue is divided. Frozen when the block is found. */
export interface SplitTerms {
  /** Decimal percent of what is shared, exact. */
  readonly poolFee: string;
  /** Who is credited the profit: a login; null leaves it on the pool's wallet. */
  readonly poolFeeAddress: string | null;
  /** Who is credited a tenth of the profit; null: nobody. */
  readonly donateTo: string | null;
  /** Transaction fees are the pool's instead of the miners'. */
  readonly keepTxFees: boolean;
}

/** What everyone gets of a block. Σ credits × 10^9 + `uncreditedWei` = `revenueWei`, always. */
export interface RevenueSplit {
  /** Shannon by login, above 0: miners, fee address, donation. */
  readonly credits: ReadonlyMap<string, bigint>;
  /** Shannon of all credits. */
  readonly creditedShannon: bigint;
  readonly revenueWei: bigint;
  /** Revenue less the miners' credits: fee, kept transaction fees and what rounding left. */
  readonly profitWei: bigint;
  /** Profit that is nobody's credit. */
  readonly uncreditedWei: bigint;
}

/**
 * Divides a block's revenue. Each login gets floor(minersProfit × weight / total) in Shannon, by one division of integers; the rest is profit.
 * @param weights by login, Σ above 0
 * @throws RangeError where nobody has a weight, or the fee is no percentage: the caller has checked both
 */
export function splitRevenue(
  revenue: BlockRevenue,
  weights: ReadonlyMap<string, bigint>,
  terms: SplitTerms,
): RevenueSplit {
  const fee = parsePercent(terms.poolFee);
  if (fee === null) throw new RangeError(`poolFee: found ${terms.poolFee}, allowed: a decimal from 0 to 100`);
  let total = 0n;
  for (const weight of weights.values()) total += weight;
  if (total <= 0n) throw new RangeError("weights: found none, allowed: at least one above 0");

  const { rewardWei, feesWei, ownFeesWei } = revenue;
  const revenueWei = rewardWei + feesWei + ownFeesWei;
  const sharedWei = terms.keepTxFees ? rewardWei : rewardWei + feesWei;
  const numerator = sharedWei * (fee.denominator - fee.numerator);
  const denominator = fee.denominator * total * SHANNON_WEI;
  const credits = new Map<string, bigint>();
  let minersShannon = 0n;
  for (const [login, weight] of weights) {
    const amount = (numerator * weight) / denominator;
    minersShannon += amount;
    add(credits, login, amount);
  }

  const profitWei = revenueWei - minersShannon * SHANNON_WEI;
  const donated = terms.donateTo === null ? 0n : (profitWei * DONATION.numerator) / DONATION.denominator / SHANNON_WEI;
  if (terms.donateTo !== null) add(credits, terms.donateTo, donated);
  const kept = terms.poolFeeAddress === null ? 0n : (profitWei - donated * SHANNON_WEI) / SHANNON_WEI;
  if (terms.poolFeeAddress !== null) add(credits, terms.poolFeeAddress, kept);
  const creditedShannon = minersShannon + donated + kept;
  return { credits, creditedShannon, revenueWei, profitWei, uncreditedWei: revenueWei - creditedShannon * SHANNON_WEI };
}

function add(credits: Map<string, bigint>, login: string, amount: bigint): void {
  if (amount > 0n) credits.set(login, (credits.get(login) ?? 0n) + amount);
}
