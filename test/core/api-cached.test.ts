import { describe, expect, it } from "vitest";
import { Cached } from "../../core/api/cached.ts";

describe("a cached reading", () => {
  it("is taken once for all who ask while it is fresh or under way", async () => {
    let readings = 0;
    const cached = new Cached(async () => (readings += 1), 5000);
    expect(await Promise.all([cached.get(0), cached.get(0), cached.get(1)])).toEqual([1, 1, 1]);
    expect(await cached.get(4999)).toBe(1);
    expect(await cached.get(5000)).toBe(2);
  });

  it("keeps the last good value when a reading fails, and tries again at the next question", async () => {
    const outcomes = [() => "good", () => Promise.reject(new Error("down")), () => "better"];
    const cached = new Cached(async () => outcomes.shift()?.(), 1);
    expect(cached.last).toBeNull();
    await cached.get(0);
    await expect(cached.get(10)).rejects.toThrow("down");
    expect(cached.last).toBe("good");
    expect(await cached.get(10)).toBe("better");
  });
});
