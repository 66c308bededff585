import * as fc from "fast-check";
import { expect, it } from "vitest";
import { identityOf } from "../../../core/share-identity.ts";
import type { ShareRecord } from "../../../core/ledger/contract/records.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { campaignRuns } from "../../support/campaign-runs.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { Life } from "./life.ts";
import { makeBlock, makeRecord } from "./make-record.ts";

const delayMs = fc.integer({ min: 0, max: 3_000 });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("none" as const), delayMs }) },
  fc.record({ kind: fc.constant("refused" as const) }),
  fc.record({ kind: fc.constant("denied" as const) }),
  fc.record({ kind: fc.constant("lostBefore" as const), delayMs }),
  fc.record({ kind: fc.constant("lostAfter" as const), delayMs }),
  fc.record({
    kind: fc.constant("late" as const),
    delayMs,
    executedAfterMs: fc.integer({ min: 3_000, max: 30_000 }),
  }),
);

/** What fails, often fails in the same way for a while. */
const outage = fc.tuple(fault, fc.integer({ min: 1, max: 8 })).map(([one, times]) => Array<Fault>(times).fill(one));

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("share" as const), miner: fc.nat(3), proof: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("block" as const), miner: fc.nat(3), proof: fc.nat(30) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 4_000 }) }) },
  // Much later heights: another shard's write sweeps the proofs of work.
  { weight: 1, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
  // The object dies; the session sends again what it had no answer to.
  { weight: 2, arbitrary: fc.record({ do: fc.constant("kill" as const) }) },
  // A follower that lacks the last second takes over, and the connection breaks over it.
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const) }) },
  // A key of one login gets a wrong type, or is mended.
  { weight: 1, arbitrary: fc.record({ do: fc.constant("spoil" as const), miner: fc.nat(3) }) },
);

interface Sent {
  readonly record: ShareRecord;
  readonly block: boolean;
  answer: string | null;
}

it("credits every acknowledged share exactly once, and nothing else, whatever fails at whatever instant", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.array(outage, { maxLength: 12 }), async (steps, outages) => {
      const clock = new VirtualClock();
      const sql = nodeSql();
      const line = outages.flat();
      const ledger = new FaultyLedger(clock, () => line.shift() ?? { kind: "none", delayMs: 10 });
      const sent: Sent[] = [];
      let life = new Life(sql, ledger, clock, () => 0.5);
      const submit = (one: Sent, retry: boolean) => {
        const mine = life;
        const committed = one.block
          ? mine.commitBlock({ ...makeBlock(0, 0, 0), ...one.record }, retry)
          : mine.commit.commit({ kind: "share", record: one.record, retry, heldId: null });
        committed.then(
          (outcome) => mine === life && (one.answer ??= outcome),
          () => mine === life && (one.answer ??= "failed"),
        );
      };
      let killedAtMs = clock.nowMs();
      for (const [at, action] of steps.entries()) {
        if (action.do === "spoil") {
          const { login } = makeRecord(action.miner, 0, 0);
          if (!ledger.refusedLogins.delete(login)) ledger.refusedLogins.add(login);
        } else if (action.do === "lose") {
          // What a life that has ended was told cannot be known to the next one.
          ledger.loseLast(Math.min(1_000, clock.nowMs() - killedAtMs - 1));
          line.length = 0;
          line.push({ kind: "refused" });
          const one: Sent = { record: makeRecord(9, at, 1_000 + at), block: false, answer: null };
          sent.push(one);
          submit(one, false);
          await clock.pass(10_000);
        } else if (action.do === "wait") await clock.pass(action.ms);
        else if (action.do === "sweep") {
          // Eight heights take longer than any request is on its way.
          await clock.pass(31_000);
          while (ledger.late > 0) await clock.pass(1_000);
          ledger.sweep(2_000);
        } else if (action.do === "kill") {
          life.kill();
          killedAtMs = clock.nowMs();
          life = new Life(sql, ledger, clock, () => 0.5);
          life.resumeBlocks();
          for (const one of sent) if (one.answer === null) submit(one, true);
        } else {
          const record = makeRecord(action.miner, at, action.proof);
          const one: Sent = { record, block: action.do === "block", answer: null };
          sent.push(one);
          submit(one, false);
        }
      }
      line.length = 0;
      ledger.refusedLogins.clear();
      // The longest pause before a refused login is tried again is ten minutes.
      await clock.pass(1_300_000);

      expect(life.outbox.depth).toBe(0);
      expect(life.store.unresolved.count).toBe(0);
      expect(life.store.held()).toEqual([]);
      const known = new Set(sent.map((one) => identityOf(one.record)));
      for (const owner of ledger.credits) expect(known.has(owner)).toBe(true);
      for (const one of sent) {
        expect(one.answer).toMatch(/^(recorded|duplicate)$/);
        // Credited, to the miner itself unless somebody had brought the same proof of work while the ledger was away.
        const { nonce, header, mixDigest } = one.record;
        expect(ledger.credited.has(`${nonce}:${header}:${mixDigest}`)).toBe(true);
      }
      expect(new Set(ledger.credits).size).toBe(ledger.credits.length);
      for (const one of sent) {
        if (ledger.credits.includes(identityOf(one.record))) expect(one.answer).toBe("recorded");
      }
      const total = [...ledger.totals.values()].reduce((sum, part) => sum + part, 0n);
      expect(total).toBe(1000n * BigInt(ledger.credits.length));
      sql.close();
    }),
    { seed: 20261122, numRuns: campaignRuns(1500, 300) },
  );
});
