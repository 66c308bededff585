import { describe, expect, it } from "vitest";
import { duration, hashrate } from "../../core/units.ts";

describe("units for people", () => {
  it.each([
    [0, "0 H/s"],
    [999, "999 H/s"],
    [1_000, "1.00 kH/s"],
    [1_500, "1.50 kH/s"],
    [999_600, "1.00 MH/s"],
    [9.999e9, "10.0 GH/s"],
    [1e21, "1000 EH/s"],
    [2_500_000_000, "2.50 GH/s"],
  ])("writes %d hashes a second as %s", (rate, text) => {
    expect(hashrate(rate)).toBe(text);
  });

  it.each([
    [0, "0 s"],
    [59, "59 s"],
    [83, "1 min"],
    [12_600, "3 h 30 min"],
    [200_000, "2 d 7 h"],
  ])("writes %d seconds as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it("writes seconds beside minutes where they are asked for", () => {
    expect(duration(83, true)).toBe("1 min 23 s");
  });
});
