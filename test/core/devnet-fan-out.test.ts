import { describe, expect, it } from "vitest";
import { leastSquares } from "../../bench/fan-out/least-squares.ts";
import { monthlyCost } from "../../bench/fan-out/monthly-cost.ts";
import { delays } from "../../bench/fan-out/network.ts";
import { simulateTree, type TreeOptions } from "../../bench/fan-out/simulation.ts";
import { Thread, VirtualTime } from "../../bench/fan-out/virtual-time.ts";

const COSTS = { callMs: 0.1, sessionMs: 1, socketMs: 0.5, beforeMs: 10 };

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
    const { lastMs, rpcCalls, busiestMs } = await tree({});
    expect(lastMs).toBeCloseTo(10 + 0.1 + 5 + 1 + 2 * 0.5);
    expect(rpcCalls).toBe(1);
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

  it("calls each relay and each login once, and divides the callers' work", async () => {
    const { lastMs, rpcCalls, busiestMs } = await tree({ logins: 1_000, relays: 10 });
    expect(rpcCalls).toBe(1_010);
    expect(busiestMs).toBeLessThan(20);
    expect(lastMs).toBeLessThan((await tree({ logins: 1_000 })).lastMs);
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

describe("the month's cost", () => {
  const workload = { logins: 1_000, socketsPerLogin: 5, relays: 0, jobEverySeconds: 12.96, pollEverySeconds: 1 };

  it("takes the included amounts off and follows the prices", () => {
    const cost = monthlyCost(workload, { ...COSTS, sessionMs: 0, socketMs: 0 }, 100);
    expect(cost.jobs).toBe(200_000);
    expect(cost.requests).toBe(200_000 * 1_000 + 2_592_000);
    expect(cost.usd.requests).toBeCloseTo((202.592 - 1) * 0.15);
    // The root awake all month stays within the included 400,000 GB-s.
    expect(cost.gbSeconds).toBeCloseTo(331_776);
    expect(cost.usd.duration).toBe(0);
    expect(cost.usd.rows).toBe(0);
  });

  it("counts what relays add", () => {
    const without = monthlyCost(workload, COSTS, 100);
    const relayed = monthlyCost({ ...workload, relays: 10 }, COSTS, 100);
    expect(relayed.requests - without.requests).toBe(200_000 * 20);
    expect(relayed.rowsWritten - without.rowsWritten).toBe(200_000 * 10);
    expect(relayed.gbSeconds - without.gbSeconds).toBeCloseTo(200_000 * 10 * 0.1 * 0.128);
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
