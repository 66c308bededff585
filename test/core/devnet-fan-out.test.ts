import { describe, expect, it } from "vitest";
import { leastSquares } from "../../bench/fan-out/least-squares.ts";
import { delays } from "../../bench/fan-out/network.ts";
import { simulateTree, type TreeOptions } from "../../bench/fan-out/simulation.ts";
import { Thread, VirtualTime } from "../../bench/fan-out/virtual-time.ts";

const COSTS = { callMs: 0.1, sendMs: 0.05, sessionMs: 1, socketMs: 0.5, beforeMs: 10 };

function tree(options: Partial<TreeOptions>): Promise<Awaited<ReturnType<typeof simulateTree>>> {
  return simulateTree({
    logins: 1,
    socketsPerLogin: 2,
    relays: 0,
    costs: COSTS,
    concurrency: 128,
    slowAfterMs: 500,
    networkMs: () => 5,
    ...options,
  });
}

describe("the simulated fan-out", () => {
  it("brings a job to one login after the way before, one call, one way and the session's work", async () => {
    const { lastMs, calls, busiestMs } = await tree({});
    expect(lastMs).toBeCloseTo(10 + 0.1 + 5 + 1 + 2 * 0.5);
    expect(calls).toBe(1);
    expect(busiestMs).toBeCloseTo(0.1);
  });

  it("is bound by the caller's thread where the answers come back soon", async () => {
    const { lastMs } = await tree({ logins: 100 });
    expect(lastMs).toBeCloseTo(10 + 100 * 0.1 + 5 + 2);
  });

  it("is bound by the deliveries under way where the answers take long", async () => {
    // Four waves of 25: one way, the session, and the way back before the next wave.
    const { lastMs } = await tree({ logins: 100, concurrency: 25, networkMs: () => 100 });
    expect(lastMs).toBeGreaterThan(3 * 200 + 100);
    expect(lastMs).toBeLessThan(3 * 210 + 120);
  });

  it("calls each relay, sends to each login once, and divides the senders' work", async () => {
    const { lastMs, p50Ms, p99Ms, calls, messages, busiestMs } = await tree({ logins: 1_000, relays: 10 });
    expect([calls, messages]).toEqual([10, 1_000]);
    expect(busiestMs).toBeLessThan(10);
    expect(p50Ms).toBeLessThan(p99Ms);
    expect(p99Ms).toBeLessThanOrEqual(lastMs);
    expect(lastMs).toBeLessThan((await tree({ logins: 1_000 })).lastMs);
  });

  it("waits for no session where it sends through sockets", async () => {
    // As soon as the relay has it: its thread writes to each, and one way later the last has it.
    const { lastMs } = await tree({ logins: 400, relays: 1, concurrency: 10, networkMs: () => 100 });
    expect(lastMs).toBeCloseTo(10 + 0.1 + 100 + 400 * 0.05 + 100 + 2);
  });

  it("gives the same result for the same seed", async () => {
    const network = { name: "test", medianMs: 10, sigma: 0.5 };
    const run = (seed: number) => tree({ logins: 300, relays: 4, networkMs: delays(network, seed) });
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });
});

describe("virtual time", () => {
  it("lets events happen by time, and in the order asked for within a moment", async () => {
    const time = new VirtualTime();
    const seen: string[] = [];
    for (const [at, name] of [
      [5, "c"],
      [1, "a"],
      [5, "d"],
      [2, "b"],
    ] as const) {
      time.at(at, () => seen.push(`${name}${time.nowMs}`));
    }
    await time.run();
    expect(seen).toEqual(["a1", "b2", "c5", "d5"]);
  });

  it("queues a thread's work", () => {
    const thread = new Thread(new VirtualTime());
    expect([thread.compute(3), thread.compute(4), thread.busyMs]).toEqual([3, 7, 7]);
  });
});

describe("the fit of the measured costs", () => {
  it("finds the coefficients of exact measurements", () => {
    const rows = [
      [1, 25, 25],
      [1, 100, 100],
      [1, 25, 500],
      [1, 400, 400],
    ];
    const values = rows.map(([, sessions = 0, sockets = 0]) => 7 + 0.2 * sessions + 0.03 * sockets);
    const [base, session, socket] = leastSquares(rows, values);
    expect(base).toBeCloseTo(7);
    expect(session).toBeCloseTo(0.2);
    expect(socket).toBeCloseTo(0.03);
  });

  it("refuses measurements that do not tell the coefficients apart", () => {
    const rows = [
      [1, 2, 2],
      [1, 3, 3],
    ];
    expect(() => leastSquares(rows, [1, 2])).toThrow(RangeError);
  });
});
