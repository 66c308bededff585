import { describe, expect, it } from "vitest";
import { judgeRatio, judgeReport, NO_COUNTS } from "../../../core/policy/share-ratio.ts";

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

describe("a report on a client", () => {
  it("is counted by its kind and as often as it says", () => {
    expect(judgeReport(NO_COUNTS, "staleShare", 5, POLICY).counts).toEqual({ ...NO_COUNTS, stale: 5 });
    expect(judgeReport(NO_COUNTS, "ban", 1, POLICY).counts).toEqual({ ...NO_COUNTS, bans: 1 });
  });

  it("is worth keeping only where it tells against the client", () => {
    const kept = (["malformed", "invalidShare", "ban", "validShare", "staleShare"] as const).filter(
      (event) => judgeReport(NO_COUNTS, event, 1, POLICY).keep,
    );
    expect(kept).toEqual(["malformed", "invalidShare", "ban"]);
  });

  it("puts the client under watch from its first invalid share until it has been judged", () => {
    expect(judgeReport(NO_COUNTS, "validShare", 1, POLICY).verdict.watch).toBe(false);
    const { counts, verdict } = judgeReport(NO_COUNTS, "invalidShare", 1, POLICY);
    expect(verdict).toEqual({ allowed: true, reason: "", watch: true });
    expect(judgeReport(counts, "validShare", 29, POLICY).verdict.watch).toBe(false);
  });

  it("refuses the client at the configured share of invalid ones, with the reason", () => {
    expect(judgeReport({ ...NO_COUNTS, valid: 21 }, "invalidShare", 9, POLICY).verdict).toEqual({
      allowed: false,
      reason: "High rate of invalid shares",
      watch: false,
    });
  });
});
