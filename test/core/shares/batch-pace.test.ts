import { describe, expect, it } from "vitest";
import { BatchPace } from "../../../core/shares/batch-pace.ts";

/** A pace that has seen `perSecond` evenly spaced arrivals for two seconds, and when the last was. */
function after(perSecond: number) {
  const pace = new BatchPace();
  let nowMs = 0;
  for (; nowMs < 2_000; nowMs += 1_000 / perSecond) pace.arrived(nowMs);
  return { pace, nowMs: nowMs - 1_000 / perSecond };
}

describe("the pace of batches", () => {
  it("never lets a share wait up to 50 a second", () => {
    for (const perSecond of [1, 10, 30, 50]) {
      const { pace, nowMs } = after(perSecond);
      expect(pace.startAtMs(1, () => nowMs, nowMs)).toBe(nowMs);
    }
  });

  it("lets shares wait for as many as are worth it, and never longer than 22 ms", () => {
    const medium = after(400);
    const waits = medium.pace.startAtMs(1, () => medium.nowMs, medium.nowMs) - medium.nowMs;
    expect(waits).toBe(22);
    const heavy = after(1_000);
    const shorter = heavy.pace.startAtMs(1, () => heavy.nowMs, heavy.nowMs) - heavy.nowMs;
    expect(shorter).toBeGreaterThan(14);
    expect(shorter).toBeLessThan(16);
  });

  it("reckons from the one that has waited longest, and begins with sixteen", () => {
    const { pace, nowMs } = after(400);
    expect(pace.startAtMs(15, () => nowMs - 10, nowMs)).toBe(nowMs + 12);
    expect(pace.startAtMs(16, () => nowMs, nowMs)).toBe(nowMs);
  });

  it("forgets a rush within a second", () => {
    const { pace, nowMs } = after(1_000);
    expect(pace.startAtMs(1, () => nowMs + 1_000, nowMs + 1_000)).toBe(nowMs + 1_000);
  });
});
