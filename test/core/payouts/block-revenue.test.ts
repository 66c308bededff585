import { describe, expect, it } from "vitest";
import { revenueOf, type FeeReceipt, type PlacedBlock } from "../../../core/payouts/block-revenue.ts";
import { rewardRulesOf, type RewardRules } from "../../../core/payouts/reward-schedule.ts";

const rules = rewardRulesOf("classic")!;
const POOL = `0x${"a".repeat(40)}`;
const OTHER = `0x${"b".repeat(40)}`;
const GWEI = 10n ** 9n;

const block = (receipts: readonly FeeReceipt[], over: Partial<PlacedBlock & { as: "block" }> = {}): PlacedBlock => ({
  as: "block",
  height: 20_000_001,
  hash: `0x${"1".repeat(64)}`,
  uncles: 0,
  gasUsed: receipts.reduce((sum, { gasUsed }) => sum + gasUsed, 0n),
  baseFeePerGas: 0n,
  receipts,
  ...over,
});
const paid = (gasUsed: bigint, gwei: bigint, from = OTHER): FeeReceipt => ({
  from,
  gasUsed,
  effectiveGasPrice: gwei * GWEI,
});
const revenue = (placed: PlacedBlock, by: RewardRules = rules) => {
  const result = revenueOf(by, placed, [POOL]);
  if (!result.ok) throw new Error(result.reason);
  return result.revenue;
};

describe("a block's revenue", () => {
  it("is the reward alone for an empty block, and 1/32 more for each uncle", () => {
    expect(revenue(block([]))).toEqual({ rewardWei: 2_048n * 10n ** 15n, feesWei: 0n, ownFeesWei: 0n });
    expect(revenue(block([], { uncles: 1 })).rewardWei).toBe(2_112n * 10n ** 15n);
    expect(revenue(block([], { uncles: 2 })).rewardWei).toBe(2_176n * 10n ** 15n);
  });

  it("has what each transaction paid for its gas, whole where there is no base fee", () => {
    expect(revenue(block([paid(21_000n, 20n), paid(50_000n, 3n)])).feesWei).toBe((21_000n * 20n + 50_000n * 3n) * GWEI);
  });

  it("has only what was paid above the base fee, which the chain burns", () => {
    const fees = revenue(block([paid(21_000n, 20n), paid(50_000n, 13n)], { baseFeePerGas: 13n * GWEI }));
    expect(fees.feesWei).toBe(21_000n * 7n * GWEI);
  });

  it("has the miner's part of the base fee where the chain's table gives one", () => {
    const sharing = { ...rules, baseFeeToMiner: [{ from: 1, numerator: 95n, denominator: 100n }] };
    const fees = revenue(block([paid(100n, 20n)], { baseFeePerGas: 10n * GWEI }), sharing);
    expect(fees.feesWei).toBe(100n * 10n * GWEI + (100n * 10n * GWEI * 95n) / 100n);
  });

  it("keeps apart what the pool's own payouts paid in the pool's own block", () => {
    const fees = revenue(block([paid(21_000n, 20n, POOL), paid(21_000n, 5n)]));
    expect([fees.feesWei, fees.ownFeesWei]).toEqual([21_000n * 5n * GWEI, 21_000n * 20n * GWEI]);
  });

  it("is unknown where the receipts do not add up to the block's gas", () => {
    expect(revenueOf(rules, block([paid(21_000n, 1n)], { gasUsed: 42_000n }), [])).toEqual({
      ok: false,
      reason: "the receipts of block 20000001 used 21000 gas, the block 42000",
    });
  });

  it("is unknown where a transaction seems to have paid less than the base fee", () => {
    const result = revenueOf(rules, block([paid(21_000n, 1n)], { baseFeePerGas: 2n * GWEI }), []);
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining("less than the base fee") });
  });

  it("is an uncle's own reward and no fee for a block that became an uncle", () => {
    const uncle: PlacedBlock = { as: "uncle", height: 20_000_001, uncleHeight: 19_999_999, hash: "0x1" };
    expect(revenue(uncle)).toEqual({ rewardWei: 64n * 10n ** 15n, feesWei: 0n, ownFeesWei: 0n });
  });
});
