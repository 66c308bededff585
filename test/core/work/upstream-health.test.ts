import { describe, expect, it } from "vitest";
import { LONGEST_BEHIND_MS, STALLED_AFTER_MS, UpstreamHealth } from "../../../core/work/upstream-health.ts";

const timeout = { failure: "timeout", reason: "no answer within 1000 ms" } as const;
const workAt = (height: number) => ({ height, networkDifficulty: 131_072n });

function healthOf(names: string[], enabled = true): UpstreamHealth {
  return new UpstreamHealth(names, { maxFails: 3, enabled, forgetHeightAfterMs: 30_000 });
}

/** Answers of one node at one-second intervals. @returns when it was well, in answers; null for never. */
function answersUntilWell(health: UpstreamHealth, name: string, nowMs: number): number | null {
  for (let answer = 1; answer <= 50; answer += 1) {
    const events = health.answered(name, workAt(10), nowMs + answer * 1000);
    if (events.some((event) => event.kind === "well")) return answer;
  }
  return null;
}

function failUntilSick(health: UpstreamHealth, name: string, nowMs: number): void {
  for (let failure = 0; failure < 3; failure += 1) health.failed(name, timeout, nowMs);
}

describe("failures", () => {
  it("make a node sick after maxFails in a row, once", () => {
    const health = healthOf(["a", "b"]);
    expect(health.failed("a", timeout, 0)).toEqual([]);
    expect(health.failed("a", timeout, 1)).toEqual([]);
    expect(health.order()).toEqual(["a", "b"]);
    expect(health.failed("a", timeout, 2)).toEqual([{ node: "a", kind: "sick", reason: timeout.reason }]);
    expect(health.failed("a", timeout, 3)).toEqual([]);
    expect(health.order()).toEqual(["b", "a"]);
    expect([health.rankOf("a"), health.rankOf("b"), health.rankOf("gone")]).toEqual([1, 0, 2]);
  });

  it("count in a row only", () => {
    const health = healthOf(["a"]);
    for (let round = 0; round < 10; round += 1) {
      expect(health.failed("a", timeout, round)).toEqual([]);
      expect(health.failed("a", timeout, round)).toEqual([]);
      expect(health.answered("a", workAt(10), round)).toEqual([]);
    }
  });

  it("of the wrong chain make it sick at once", () => {
    const health = healthOf(["a"]);
    expect(health.failed("a", { failure: "wrongSeed", reason: "x" }, 0)).toMatchObject([{ kind: "sick" }]);
  });

  it("change nothing where health checks are off, but are shown", () => {
    const health = healthOf(["a", "b"], false);
    failUntilSick(health, "a", 0);
    expect(health.order()).toEqual(["a", "b"]);
    expect(health.statuses()[0]).toMatchObject({ lastError: timeout.reason });
  });
});

it("is told how far it is: by its last answer with work", () => {
  const health = healthOf(["a"]);
  const tripOf = () => health.statuses()[0]?.roundTripMs;
  expect(tripOf()).toBeNull();
  health.answered("a", workAt(10), 1040, 1000);
  health.failed("a", timeout, 9000);
  expect(tripOf()).toBe(40);
  health.answered("a", workAt(11), 10_007, 10_000);
  expect(tripOf()).toBe(7);
});

describe("a sick node", () => {
  it("is well after three answers in a row, and back in its place", () => {
    const health = healthOf(["a", "b"]);
    failUntilSick(health, "a", 0);
    health.answered("a", workAt(10), 1000);
    health.failed("a", timeout, 2000);
    expect(answersUntilWell(health, "a", 3000)).toBe(3);
    expect(health.order()).toEqual(["a", "b"]);
    expect(health.statuses()[0]).toMatchObject({ healthy: true, lastError: null });
  });

  it("must answer twice as often after each relapse, up to a bound, and no more after ten good minutes", () => {
    const health = healthOf(["a"]);
    const needed: (number | null)[] = [];
    for (let relapse = 0; relapse < 6; relapse += 1) {
      failUntilSick(health, "a", relapse * 60_000);
      needed.push(answersUntilWell(health, "a", relapse * 60_000));
    }
    expect(needed).toEqual([3, 6, 12, 24, 24, 24]);
    failUntilSick(health, "a", 5_000_000);
    expect(answersUntilWell(health, "a", 5_000_000)).toBe(3);
  });
});

describe("heights", () => {
  it("three blocks behind the others make a node sick at once, at the others' answer", () => {
    const health = healthOf(["a", "b"]);
    health.answered("a", workAt(10), 0);
    expect(health.answered("b", workAt(12), 0)).toEqual([]);
    expect(health.answered("b", workAt(13), 1)).toEqual([
      { node: "a", kind: "sick", reason: "at height 10, 3 behind the others" },
    ]);
  });

  it("one block behind is let pass for a while, and not for long", () => {
    const health = healthOf(["a", "b"]);
    health.answered("a", workAt(10), 0);
    expect(health.answered("b", workAt(11), 0)).toEqual([]);
    expect(health.answered("a", workAt(10), LONGEST_BEHIND_MS)).toEqual([]);
    expect(health.answered("a", workAt(10), LONGEST_BEHIND_MS + 1)).toMatchObject([{ node: "a", kind: "sick" }]);
  });

  it("of a node that keeps catching up do not make it sick", () => {
    const health = healthOf(["a", "b"]);
    for (let block = 0; block < 50; block += 1) {
      expect(health.answered("b", workAt(block + 1), block * 10_000)).toEqual([]);
      expect(health.answered("a", workAt(block), block * 10_000 + 1)).toEqual([]);
      expect(health.answered("a", workAt(block + 1), block * 10_000 + 5000)).toEqual([]);
    }
  });

  it("that nobody has said for long are not compared with", () => {
    const health = healthOf(["a", "b"]);
    health.answered("b", workAt(1000), 0);
    expect(health.answered("a", workAt(10), 30_001)).toEqual([]);
  });

  it("keep a node sick until it is level with the others", () => {
    const health = healthOf(["a", "b"]);
    health.answered("a", workAt(1), 0);
    health.answered("b", workAt(10), 0);
    for (let second = 0; second < 20; second += 1) health.answered("a", workAt(9), second * 1000);
    expect(health.statuses()[0]).toMatchObject({ healthy: false });
    expect(answersUntilWell(health, "a", 20_000)).toBe(3);
  });
});

describe("the age of a node's work", () => {
  it("puts a node that gives the same height for minutes behind one that moves, and says so once", () => {
    const health = healthOf(["a", "b"]);
    health.answered("a", workAt(10), 0);
    const events = Array.from({ length: 40 }, (_, index) => health.answered("a", workAt(10), index * 10_000));
    expect(events.flat()).toEqual([
      { node: "a", kind: "stalled", reason: expect.stringMatching(/height 10 for 5 min/) },
    ]);
    expect(health.order()).toEqual(["b", "a"]);
    expect(health.statuses()[0]).toMatchObject({ healthy: true, lastError: expect.stringMatching(/is it in sync/) });
    expect(health.answered("a", workAt(11), 400_000)).toEqual([{ node: "a", kind: "moving", reason: "at height 11" }]);
    expect(health.order()).toEqual(["a", "b"]);
  });

  it("does not make the only node sick", () => {
    const health = healthOf(["a"]);
    health.answered("a", workAt(10), 0);
    health.answered("a", workAt(10), STALLED_AFTER_MS + 1);
    expect(health.statuses()[0]).toMatchObject({ healthy: true });
  });
});

it("does not know a node that is not configured", () => {
  expect(() => healthOf(["a"]).failed("b", timeout, 0)).toThrow(new RangeError("no upstream is called b"));
});
