import { describe, expect, it } from "vitest";
import { allWithin, sleep } from "../../core/clock.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** Values that come after so many ms each, awaited for 250 ms. @returns the values that were there at the end, when that was, and the timers that were asked for */
async function awaited(takesMs: readonly number[], straggleMs?: number) {
  const clock = new VirtualClock(0);
  const timers: number[] = [];
  const counted = {
    nowMs: () => clock.nowMs(),
    after: (delayMs: number, work: () => void) => (timers.push(delayMs), clock.after(delayMs, work)),
  };
  const values = takesMs.map(async (delayMs) => (await sleep(clock, delayMs), delayMs));
  const ended = allWithin(counted, 250, values, straggleMs).then((got) => ({ got, atMs: clock.nowMs() }));
  await clock.pass(1_000);
  return { ...(await ended), timers };
}

describe("all values within a time", () => {
  it("are there when the last has come, or as many as have when it is over", async () => {
    expect(await awaited([10, 30, 20])).toEqual({ got: [10, 30, 20], atMs: 30, timers: [250] });
    expect(await awaited([10, 300, 20])).toEqual({ got: [10, null, 20], atMs: 250, timers: [250] });
  });

  it("wait a little longer once at least half have come, the larger one of an odd number, and never beyond their time", async () => {
    expect(await awaited([400, 10, 20, 500], 100)).toEqual({
      got: [null, 10, 20, null],
      atMs: 120,
      timers: [250, 100],
    });
    expect((await awaited([10, 20, 30, 125, 400], 100)).got).toEqual([10, 20, 30, 125, null]);
    expect(await awaited([200, 200, 400], 100)).toEqual({ got: [200, 200, null], atMs: 250, timers: [250, 100] });
  });

  it("have no other timer where nobody is left to wait for, or may be waited for as long", async () => {
    expect(await awaited([20], 100)).toEqual({ got: [20], atMs: 20, timers: [250] });
    expect(await awaited([20, 30, 300, 300], 250)).toEqual({ got: [20, 30, null, null], atMs: 250, timers: [250] });
  });
});
