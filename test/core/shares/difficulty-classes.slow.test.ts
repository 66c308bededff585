import { describe, expect, it } from "vitest";
import { byConnection, byNonce, cheats, earned, searches } from "../../support/credit-simulation.ts";

describe("what a miner can earn by choosing, over 10^7 sampled shares", () => {
  const SAMPLES = 1_250_000;

  it("is more than three times its work where a share is worth what its connection was told", () => {
    for (const [i, cheat] of cheats(1_000).entries()) {
      expect(earned(byConnection, cheat, SAMPLES, i), cheat.name).toBeGreaterThan(3);
    }
    expect(Math.max(...cheats(1_000).map((cheat, i) => earned(byConnection, cheat, SAMPLES, i)))).toBeGreaterThan(8);
  });

  it("is its work and no more where worth goes by nonce and header", () => {
    const rule = byNonce({ poolDifficulty: 64_000n, classTable: 1, networkDifficulty: 10n ** 15n });
    const all = [...cheats(64_000), ...searches(64_000)];
    for (const [i, each] of all.entries()) {
      expect(earned(rule, each, SAMPLES, i + 100), each.name).toBeLessThan(1.01);
    }
  });

  it("is its work and no more on a network that is easier than some classes", () => {
    const rule = byNonce({ poolDifficulty: 64_000n, classTable: 1, networkDifficulty: 100_000n });
    for (const [i, each] of searches(64_000).entries()) {
      expect(earned(rule, each, SAMPLES, i + 200), each.name).toBeLessThan(1.01);
    }
  });
});
