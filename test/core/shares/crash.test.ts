import { expect, it } from "vitest";
import type { BlockNode } from "../../../core/shares/block-path.ts";
import { CrashSql } from "../../support/crash-sql.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";
import { blockVerifier, foundBlock, HEIGHT } from "./found-block.ts";
import { Life } from "./life.ts";
import { makeRecord } from "./make-record.ts";

/** Executed at once, and the answer comes to nobody. */
const UNANSWERED: Fault = { kind: "lostAfter", delayMs: 900 };
const FINE: Fault = { kind: "none", delayMs: 10 };

/** Every instant in which something may be on its way to the disk, to a node or to the ledger. */
const INSTANTS_MS = Array.from({ length: 30 }, (_, at) => at);

/** What is written is on the disk: only then a Durable Object's answer leaves it. */
async function gate(sql: CrashSql, clock: VirtualClock): Promise<void> {
  const durable = sql.port().durable();
  await clock.pass(10);
  await durable;
}

it.each(INSTANTS_MS)("a crash %i ms into a replay credits once, although what was not synced is lost", async (atMs) => {
  const clock = new VirtualClock();
  const sql = new CrashSql(clock);
  const faults: Fault[] = [{ kind: "refused" }, UNANSWERED];
  const ledger = new FaultyLedger(clock, () => faults.shift() ?? FINE);
  const life = new Life(sql.port(), ledger, clock, () => 0.5);
  const answer = life.commit.commit({ kind: "share", record: makeRecord(1, 1, 1), retry: false, heldId: null });
  await settled();
  expect(await answer).toBe("recorded");
  await gate(sql, clock);
  await clock.pass(life.outbox.nextAttemptAtMs - clock.nowMs() - 1 + atMs);
  life.kill();
  sql.crash();
  // The blocks of an hour: the proof of work itself is evidence no more.
  ledger.sweep(2_000);
  const next = new Life(sql.port(), ledger, clock, () => 0.5);
  await clock.pass(60_000);
  expect(ledger.credits).toHaveLength(1);
  expect([next.outbox.depth, next.outbox.duplicates, next.store.unresolved.count]).toEqual([0, 0, 0]);
});

/** The node was started again and knows the work no more; a reorganisation has taken the block out of the chain. */
const forgetful = (first: "accepted" | "rejected"): BlockNode => {
  let offers = 0;
  return {
    name: "main",
    submitWork: async () => ({ kind: offers++ === 0 ? first : "rejected" }),
    findBlock: async () => ({ kind: "absent" }),
  };
};

it.each(INSTANTS_MS.flatMap((atMs) => (["accepted", "rejected"] as const).map((answer) => [atMs, answer] as const)))(
  "a crash %i ms after a block was found, which the node %s, credits it once",
  async (atMs, answer) => {
    const faults = [UNANSWERED];
    const clock = new VirtualClock();
    const sql = new CrashSql(clock);
    const nodes = [forgetful(answer)];
    const { ledger, start } = blockVerifier({
      nodes,
      fault: () => faults.shift() ?? FINE,
      clock,
      port: () => sql.port(),
    });
    const life = start();
    void life.submit(foundBlock());
    await clock.pass(atMs);
    life.kill();
    sql.crash();
    const written = ledger.credits.length;
    ledger.sweep(HEIGHT + 1_000);
    const next = start();
    await clock.pass(60_000);
    if (written === 0 && next.state.recordedShares === 0) {
      // Nothing of it was durable yet: nobody had been told, and the session sends it again.
      void next.submit(foundBlock({ retry: true }));
      await clock.pass(60_000);
    }
    expect(ledger.credits).toHaveLength(1);
    expect(ledger.candidates.length).toBeLessThanOrEqual(1);
    expect(next.state).toMatchObject({ outboxDepth: 0, unresolved: 0 });
  },
);

it("a crash in the instant in which a node hears of a block leaves the block to the next life", async () => {
  const clock = new VirtualClock();
  const sql = new CrashSql(clock);
  let offers = 0;
  const node: BlockNode = {
    name: "main",
    submitWork: async () => {
      if (offers++ > 0) return { kind: "accepted" };
      life.kill();
      sql.crash();
      return new Promise(() => undefined);
    },
    findBlock: async () => ({ kind: "absent" }),
  };
  const { ledger, start } = blockVerifier({ nodes: [node], clock, port: () => sql.port() });
  const life = start();
  void life.submit(foundBlock());
  await clock.pass(100);
  start();
  await clock.pass(1_000);
  expect([offers, ledger.candidates.length, ledger.credits.length]).toEqual([2, 1, 1]);
});

it("a block that was sent again is credited once over two crashes, although the ledger has forgotten its proof of work", async () => {
  const clock = new VirtualClock();
  const sql = new CrashSql(clock);
  let hangs = false;
  const node: BlockNode = {
    name: "main",
    submitWork: () => (hangs ? new Promise(() => undefined) : Promise.resolve({ kind: "accepted" })),
    findBlock: async () => ({ kind: "found", as: "block" }),
  };
  const { ledger, start } = blockVerifier({ nodes: [node], clock, port: () => sql.port() });
  const first = start();
  void first.submit(foundBlock());
  await clock.pass(100);
  await gate(sql, clock);
  first.kill();
  sql.crash();
  // The session had no answer and sends it again. This life ends while the node thinks.
  hangs = true;
  const second = start();
  void second.submit(foundBlock({ retry: true }));
  await clock.pass(100);
  second.kill();
  sql.crash();
  hangs = false;
  ledger.sweep(HEIGHT + 1_000);
  const third = start();
  await clock.pass(60_000);
  expect(third.state.outboxDepth).toBe(0);
  expect([ledger.candidates.length, ledger.credits.length]).toEqual([1, 1]);
});
