import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BlockRevenue } from "../../../core/payouts/block-revenue.ts";
import { parsePercent, splitRevenue, type SplitTerms } from "../../../core/payouts/revenue-split.ts";
import { SHANNON_WEI } from "../../../core/payouts/reward-schedule.ts";
import { referenceCredits } from "./reference-unlocker.ts";

const FEE_ADDRESS = `0x${"f".repeat(40)}`;
const DONATION = `0x${"d".repeat(40)}`;
const terms = (over: Partial<SplitTerms> = {}): SplitTerms => ({
  poolFee: "1.0",
  poolFeeAddress: FEE_ADDRESS,
  donateTo: null,
  keepTxFees: false,
  ...over,
});
const revenue = (over: Partial<BlockRevenue> = {}): BlockRevenue => ({
  rewardWei: 2_048n * 10n ** 15n,
  feesWei: 0n,
  ownFeesWei: 0n,
  ...over,
});
const weights = (entries: Record<string, bigint>) => new Map(Object.entries(entries));

describe("percent", () => {
  it("is an exact fraction", () => {
    expect(parsePercent("1")).toEqual({ numerator: 1n, denominator: 100n });
    expect(parsePercent("0.7")).toEqual({ numerator: 7n, denominator: 1_000n });
    expect(parsePercent("100.0")).toEqual({ numerator: 1_000n, denominator: 1_000n });
  });

  it.each(["", "-1", "101", "100.1", "1,5", "1e1", ".5", "1.", "0x1", " 1"])("is not %o", (text) => {
    expect(parsePercent(text)).toBeNull();
  });
});

describe("a block's revenue", () => {
  it("goes to the miners by their weight, less a fee that is exactly its percentage", () => {
    const split = splitRevenue(revenue(), weights({ a: 3n, b: 1n }), terms());
    expect(split.credits).toEqual(
      new Map([
        ["a", 1_520_640_000n],
        ["b", 506_880_000n],
        [FEE_ADDRESS, 20_480_000n],
      ]),
    );
    expect([split.profitWei, split.uncreditedWei]).toEqual([20_480_000n * SHANNON_WEI, 0n]);
  });

  it("is rounded down for each miner, and what is left is profit", () => {
    const split = splitRevenue(
      revenue({ rewardWei: 10n * SHANNON_WEI + 1n }),
      weights({ a: 1n, b: 1n, c: 1n }),
      terms({ poolFee: "0" }),
    );
    expect(split.credits).toEqual(
      new Map([
        ["a", 3n],
        ["b", 3n],
        ["c", 3n],
        [FEE_ADDRESS, 1n],
      ]),
    );
    expect(split.uncreditedWei).toBe(1n);
  });

  it("leaves the profit on the pool's wallet where there is no fee address", () => {
    const split = splitRevenue(revenue(), weights({ a: 1n }), terms({ poolFeeAddress: null }));
    expect(split.credits).toEqual(new Map([["a", 2_027_520_000n]]));
    expect(split.uncreditedWei).toBe(split.profitWei);
  });

  it("gives a donation a tenth of the profit", () => {
    const split = splitRevenue(revenue(), weights({ a: 1n }), terms({ donateTo: DONATION }));
    expect(split.credits.get(DONATION)).toBe(2_048_000n);
    expect(split.credits.get(FEE_ADDRESS)).toBe(18_432_000n);
  });

  it("keeps transaction fees for the pool where that is set, and always those that the pool paid itself", () => {
    const fees = revenue({ feesWei: 10n ** 15n, ownFeesWei: 10n ** 14n });
    expect(splitRevenue(fees, weights({ a: 1n }), terms({ poolFee: "0" })).credits).toEqual(
      new Map([
        ["a", 2_049_000_000n],
        [FEE_ADDRESS, 100_000n],
      ]),
    );
    expect(splitRevenue(fees, weights({ a: 1n }), terms({ poolFee: "0", keepTxFees: true })).credits).toEqual(
      new Map([
        ["a", 2_048_000_000n],
        [FEE_ADDRESS, 1_100_000n],
      ]),
    );
  });

  it("adds a fee address's own mining to its fee", () => {
    const split = splitRevenue(revenue(), weights({ [FEE_ADDRESS]: 1n, a: 1n }), terms());
    expect(split.credits.get(FEE_ADDRESS)).toBe(1_013_760_000n + 20_480_000n);
  });

  it("cannot be divided among nobody", () => {
    expect(() => splitRevenue(revenue(), new Map(), terms())).toThrow(/^weights/);
    expect(() => splitRevenue(revenue(), weights({ a: 1n }), terms({ poolFee: "x" }))).toThrow(/^poolFee/);
  });
});

const anyWeights = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 30 }).map((n) => `0x${n.toString(16).padStart(40, "0")}`),
      fc.bigInt(1n, 2n ** 62n),
    ),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((entries) => new Map(entries));
const anyRevenue = fc.record({
  rewardWei: fc.bigInt(0n, 6n * 10n ** 18n),
  feesWei: fc.bigInt(0n, 10n ** 19n),
  ownFeesWei: fc.bigInt(0n, 10n ** 16n),
});
const anyFee = fc.tuple(fc.nat(99), fc.nat(999)).map(([whole, part]) => `${whole}.${String(part).padStart(3, "0")}`);

describe("whatever a block brought", () => {
  it("Σ credits and what is nobody's is the revenue, and Σ miners' credits and profit is it as well", () => {
    const anyTerms = fc.record({
      poolFee: anyFee,
      poolFeeAddress: fc.constantFrom(null, FEE_ADDRESS, `0x${"0".repeat(40)}`),
      donateTo: fc.constantFrom(null, DONATION),
      keepTxFees: fc.boolean(),
    });
    fc.assert(
      fc.property(anyRevenue, anyWeights, anyTerms, (brought, shares, how) => {
        const split = splitRevenue(brought, shares, how);
        const total = brought.rewardWei + brought.feesWei + brought.ownFeesWei;
        const credited = [...split.credits.values()].reduce((sum, amount) => sum + amount, 0n);
        expect(split.creditedShannon).toBe(credited);
        expect(credited * SHANNON_WEI + split.uncreditedWei).toBe(total);
        expect(split.revenueWei).toBe(total);
        const miners = splitRevenue(brought, shares, { ...how, poolFeeAddress: null, donateTo: null });
        expect(miners.creditedShannon * SHANNON_WEI + miners.profitWei).toBe(total);
        expect(split.uncreditedWei >= 0n).toBe(true);
        expect([...split.credits.values()].every((amount) => amount > 0n)).toBe(true);
      }),
    );
  });

  it("agrees with the reference's rules but for its rounding: at most 1 Shannon a miner", () => {
    fc.assert(
      fc.property(anyRevenue, anyWeights, anyFee, fc.boolean(), (brought, shares, poolFee, keepTxFees) => {
        const known = { ...brought, ownFeesWei: 0n };
        const ours = splitRevenue(known, shares, terms({ poolFee, keepTxFees, poolFeeAddress: null })).credits;
        const theirs = referenceCredits(known, shares, { feePercent: Number(poolFee), keepTxFees });
        for (const [login, amount] of theirs) {
          const difference = amount - (ours.get(login) ?? 0n);
          expect(difference === 0n || difference === 1n || difference === -1n).toBe(true);
        }
        expect([...ours.keys()].every((login) => theirs.has(login))).toBe(true);
      }),
    );
  });
});
