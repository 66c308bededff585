import { describe, expect, it, test } from "vitest";
import {
  blockReward,
  minersBaseFees,
  nephewReward,
  rewardRulesOf,
  uncleReward,
  type RewardRules,
} from "../../../core/payouts/reward-schedule.ts";

const rules = (chain: string): RewardRules => {
  const found = rewardRulesOf(chain);
  if (!found) throw new Error(chain);
  return found;
};
const classic = rules("classic");
const mordor = rules("mordor");

/** ETC a block of each era of Ethereum Classic, as ECIP-1017 lists the first ones; the rest by its formula. Wei. */
const ERAS = [
  "5000000000000000000",
  "4000000000000000000",
  "3200000000000000000",
  "2560000000000000000",
  "2048000000000000000",
  "1638400000000000000",
  "1310720000000000000",
].map(BigInt);

describe("a block's reward on Ethereum Classic", () => {
  test.each(
    ERAS.flatMap((wei, era): [number, bigint][] => [
      [era * 5_000_000 + 1, wei],
      [(era + 1) * 5_000_000, wei],
    ]),
  )("block %d pays %d Wei", (height, wei) => {
    expect(blockReward(classic, height)).toBe(wei);
  });

  test.each([
    [1, ERAS[0]],
    [2_000_000, ERAS[0]],
    [2_000_001, ERAS[1]],
    [4_000_000, ERAS[1]],
    [4_000_001, ERAS[2]],
    [12_000_001, ERAS[6]],
  ])("Mordor's block %d pays %d Wei: its eras have two million blocks", (height, wei) => {
    expect(blockReward(mordor, height)).toBe(wei);
  });

  it("is one division of the whole, not one an era", () => {
    const era = 40;
    let eraByEra = 5n * 10n ** 18n;
    for (let i = 0; i < era; i++) eraByEra = (eraByEra * 4n) / 5n;
    const whole = (5n * 10n ** 18n * 4n ** 40n) / 5n ** 40n;
    expect(blockReward(classic, era * 5_000_000 + 1)).toBe(whole);
    expect(whole).not.toBe(eraByEra);
  });

  it("has none for the genesis block, nor for what is no height", () => {
    for (const height of [0, -1, 1.5, Number.NaN, 2 ** 53])
      expect(() => blockReward(classic, height)).toThrow(RangeError);
  });
});

/** Depth 1 to 6 of an uncle: what its miner gets in eighths of the reward. */
const EIGHTHS = [7n, 6n, 5n, 4n, 3n, 2n];

describe("uncles", () => {
  it("earn eighths of the reward in the first era of Ethereum Classic, and 1/32 later whatever their depth", () => {
    for (const [at, eighths] of EIGHTHS.entries()) {
      const age = at + 1;
      expect(uncleReward(classic, 5_000_000, 5_000_000 - age)).toBe((5n * 10n ** 18n * eighths) / 8n);
      // The era is that of the including block, also where the uncle is of the era before.
      expect(uncleReward(classic, 5_000_001, 5_000_001 - age)).toBe(125n * 10n ** 15n);
      expect(uncleReward(classic, 10_000_001, 10_000_001 - age)).toBe(100n * 10n ** 15n);
      expect(uncleReward(classic, 20_000_001, 20_000_001 - age)).toBe(64n * 10n ** 15n);
      expect(uncleReward(mordor, 2_000_001, 2_000_001 - age)).toBe(125n * 10n ** 15n);
      expect(uncleReward(rules("ethereum"), 7_280_003, 7_280_003 - age)).toBe((2n * 10n ** 18n * eighths) / 8n);
      expect(uncleReward(rules("ethereum-pow"), 15_600_000, 15_600_000 - age)).toBe((2n * 10n ** 18n * eighths) / 8n);
    }
  });

  it("bring the block that includes them 1/32 of its reward each", () => {
    expect(nephewReward(classic, 1)).toBe(156_250_000_000_000_000n);
    expect(nephewReward(classic, 5_000_000)).toBe(156_250_000_000_000_000n);
    expect(nephewReward(classic, 5_000_001)).toBe(125_000_000_000_000_000n);
    expect(nephewReward(classic, 25_000_001)).toBe(51_200_000_000_000_000n);
    expect(nephewReward(rules("ethereum"), 4_370_000)).toBe(93_750_000_000_000_000n);
  });

  it("cannot be as old as seven heights, of the same height, or younger", () => {
    for (const uncle of [93, 100, 101]) expect(() => uncleReward(classic, 100, uncle)).toThrow(/^uncleHeight: found/);
    expect(uncleReward(classic, 100, 94)).toBeGreaterThan(0n);
  });
});

describe("other chains", () => {
  test.each([
    [1, 5n],
    [4_369_999, 5n],
    [4_370_000, 3n],
    [7_279_999, 3n],
    [7_280_000, 2n],
    [15_537_393, 2n],
  ])("Ethereum's block %d paid %d ETH", (height, eth) => {
    expect(blockReward(rules("ethereum"), height)).toBe(eth * 10n ** 18n);
  });

  it("pay by their own schedule, with or without uncles", () => {
    const steps = [
      { from: 10, wei: 7n },
      { from: 20, wei: 3_201n },
    ];
    const own: RewardRules = { block: { kind: "steps", steps }, uncles: "none", baseFeeToMiner: [] };
    expect([9, 10, 19, 20].map((height) => blockReward(own, height))).toEqual([0n, 7n, 7n, 3_201n]);
    expect(nephewReward(own, 20)).toBe(0n);
    expect(uncleReward(own, 20, 19)).toBe(0n);
    const byEcip1017: RewardRules = { ...own, uncles: "ecip1017" };
    expect(uncleReward(byEcip1017, 19, 18)).toBe(6n);
    expect(uncleReward(byEcip1017, 20, 18)).toBe(100n);
    const short: RewardRules = { ...classic, block: { kind: "ecip1017", eraLength: 10 } };
    expect(blockReward(short, 11)).toBe(4n * 10n ** 18n);
  });

  it("give a block's miner the part of the base fee that their table says, from a height on", () => {
    expect(minersBaseFees(classic, 1, 100n)).toBe(0n);
    const baseFeeToMiner = [
      { from: 10, numerator: 95n, denominator: 100n },
      { from: 20, numerator: 1n, denominator: 3n },
    ];
    const own = { ...classic, baseFeeToMiner };
    expect([9, 10, 19, 20].map((height) => minersBaseFees(own, height, 101n))).toEqual([0n, 95n, 95n, 33n]);
  });
});
