import { describe, expect, it } from "vitest";
import { judgeRatio, NO_COUNTS } from "../../../core/policy/share-ratio.ts";

const POLICY = { enabled: true, invalidPercent: 30, checkThreshold: 30 };

describe("ratio of invalid shares", () => {
  it("divides by all shares: 7 of 30 are 23 % and not refused at 30 %, as the reference would", () => {
    expect(judgeRatio({ ...NO_COUNTS, valid: 23, invalid: 7 }, POLICY).refused).toBe(false);
  });

  it("refuses 9 of 30, which are 30 %", () => {
    expect(judgeRatio({ ...NO_COUNTS, valid: 21, invalid: 9 }, POLICY).refused).toBe(true);
  });

  it("does not judge before the threshold", () => {
    expect(judgeRatio({ ...NO_COUNTS, invalid: 29 }, POLICY).refused).toBe(false);
  });

  it("does not count stale shares at all", () => {
    const { counts, refused } = judgeRatio({ ...NO_COUNTS, valid: 1, stale: 1000 }, POLICY);
    expect([refused, counts.stale]).toEqual([false, 1000]);
  });

  it("begins anew once it has judged", () => {
    expect(judgeRatio({ ...NO_COUNTS, valid: 29, invalid: 1 }, POLICY).counts).toEqual(NO_COUNTS);
  });

  it("refuses nobody when banning is off", () => {
    expect(judgeRatio({ ...NO_COUNTS, invalid: 100 }, { ...POLICY, enabled: false }).refused).toBe(false);
  });
});
