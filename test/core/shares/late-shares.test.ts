import { describe, expect, it } from "vitest";
import type { ShareRecord } from "../../../core/ledger/contract/records.ts";
import type { BlockNode } from "../../../core/shares/block-path.ts";
import type { SubmitWorkResult } from "../../../core/work/node-client.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { blockVerifier, foundBlock, HEIGHT } from "./found-block.ts";
import { Life } from "./life.ts";
import { makeBlock, makeRecord } from "./make-record.ts";

const WELL: Fault = { kind: "none", delayMs: 10 };
const AWAY: Fault = { kind: "refused" };
const MINUTE = 60_000;

/** A verifier's writing half before a ledger that is as it is told, and another verifier that finds a block. */
function setUp() {
  const clock = new VirtualClock();
  const sql = nodeSql();
  let now: Fault = WELL;
  const ledger = new FaultyLedger(clock, () => now);
  const start = () => new Life(sql, ledger, clock, () => 0.5);
  const closeRound = async () => {
    const closing = ledger.connect().recordBlock(makeBlock(9, 9, 9), false);
    await clock.pass(100);
    expect(await closing).toBe("recorded");
  };
  return { clock, ledger, start, closeRound, is: (fault: Fault) => (now = fault) };
}

/** Handed in when the round of its height was closed. */
const lateShare = (proof: number, miner = 1): ShareRecord => ({ ...makeRecord(miner, proof, proof), late: true });

const commit = (life: Life, record: ShareRecord, more: { readonly retry?: boolean; readonly late?: boolean } = {}) =>
  life.commit.commit({ kind: "share", record, retry: false, heldId: null, ...more });

describe("a share of a closed round, while the ledger is away,", () => {
  it("is stale at once: it would be in the next round when the outbox is emptied, and nothing is promised", async () => {
    const { clock, ledger, start, closeRound, is } = setUp();
    const life = start();
    await closeRound();
    is(AWAY);
    const told = [commit(life, lateShare(1)), commit(life, makeRecord(2, 2, 2)), commit(life, lateShare(3))];
    await clock.pass(100);
    told.push(commit(life, lateShare(4)));
    await clock.pass(100);
    expect(await Promise.all(told)).toEqual(["stale", "recorded", "stale", "stale"]);
    expect(life.outbox.depth).toBe(1);
    is(WELL);
    await clock.pass(MINUTE);
    expect(ledger.credits).toHaveLength(2);
  });

  it("is stale at once also for a login that Redis refuses", async () => {
    const { clock, ledger, start, closeRound } = setUp();
    const life = start();
    await closeRound();
    ledger.refusedLogins.add(makeRecord(1, 1, 1).login);
    const told = [commit(life, makeRecord(1, 1, 1))];
    await clock.pass(1_000);
    told.push(commit(life, lateShare(2)));
    await clock.pass(1_000);
    expect(await Promise.all(told)).toEqual(["recorded", "stale"]);
    ledger.refusedLogins.clear();
    await clock.pass(10 * MINUTE);
    expect(ledger.credits).toHaveLength(2);
  });

  it.each([
    [
      "and is on its way when the answer is late, is called stale, and is stale where the ledger has the block, in whatever life",
      1,
    ],
    ["and was written although the answer was lost, is called stale, and is in its own round once", 2],
  ])("%s", async (_, credits) => {
    const { clock, ledger, start, closeRound, is } = setUp();
    let life = start();
    is(credits === 1 ? { kind: "lostBefore", delayMs: 3_000 } : { kind: "lostAfter", delayMs: 3_000 });
    const told = commit(life, lateShare(1));
    await clock.pass(1_100);
    expect(await told).toBe("stale");
    const again = commit(life, lateShare(1), { retry: true });
    await clock.pass(1_100);
    expect(await again).toBe("stale");
    life.kill();
    is(WELL);
    await closeRound();
    life = start();
    await clock.pass(MINUTE);
    expect(life.outbox.depth).toBe(0);
    expect(ledger.credits).toHaveLength(credits);
  });

  it("counts where it was late for newer work only: no block of the pool's was known when it was promised", async () => {
    const { clock, ledger, start, closeRound, is } = setUp();
    const life = start();
    is({ kind: "lostBefore", delayMs: 3_000 });
    const told = commit(life, makeRecord(1, 1, 1), { late: true });
    await clock.pass(1_100);
    expect(await told).toBe("recorded");
    is(WELL);
    await closeRound();
    await clock.pass(MINUTE);
    expect(ledger.credits).toHaveLength(2);
  });

  it("is written again where a follower of the ledger's has forgotten it: it was counted in its round", async () => {
    const { clock, ledger, start, closeRound } = setUp();
    const life = start();
    const told = commit(life, lateShare(1));
    await clock.pass(100);
    expect(await told).toBe("recorded");
    ledger.loseLast(1_000);
    await closeRound();
    life.outbox.doubt();
    life.commit.wake();
    await clock.pass(MINUTE);
    expect(ledger.credits).toHaveLength(2);
  });
});

describe("a late block that no node takes", () => {
  const node: BlockNode = {
    name: "main",
    submitWork: async () => ({ kind: "rejected" }),
    findBlock: async () => ({ kind: "absent" }),
  };

  it.each<[string, { workHeight?: number; roundClosed?: boolean }, Fault]>([
    ["where the pool's own block has closed its round", { workHeight: HEIGHT + 1 }, WELL],
    ["while there is no newer work", { roundClosed: true }, WELL],
    ["while the ledger is away", { roundClosed: true }, AWAY],
  ])("is a share %s: who held it back risked a block", async (_, more, after) => {
    let now: Fault = WELL;
    const { clock, ledger, start } = blockVerifier({ nodes: [node], fault: () => now });
    const verifier = start();
    void ledger.connect().recordBlock({ ...makeBlock(9, 9, 9, HEIGHT) }, false);
    await clock.pass(100);
    now = after;
    const { roundClosed = false, ...submitted } = more;
    const block = foundBlock(submitted);
    const told = verifier.submit({ ...block, job: { ...block.job, roundClosed } });
    await clock.pass(2_000);
    expect(await told).toMatchObject({ kind: "accepted" });
    now = WELL;
    await clock.pass(MINUTE);
    expect(ledger.credits).toHaveLength(2);
    expect(verifier.health).toMatchObject({ lateStale: 0, outboxDepth: 0 });
  });

  it("counts where its miner was told true before the nodes had said no", async () => {
    const { promise, resolve } = Promise.withResolvers<SubmitWorkResult>();
    const slow: BlockNode = { ...node, submitWork: () => promise };
    const { clock, ledger, start } = blockVerifier({ nodes: [slow] });
    const verifier = start();
    void ledger.connect().recordBlock(makeBlock(9, 9, 9, HEIGHT), false);
    const told = verifier.submit(foundBlock({ workHeight: HEIGHT + 1 }));
    await clock.pass(1_100);
    expect(await told).toEqual({ kind: "accepted", block: true });
    resolve({ kind: "rejected" });
    await clock.pass(1_000);
    expect(ledger.credits).toHaveLength(2);
    expect(verifier.health.lateStale).toBe(0);
  });
});
