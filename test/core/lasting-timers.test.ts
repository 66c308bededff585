import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LastingTimers, lastingTimer } from "../../durable-objects/platform/lasting-timers.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test.each([1, 249, 250, 251, 5_000])("fires once, %i ms after it was set", (delayMs) => {
  const work = vi.fn();
  lastingTimer(delayMs, work);
  vi.advanceTimersByTime(delayMs - 1);
  expect(work).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(work).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(work).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("called off, it fires no more, clears nothing, and is gone within a slice", () => {
  const cleared = vi.spyOn(globalThis, "clearTimeout");
  const work = vi.fn();
  const callOff = lastingTimer(30_000, work);
  vi.advanceTimersByTime(1_100);
  callOff();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(250);
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(60_000);
  expect(work).not.toHaveBeenCalled();
  expect(cleared).not.toHaveBeenCalled();
});

test("those of one object that are far off wait for one tick together, and each fires in its time", () => {
  const { after } = new LastingTimers();
  const fired: number[] = [];
  const begunMs = Date.now();
  const delays = [400, 250, 1_000, 620, 251, 500];
  for (const delayMs of delays) after(delayMs, () => fired.push(Date.now() - begunMs));
  const callOffs = Array.from({ length: 1_000 }, () => after(5_000, () => fired.push(-1)));
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(100);
  for (const callOff of callOffs) callOff();
  after(300, () => fired.push(Date.now() - begunMs));
  vi.advanceTimersByTime(60_000);
  expect(fired).toEqual([250, 251, 400, 400, 500, 620, 1_000]);
  expect(vi.getTimerCount()).toBe(0);
});

test("late turns do not add up: what a busy thread holds up ends as soon as its time is over", () => {
  const work = vi.fn();
  lastingTimer(1_000, work);
  vi.setSystemTime(Date.now() + 2_000);
  vi.advanceTimersByTime(250);
  expect(work).toHaveBeenCalledTimes(1);
});
