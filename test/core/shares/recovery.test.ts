import { describe, expect, it } from "vitest";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { IS_WHOLE } from "../../support/campaign-runs.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { Life } from "./life.ts";
import { makeBlock, makeRecord } from "./make-record.ts";

const EVERY_MS = 26;

function setUp(well: Fault) {
  const clock = new VirtualClock();
  const sql = nodeSql();
  let now = well;
  const ledger = new FaultyLedger(clock, () => now);
  const life = new Life(sql, ledger, clock, () => 0.5);
  const rowsEver = () => Number(sql.exec("SELECT total_changes() AS n")[0]?.["n"]);
  let sent = 0;
  const answers: { readonly sentAtMs: number; answeredAtMs: number | null }[] = [];
  /** 38 shares a second. */
  const load = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += EVERY_MS) {
      sent += 1;
      const one: (typeof answers)[number] = { sentAtMs: clock.nowMs(), answeredAtMs: null };
      answers.push(one);
      const entry = { kind: "share" as const, record: makeRecord(sent % 20, sent, sent), retry: false, heldId: null };
      void life.commit.commit(entry).then(() => (one.answeredAtMs = clock.nowMs()));
      await clock.pass(EVERY_MS);
    }
  };
  return { clock, ledger, life, rowsEver, load, answers, sent: () => sent, is: (fault: Fault) => (now = fault) };
}

describe("a ledger that is well again", () => {
  // Case A8: every share went through the outbox for as long as the load lasted.
  const troubles: [string, Fault, number, number][] = [
    ["quota errors for 3 s", { kind: "denied" }, 3_000, 50],
    ["connections refused for 3 s", { kind: "refused" }, 3_000, 50],
    ["no answer for 3 s", { kind: "lostBefore", delayMs: 5_000 }, 3_000, 50],
    ["quota errors for ten minutes, and answers in 200 ms", { kind: "denied" }, 600_000, 200],
    ["quota errors for a minute, and answers in 700 ms", { kind: "denied" }, 60_000, 700],
  ];
  // Ten minutes of it are 23,000 shares.
  it.each(troubles.filter(([, , forMs]) => IS_WHOLE || forMs < 600_000))(
    "is written once a share within 5 s under 38 shares a second, after %s",
    async (_, fault, forMs, delayMs) => {
      const { ledger, life, rowsEver, load, answers, sent, is, clock } = setUp({ kind: "none", delayMs });
      await load(2_000);
      is(fault);
      await load(forMs);
      is({ kind: "none", delayMs });
      // What is under way when it recovers ends first.
      await load(fault.kind === "lostBefore" ? 10_000 : 5_000 + (delayMs > 500 ? 5_000 : 0));
      expect(life.outbox.depth).toBe(0);
      const before = rowsEver();
      await load(30_000);
      expect(rowsEver()).toBe(before);
      await clock.pass(5_000);
      expect(ledger.credits).toHaveLength(sent());
      expect(new Set(ledger.credits).size).toBe(sent());
      const slowest = Math.max(...answers.map((one) => (one.answeredAtMs ?? Infinity) - one.sentAtMs));
      expect(slowest).toBeLessThanOrEqual(2_000);
    },
  );
});

describe("a ledger that loses what it had acknowledged last", () => {
  it("has it again after the connection broke", async () => {
    const { ledger, load, sent, is, clock } = setUp({ kind: "none", delayMs: 50 });
    await load(20_000);
    ledger.loseLast(1_000);
    is({ kind: "refused" });
    await load(500);
    is({ kind: "none", delayMs: 50 });
    await load(10_000);
    await clock.pass(5_000);
    expect(new Set(ledger.credits).size).toBe(sent());
    expect(ledger.credits).toHaveLength(sent());
  });

  it("has its block again, and the round's shares before it", async () => {
    const { ledger, load, life, is, clock } = setUp({ kind: "none", delayMs: 50 });
    await load(500);
    const record = makeBlock(7, 900_000, 900_000);
    void life.commit.commit({ kind: "block", record, retry: false, heldId: null });
    await load(400);
    ledger.loseLast(700);
    expect(ledger.candidates).toHaveLength(0);
    is({ kind: "refused" });
    await load(100);
    is({ kind: "none", delayMs: 50 });
    await clock.pass(5_000);
    expect(ledger.candidates).toHaveLength(1);
    const at = ledger.credits.findIndex((identity) => identity.endsWith("/900000"));
    const before = ledger.credits.slice(0, at).map((identity) => Number(identity.split("/")[2]));
    // All but what was on its way while it was lost.
    expect(before.filter((number) => number > 21).length).toBeLessThanOrEqual(2);
  });

  it("has it again when the operator asks for it, without any error", async () => {
    const { ledger, load, life, sent, clock } = setUp({ kind: "none", delayMs: 50 });
    await load(20_000);
    ledger.loseLast(1_000);
    expect(life.outbox.doubt()).toBeGreaterThan(700);
    life.commit.wake();
    await clock.pass(5_000);
    expect(ledger.credits).toHaveLength(sent());
  });

  it("is sent no more than the last minute, and a bounded number of records", async () => {
    const { load, life, clock } = setUp({ kind: "none", delayMs: 50 });
    await load(120_000);
    await clock.pass(1_000);
    expect(life.outbox.doubt()).toBeLessThanOrEqual((60_000 / EVERY_MS) * 1.05);
  });
});
