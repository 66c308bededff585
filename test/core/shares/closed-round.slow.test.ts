import { describe, expect, it } from "vitest";
import {
  anyRound,
  HONEST,
  ownRound,
  paid,
  type Pool,
  pplns,
  type RoundRule,
  type Timing,
  TIMINGS,
  untilNewWork,
  windowOf,
} from "../../support/round-simulation.ts";

const PART = 0.2;
const small: Pool = { ofNetwork: 0.01, sharesPerHeight: 20, sharesUntilNewWork: 0.05 };
const large: Pool = { ofNetwork: 0.3, sharesPerHeight: 20, sharesUntilNewWork: 0.05 };
/** Its node builds a cache after its own block, or is away: no newer work for as long as a height lasts. */
const stuck: Pool = { ...large, sharesUntilNewWork: 20 };
/** So many that the noise is well under a hundredth: a small pool's rounds are long. */
const sharesOf = (pool: Pool) => (pool === small ? 3_000_000 : 1_000_000);

describe("what a miner can earn by the moment at which it hands in, over PROP rounds", () => {
  it("is its part where it hands in at once, whatever the rule", () => {
    for (const rule of [anyRound, untilNewWork, ownRound])
      expect(Math.abs(paid(rule, HONEST, large, PART, sharesOf(large), 1) - 1)).toBeLessThan(0.01);
  });

  it("is more under other rules: in the next round what is held back is worth more, and newer work is long in coming", () => {
    const [, holds, inTheGap] = TIMINGS;
    if (!holds || !inTheGap) throw new Error("two are needed");
    expect(paid(anyRound, holds, large, PART, sharesOf(large), 3)).toBeGreaterThan(1.15);
    expect(paid(untilNewWork, inTheGap, large, PART, sharesOf(large), 4)).toBeGreaterThan(1.1);
    expect(paid(untilNewWork, inTheGap, stuck, PART, sharesOf(stuck), 5)).toBeGreaterThan(1.04);
  });

  it.each(Object.entries({ small, large, stuck }))("is not a hundredth more than its part here (%s)", (_name, pool) => {
    for (const [i, timing] of TIMINGS.entries())
      expect(paid(ownRound, timing, pool, PART, sharesOf(pool), i + 10), timing.name).toBeLessThan(1.01);
  });
});

describe("what a miner can earn by the moment at which it hands in, under PPLNS", () => {
  /** The default of `payouts.pplnsWindow`. */
  const TIMES = 2;
  const earned = (rule: RoundRule, timing: Timing, pool: Pool, part: number, seed: number) =>
    paid(rule, timing, pool, part, sharesOf(pool), seed, pplns(windowOf(pool, TIMES)));

  it("is more where nothing is stale: who knows that its own block comes hands in before it, and stays in the window for longer", () => {
    const untilOwn = TIMINGS.find(({ beforeOwnBlock, keepsBlocks }) => beforeOwnBlock && !keepsBlocks);
    if (!untilOwn) throw new Error("there is one");
    expect(earned(anyRound, untilOwn, large, PART, 1)).toBeGreaterThan(1.05);
    expect(earned(anyRound, untilOwn, large, 0.5, 2)).toBeGreaterThan(1.07);
  });

  it.each(Object.entries({ small, large, stuck }))("is not a hundredth more than its part here (%s)", (_name, pool) => {
    for (const part of [PART, 0.5])
      for (const [i, timing] of TIMINGS.entries())
        expect(earned(ownRound, timing, pool, part, i + 10), `${timing.name}, ${part}`).toBeLessThan(1.01);
  });

  it("is no more where all it has is credited seven heights later, whatever happens meanwhile: as a rival of a block is", () => {
    const later: Timing = { ...HONEST, holdsFor: 7 };
    expect(earned(anyRound, later, large, PART, 30)).toBeLessThan(1.005);
  });
});
