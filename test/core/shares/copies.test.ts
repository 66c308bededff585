import { describe, expect, it } from "vitest";
import { Copies, type Decision } from "../../../core/shares/copies.ts";
import type { Judgement } from "../../../core/shares/judgement.ts";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";
import { makeRecord } from "./make-record.ts";

const RIGHT: Judgement = { kind: "share", record: makeRecord(1, 1_700_000_000_000, 1) };
const ACCEPTED: ShareVerdict = { kind: "accepted", block: false };

/** A proof of work of which one submission is under way, and a copy of it, right by itself. */
async function scene() {
  const clock = new VirtualClock();
  const copies = new Copies({ clock, judgedWithinMs: 60_000, endedWithinMs: 1_000 });
  const decision = Promise.withResolvers<Decision>();
  const submit = (decide: () => Promise<Decision>) => copies.submit("proof", async () => RIGHT, decide);
  void submit(() => decision.promise);
  let answer: ShareVerdict | null = null;
  void submit(async () => ({ answer: ACCEPTED })).then((verdict) => (answer = verdict));
  await settled();
  return { clock, decision, answer: () => answer };
}

describe("a copy of a share that is under way", () => {
  it("is no duplicate of one that nothing is certain of: its sender would take it for recorded, and the process may end", async () => {
    const { clock, answer } = await scene();
    await clock.pass(999);
    expect(answer()).toBeNull();
    await clock.pass(1);
    expect(answer()).toEqual({ kind: "unavailable", reason: "not recorded in time" });
  });

  it("is a duplicate of one that was accepted, though what becomes of it in the end is not known yet", async () => {
    const { clock, decision, answer } = await scene();
    decision.resolve({ answer: ACCEPTED, end: new Promise(() => undefined) });
    await clock.pass(1_000);
    expect(answer()).toEqual({ kind: "duplicate" });
  });

  it("takes the place of one that nothing came of", async () => {
    const { clock, decision, answer } = await scene();
    decision.resolve({ answer: { kind: "unavailable", reason: "the ledger is away" } });
    await clock.pass(0);
    expect(answer()).toEqual(ACCEPTED);
  });
});
