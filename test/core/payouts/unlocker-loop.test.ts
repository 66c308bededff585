import { describe, expect, it } from "vitest";
import { createLogger } from "../../../core/log.ts";
import { UnlockerLoop } from "../../../core/payouts/unlocker-loop.ts";
import { EMPTY_STATE, type UnlockerState } from "../../../core/payouts/unlocker-state.ts";

function open(run: (state: UnlockerState) => Promise<{ state: UnlockerState; more: boolean }>) {
  const told: string[] = [];
  const world = { stored: undefined as unknown, alarmAt: null as number | null, nowMs: 1_000 };
  const loop = new UnlockerLoop({
    unlocker: { run },
    store: { read: () => world.stored, write: (state) => (world.stored = state) },
    alarm: {
      get: async () => world.alarmAt,
      set: async (atMs) => void (world.alarmAt = atMs),
    },
    intervalMs: 600_000,
    nowMs: () => world.nowMs,
    log: createLogger({ level: "info", sink: (line) => told.push(line), now: () => world.nowMs }),
  });
  return { loop, world, told };
}

describe("the unlocker's alarm", () => {
  it("is set for the next run before this one begins, so that nothing that fails can stop the loop", async () => {
    const seen: (number | null)[] = [];
    const { loop, world, told } = open(async () => {
      seen.push(world.alarmAt);
      throw new Error("a defect");
    });
    await loop.tick();
    expect(seen).toEqual([601_000]);
    expect(world.alarmAt).toBe(601_000);
    expect(told.join()).toContain("a defect");
  });

  it("comes at once where more blocks are due", async () => {
    const { loop, world } = open(async (state) => ({ state: { ...state, lastRunMs: 5 }, more: true }));
    await loop.tick();
    expect(world.alarmAt).toBe(2_000);
    expect(loop.status().lastRunMs).toBe(5);
  });

  it("is set by cron where it was lost, and left alone where it is set", async () => {
    const { loop, world } = open(async (state) => ({ state, more: false }));
    await loop.guard();
    expect(world.alarmAt).toBe(1_000);
    world.alarmAt = 77;
    await loop.guard();
    expect(world.alarmAt).toBe(77);
  });

  it("runs once at a time: who asks meanwhile waits for the run that is under way", async () => {
    let runs = 0;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const { loop } = open(async (state) => {
      runs += 1;
      await promise;
      return { state, more: false };
    });
    const both = Promise.all([loop.run(), loop.run()]);
    resolve(undefined);
    await both;
    expect(runs).toBe(1);
  });

  it("begins anew with what another version stored", async () => {
    const states: UnlockerState[] = [];
    const { loop, world } = open(async (state) => {
      states.push(state);
      return { state, more: false };
    });
    world.stored = { v: 99, waiting: "?" };
    await loop.run();
    expect(states).toEqual([EMPTY_STATE]);
  });
});
