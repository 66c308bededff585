import { expect, it } from "vitest";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { Life } from "./life.ts";
import { makeRecord } from "./make-record.ts";

const VERIFIERS = 7;
const PROOFS = 40;

// Case A4 between verifiers; docs/decisions/0054-one-proof-at-several-verifiers.md.
it("credits a proof of work once that several verifiers said true to while the ledger was away, and accounts for each true", async () => {
  const clock = new VirtualClock();
  let line: Fault = { kind: "refused" };
  const ledger = new FaultyLedger(clock, () => line);
  const lives = Array.from({ length: VERIFIERS }, () => new Life(nodeSql(), ledger, clock, () => 0.5));
  const trues: string[] = [];
  const submit = (from: number, proof: number, ms: number) =>
    lives[from]?.commit
      .commit({ kind: "share", record: makeRecord(from + 1, ms, proof), retry: false, heldId: null })
      .then((outcome) => outcome === "recorded" && trues.push(`${from}/${proof}`));
  for (let proof = 0; proof < PROOFS; proof += 1)
    for (let from = 0; from < VERIFIERS; from += 1) {
      // Twice to each: a verifier knows what it holds itself.
      void submit(from, proof, 1_000 + proof);
      await clock.pass(20);
      void submit(from, proof, 9_000 + proof);
    }
  await clock.pass(5_000);
  expect(trues).toHaveLength(VERIFIERS * PROOFS);
  line = { kind: "none", delayMs: 10 };
  await clock.pass(60_000);
  const duplicates = lives.reduce((sum, { outbox }) => sum + outbox.duplicates, 0);
  expect(lives.map(({ outbox }) => outbox.depth)).toEqual(lives.map(() => 0));
  expect(ledger.credits).toHaveLength(PROOFS);
  expect(ledger.credits.length + duplicates).toBe(trues.length);
  expect([...ledger.totals.values()].reduce((sum, part) => sum + part, 0n)).toBe(1_000n * BigInt(PROOFS));
  // While the ledger answers nobody is told true twice.
  for (let from = 0; from < VERIFIERS; from += 1) void submit(from, PROOFS, 20_000);
  await clock.pass(1_000);
  expect(trues).toHaveLength(VERIFIERS * PROOFS + 1);
});
