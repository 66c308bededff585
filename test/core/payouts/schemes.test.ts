import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pplnsWeights, windowOf, type ShareGroup } from "../../../core/payouts/schemes.ts";

const group = (shares: Record<string, bigint>): ShareGroup => new Map(Object.entries(shares));

/** Every group by how much of it lies within the window, told by where it begins and ends. */
function naive(groups: readonly ShareGroup[], window: bigint): Record<string, bigint> {
  const weights: Record<string, bigint> = {};
  let begin = 0n;
  for (const shares of groups) {
    const size = [...shares.values()].reduce((sum, difficulty) => sum + difficulty, 0n);
    const end = begin + size;
    const inside = begin >= window ? 0n : (end < window ? end : window) - begin;
    for (const [login, difficulty] of shares) {
      const weight = (difficulty * inside) / size;
      if (weight > 0n) weights[login] = (weights[login] ?? 0n) + weight;
    }
    begin = end;
  }
  return weights;
}

describe("the window of PPLNS", () => {
  it("counts the newest shares up to its size, over round borders, and the group at its edge pro rata", () => {
    const groups = [group({ a: 10n }), group({ a: 20n, b: 20n }), group({ b: 30n, c: 60n }), group({ d: 500n })];
    expect(pplnsWeights(groups, 80n)).toEqual(
      new Map([
        ["a", 30n],
        ["b", 30n],
        ["c", 20n],
      ]),
    );
    expect(pplnsWeights(groups, 50n)).toEqual(
      new Map([
        ["a", 30n],
        ["b", 20n],
      ]),
    );
  });

  it("pays what it has while it is not full", () => {
    expect(pplnsWeights([group({ a: 10n })], 1_000n)).toEqual(new Map([["a", 10n]]));
  });

  it("is what a naive model makes of it, and never more than its size", () => {
    const login = fc.constantFrom("a", "b", "c", "d");
    const groups = fc.array(
      fc
        .array(fc.tuple(login, fc.bigInt(1n, 10n ** 12n)), { minLength: 1, maxLength: 4 })
        .map((entries) => new Map(entries)),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(groups, fc.bigInt(1n, 10n ** 13n), (newestFirst, window) => {
        const weights = pplnsWeights(newestFirst, window);
        expect(Object.fromEntries(weights)).toEqual(naive(newestFirst, window));
        const sum = [...weights.values()].reduce((a, b) => a + b, 0n);
        expect(sum <= window).toBe(true);
      }),
    );
  });

  it("has a size of so many times the network difficulty, exactly", () => {
    expect(windowOf("2", 10n ** 20n + 1n)).toBe(2n * 10n ** 20n + 2n);
    expect(windowOf("0.5", 7n)).toBe(3n);
    expect(windowOf("1.25", 4n)).toBe(5n);
  });
});
