import { describe, expect, it } from "vitest";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";
import { Life } from "./life.ts";
import { makeBlock, makeRecord } from "./make-record.ts";

const share = (miner: number, ms: number, proof: number) => ({
  kind: "share" as const,
  record: makeRecord(miner, ms, proof),
  retry: false,
  heldId: null,
});
const late = (n: number) => ({ ...share(1, n, n), late: true });
const fine = (delayMs: number): Fault => ({ kind: "none", delayMs });

function setUp(options: { faults?: Fault[]; otherwise?: Fault; commitIntervalMs?: number } = {}) {
  const clock = new VirtualClock();
  const sql = nodeSql();
  const faults = [...(options.faults ?? [])];
  let otherwise = options.otherwise ?? fine(10);
  const ledger = new FaultyLedger(clock, () => faults.shift() ?? otherwise);
  const start = () => new Life(sql, ledger, clock, () => 0.5, options.commitIntervalMs ?? 0);
  const rowsEver = () => Number(sql.exec("SELECT total_changes() AS n")[0]?.["n"]);
  return { clock, sql, ledger, start, rowsEver, heal: () => (otherwise = fine(10)) };
}

/** What promises have become so far, without waiting for them. */
function watch<T>(promises: readonly Promise<T>[]): (T | "open" | "failed")[] {
  const states: (T | "open" | "failed")[] = promises.map(() => "open");
  promises.forEach((promise, at) => {
    promise.then(
      (value) => (states[at] = value),
      () => (states[at] = "failed"),
    );
  });
  return states;
}

describe("group commit", () => {
  it("writes a lone share at once", async () => {
    const { clock, ledger, start } = setUp();
    const states = watch([start().commit.commit(share(1, 1, 1))]);
    await settled();
    expect(ledger.requests).toBe(1);
    await clock.pass(10);
    expect(states).toEqual(["recorded"]);
  });

  it("writes together what was verified together, and what arrives meanwhile in the next write, one at a time", async () => {
    const { clock, ledger, start } = setUp();
    const { commit } = start();
    for (const n of [1, 2, 3]) void commit.commit(share(n, 1, n));
    await clock.pass(5);
    for (const n of [4, 5]) void commit.commit(share(n, 1, n));
    expect(ledger.requests).toBe(1);
    await clock.pass(100);
    expect(ledger.requests).toBe(2);
    expect(ledger.mostInFlight).toBe(1);
    expect(ledger.credited.size).toBe(5);
  });

  it("keeps the commit interval between two writes without delaying the first", async () => {
    const { clock, ledger, start } = setUp({ commitIntervalMs: 500 });
    const { commit } = start();
    void commit.commit(share(1, 1, 1));
    await clock.pass(100);
    expect(ledger.credited.size).toBe(1);
    void commit.commit(share(1, 2, 2));
    await clock.pass(100);
    void commit.commit(share(1, 3, 3));
    await clock.pass(290);
    expect(ledger.requests).toBe(1);
    await clock.pass(30);
    expect(ledger.requests).toBe(2);
    expect(ledger.credited.size).toBe(3);
  });

  it("never lets a share overtake the block before it", async () => {
    const { clock, ledger, start } = setUp();
    const { commit } = start();
    void commit.commit(share(1, 1, 1));
    void commit.commit({ kind: "block", record: makeBlock(1, 2, 2), retry: false, heldId: null });
    void commit.commit(share(1, 3, 3));
    await clock.pass(100);
    expect(ledger.requests).toBe(3);
    expect([...ledger.credited.values()].map((identity) => identity.split("/")[2])).toEqual(["1", "2", "3"]);
    expect(ledger.candidates).toHaveLength(1);
  });

  it("says that a late share is stale once a block of its height is recorded, and keeps the promise to one that waited too long for that", async () => {
    const { clock, ledger, start, rowsEver } = setUp({ faults: [fine(10), fine(10), fine(3_000)] });
    const { commit } = start();
    void commit.commit({ kind: "block", record: makeBlock(1, 1, 1), retry: false, heldId: null });
    await clock.pass(20);
    const refused = watch([commit.commit(late(2))]);
    await clock.pass(20);
    expect(refused).toEqual(["stale"]);
    const before = rowsEver();
    // The ledger is slow: the miner is told that it counts before the ledger says anything.
    const promised = watch([commit.commit(late(3))]);
    await clock.pass(1_500);
    expect(promised).toEqual(["recorded"]);
    expect(rowsEver()).toBeGreaterThan(before);
    await clock.pass(60_000);
    expect([...ledger.credited.values()].map((identity) => identity.split("/")[2])).toEqual(["1", "3"]);
  });

  it("writes no row while the ledger answers", async () => {
    const { clock, start, rowsEver } = setUp();
    const { commit } = start();
    const before = rowsEver();
    for (let n = 0; n < 50; n++) void commit.commit(share(n % 5, n, n));
    await clock.pass(1_000);
    expect(rowsEver()).toBe(before);
  });

  it("refuses a record that must not reach the books without harming the others", async () => {
    const { clock, start } = setUp();
    const { commit } = start();
    const bad = share(1, 1, 1);
    const states = watch([
      commit.commit({ ...bad, record: { ...bad.record, worker: "a:b" } }),
      commit.commit(share(1, 2, 2)),
    ]);
    await clock.pass(100);
    expect(states).toEqual(["failed", "recorded"]);
  });
});

describe("the durable outbox", () => {
  // Defect 4 of the reference: a ledger failure after the pow check loses the share, and its retry is a "duplicate".
  it("keeps an acknowledged share when the answer to its write is lost, and credits it once", async () => {
    const { clock, ledger, start } = setUp({ faults: [{ kind: "lostAfter", delayMs: 50 }] });
    const life = start();
    const states = watch([life.commit.commit(share(1, 1, 1))]);
    await clock.pass(60);
    expect(states).toEqual(["recorded"]);
    expect(life.outbox.depth).toBe(1);
    await clock.pass(5_000);
    expect(life.outbox.depth).toBe(0);
    expect(life.outbox.duplicates).toBe(0);
    expect(ledger.totals.get(makeRecord(1, 1, 1).login)).toBe(1000n);
  });

  it("acknowledges at once during an outage, and replays in order when it ends", async () => {
    const { clock, ledger, start, heal } = setUp({ otherwise: { kind: "refused" } });
    const life = start();
    const states = watch([1, 2, 3, 4].map((n) => life.commit.commit(share(n, n, n))));
    await clock.pass(1);
    expect(states).toEqual(["recorded", "recorded", "recorded", "recorded"]);
    await clock.pass(120_000);
    void life.commit.commit(share(5, 5, 5));
    await clock.pass(60_000);
    // Every three seconds: the pool is to be out of the outbox five seconds after the ledger's recovery.
    expect(ledger.requests).toBeLessThan(70);
    heal();
    await clock.pass(15_000);
    expect(life.outbox.depth).toBe(0);
    expect([...ledger.credited.values()].map((identity) => identity.split("/")[2])).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("survives the end of the object, wherever the request was", async () => {
    for (const fault of [
      { kind: "refused" },
      { kind: "lostBefore", delayMs: 20 },
      { kind: "lostAfter", delayMs: 20 },
      { kind: "late", delayMs: 20, executedAfterMs: 40_000 },
    ] as const) {
      const { clock, ledger, start } = setUp({ faults: [fault, fault] });
      const first = start();
      const states = watch([first.commit.commit(share(1, 1, 1))]);
      // Into the replay, which may or may not be executed.
      await clock.pass(600);
      first.kill();
      expect(states).toEqual(["recorded"]);
      const second = start();
      await clock.pass(60_000);
      expect(second.outbox.depth).toBe(0);
      expect([...ledger.totals.values()]).toEqual([1000n]);
    }
  });

  it("drains through a line on which large requests never come back in time", async () => {
    const clock = new VirtualClock();
    const sql = nodeSql();
    let down = true;
    const ledger = new FaultyLedger(clock, (shares): Fault => {
      if (down) return { kind: "refused" };
      return shares > 250 ? { kind: "lostBefore", delayMs: 1_000 } : fine(10);
    });
    const life = new Life(sql, ledger, clock, () => 0.5);
    for (let n = 0; n < 900; n++) void life.commit.commit(share(n % 7, n, n));
    await clock.pass(100);
    expect(life.outbox.depth).toBe(900);
    down = false;
    await clock.pass(120_000);
    expect(life.outbox.depth).toBe(0);
    expect(ledger.credits).toHaveLength(900);
    // And the same while nothing was wrong before.
    for (let n = 1_000; n < 1_900; n++) void life.commit.commit(share(n % 7, n, n));
    await clock.pass(120_000);
    expect(ledger.credits).toHaveLength(1_800);
    expect(life.outbox.depth).toBe(0);
  });

  it("knows its own: a retry is accepted, a copy is a duplicate", async () => {
    const { clock, start } = setUp({ otherwise: { kind: "refused" } });
    const { commit } = start();
    void commit.commit(share(1, 1, 1));
    await clock.pass(1);
    const states = watch([
      commit.commit({ ...share(1, 1, 1), retry: true }),
      commit.commit(share(1, 2, 1)),
      commit.commit(share(2, 9, 7)),
      commit.commit(share(3, 9, 7)),
    ]);
    await settled();
    expect(states).toEqual(["recorded", "duplicate", "recorded", "duplicate"]);
  });

  it("acknowledges a write that takes long from durable storage, and does not send it twice", async () => {
    const { clock, ledger, start } = setUp({ faults: [fine(4_000)] });
    const life = start();
    const states = watch([life.commit.commit(share(1, 1, 1))]);
    await clock.pass(500);
    states.push(...watch([life.commit.commit(share(1, 2, 2))]));
    await clock.pass(499);
    expect(states[0]).toBe("open");
    await clock.pass(2);
    expect(states[0]).toBe("recorded");
    expect(life.outbox.depth).toBe(2);
    expect(ledger.requests).toBe(1);
    await clock.pass(5_000);
    expect(life.outbox.depth).toBe(0);
    expect(ledger.requests).toBe(2);
    expect(ledger.mostInFlight).toBe(1);
    expect([...ledger.totals.values()]).toEqual([2000n]);
  });

  it("hands what cannot be resolved to the operator and goes on", async () => {
    const { clock, sql, start } = setUp({ otherwise: { kind: "lostBefore", delayMs: 1 } });
    const first = start();
    void first.commit.commit(share(1, 1, 1));
    await clock.pass(100);
    first.kill();
    const ledger = new FaultyLedger(clock, () => fine(1));
    const writer = ledger.connect();
    ledger.connect = () => ({ ...writer, recordShares: (batch) => Promise.resolve(batch.map(() => "unresolved")) });
    const second = new Life(sql, ledger, clock, () => 0.5);
    await clock.pass(1_000);
    expect(second.outbox.depth).toBe(0);
    expect(second.store.unresolved.count).toBe(1);
    expect(second.unresolved.map((one) => one.record)).toEqual([makeRecord(1, 1, 1)]);
    expect(sql.exec("SELECT body FROM unresolved")[0]?.["body"]).toContain(makeRecord(1, 1, 1).nonce);
  });

  it("does not acknowledge what durable storage refuses", async () => {
    const { clock, start, sql } = setUp({ otherwise: { kind: "refused" } });
    const life = start();
    sql.exec("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    const states = watch([life.commit.commit(share(1, 1, 1))]);
    await clock.pass(10);
    expect(states).toEqual(["failed"]);
    expect(life.outbox.depth).toBe(0);
  });
});
