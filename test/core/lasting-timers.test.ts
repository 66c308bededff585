import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LastingTimers } from "../../durable-objects/platform/lasting-timers.ts";

let after: LastingTimers["after"];
beforeEach(() => {
  vi.useFakeTimers();
  ({ after } = new LastingTimers());
});
afterEach(() => vi.useRealTimers());

test.each([0, 1, 249, 250, 251, 5_000])("fires once, %i ms after it was set", (delayMs) => {
  const work = vi.fn();
  after(delayMs, work);
  if (delayMs > 0) vi.advanceTimersByTime(delayMs - 1);
  expect(work).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(work).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(work).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("one that is far off and is called off fires no more, clears nothing, and leaves no timer after a slice", () => {
  const cleared = vi.spyOn(globalThis, "clearTimeout");
  const work = vi.fn();
  const callOff = after(30_000, work);
  vi.advanceTimersByTime(1_100);
  callOff();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(250);
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(60_000);
  expect(work).not.toHaveBeenCalled();
  expect(cleared).not.toHaveBeenCalled();
});

test("those that are far off wait for one tick together, and each fires in its time", () => {
  const fired: number[] = [];
  const begunMs = Date.now();
  const note = () => fired.push(Date.now() - begunMs);
  for (const delayMs of [400, 250, 1_000, 620, 251, 500]) after(delayMs, note);
  const callOffs = Array.from({ length: 1_000 }, () => after(5_000, note));
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(100);
  for (const callOff of callOffs) callOff();
  after(300, note);
  vi.advanceTimersByTime(60_000);
  expect(fired).toEqual([250, 251, 400, 400, 500, 620, 1_000]);
  expect(vi.getTimerCount()).toBe(0);
});

test("where no timer has its turn, as many as were called off wait for it as one", () => {
  // workerd refuses to set more than 10,000, and every share with a limit on its answer would be refused from then on.
  for (let share = 0; share < 20_000; share++) {
    after(3, () => undefined)();
    after(1_000, () => undefined)();
  }
  expect(vi.getTimerCount()).toBe(1);
});

test("late turns do not add up: what a busy thread holds up ends as soon as its time is over", () => {
  const work = vi.fn();
  after(1_000, work);
  vi.setSystemTime(Date.now() + 2_000);
  vi.advanceTimersByTime(250);
  expect(work).toHaveBeenCalledTimes(1);
});

test("one that fails keeps none of the others from firing", () => {
  const work = vi.fn();
  after(300, () => {
    throw new Error("broken");
  });
  after(300, work);
  expect(() => vi.advanceTimersByTime(300)).toThrow("broken");
  vi.advanceTimersByTime(250);
  expect(work).toHaveBeenCalledTimes(1);
});
