import { describe, expect, it } from "vitest";
import { anyRound, HONEST, ownRound, paid, type Pool, TIMINGS, untilNewWork } from "../../support/round-simulation.ts";

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
