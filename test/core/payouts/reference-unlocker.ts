import type { BlockRevenue } from "../../../core/payouts/block-revenue.ts";
import { SHANNON_WEI } from "../../../core/payouts/reward-schedule.ts";

/** The exact value of a double as a fraction: what Go's `Rat.SetFloat64` makes of it. */
function exactDouble(value: number): readonly [numerator: bigint, denominator: bigint] {
  let denominator = 1n;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  return [BigInt(scaled), denominator];
}

/** To the nearest integer, half away from zero: Go's `Rat.FloatString(0)`. */
const roundHalfUp = (numerator: bigint, denominator: bigint): bigint =>
  (2n * numerator + denominator) / (2n * denominator);

/**
 * The rules of open-ethereum-pool's unlocker for the miners' credits, written from their description: the fee is a double, a login's part
 * is rounded to the nearest Shannon.
 */
export function referenceCredits(
  { rewardWei, feesWei }: BlockRevenue,
  shares: ReadonlyMap<string, bigint>,
  { feePercent, keepTxFees }: { readonly feePercent: number; readonly keepTxFees: boolean },
): Map<string, bigint> {
  const revenue = keepTxFees ? rewardWei : rewardWei + feesWei;
  const [numerator, denominator] = exactDouble(feePercent / 100);
  const minersNumerator = revenue * (denominator - numerator);
  let total = 0n;
  for (const weight of shares.values()) total += weight;
  return new Map(
    [...shares].map(([login, weight]) => [
      login,
      roundHalfUp(minersNumerator * weight, denominator * total * SHANNON_WEI),
    ]),
  );
}
