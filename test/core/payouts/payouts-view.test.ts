import { describe, expect, it } from "vitest";
import { accountPayoutBody, payoutsBody, type AccountDue } from "../../../core/api/payouts-view.ts";
import type { PaymentProgress, PayoutProgress } from "../../../core/payouts/payer/payer-view.ts";

const [A, B] = [`0x${"aa".repeat(20)}`, `0x${"bb".repeat(20)}`];
const NOW_S = 1_700_000_000;
const payment = (over: Partial<PaymentProgress>): PaymentProgress => ({
  id: 7,
  login: A,
  amountShannon: "600000000",
  stage: "sent",
  nonce: 3,
  hash: `0x${"01".repeat(32)}`,
  confirmations: null,
  reason: null,
  bornMs: NOW_S * 1000 + 999,
  ...over,
});
const progress = (over: Partial<PayoutProgress> = {}): PayoutProgress => ({
  confirmations: 20,
  finalDepth: 10_000,
  nextRunMs: (NOW_S + 600) * 1000,
  paused: null,
  payments: [],
  waits: null,
  ...over,
});
const due = (over: Partial<AccountDue> = {}): AccountDue => ({
  balance: 400_000_000n,
  threshold: 500_000_000n,
  estimatePerDay: 100_000_001n,
  nowS: NOW_S,
  ...over,
});

describe("the pool's payments on their way", () => {
  it("have stage, transaction, confirmations and reason, and leave out who wants to be in no list", () => {
    const payments = [payment({ confirmations: 4, stage: "mined" }), payment({ login: B, reason: "why", hash: null })];
    expect(payoutsBody(progress({ payments }), new Set([A]))).toEqual({
      confirmations: 20,
      finalDepth: 10_000,
      nextRun: NOW_S + 600,
      paused: null,
      payments: [
        {
          address: B,
          amount: 600_000_000,
          timestamp: NOW_S,
          stage: "sent",
          tx: null,
          confirmations: null,
          reason: "why",
        },
      ],
    });
    expect(payoutsBody(progress({ payments }), new Set()).payments[0]).toMatchObject({
      confirmations: 4,
      tx: payments[0]?.hash,
    });
  });
});

describe("a miner's next payment", () => {
  it.each<[string, Partial<PayoutProgress>, Partial<AccountDue>, object]>([
    [
      "is the next run where the balance is above the threshold",
      {},
      { balance: 500_000_001n },
      { missing: 0, expected: NOW_S + 600 },
    ],
    ["lacks one Shannon at the threshold", {}, { balance: 500_000_000n }, { missing: 1, threshold: 500_000_000 }],
    [
      "is expected by what the miner earns a day",
      {},
      {},
      { missing: 100_000_001, expected: NOW_S + 86_400, reason: null },
    ],
    ["is not before the next run", { nextRunMs: (NOW_S + 99_999) * 1000 }, {}, { expected: NOW_S + 99_999 }],
    ["is now where a run is under way", { nextRunMs: 5_000 }, { balance: 900_000_000n }, { expected: NOW_S }],
    ["is not foretold where nothing is earned", {}, { estimatePerDay: 0n }, { expected: null }],
    ["is not foretold where nothing is known", {}, { estimatePerDay: null }, { expected: null }],
    ["is not foretold beyond ten years", {}, { estimatePerDay: 1n }, { expected: null }],
    [
      "is not foretold while payments are paused",
      { paused: "a fork" },
      { balance: 900_000_000n },
      { expected: null, paused: "a fork" },
    ],
    [
      "says why it waits although it is due",
      { waits: "held" },
      { balance: 900_000_000n },
      { expected: null, reason: "held" },
    ],
  ])("%s", (_what, over, known, wanted) => {
    expect(accountPayoutBody(progress(over), due(known))).toMatchObject(wanted);
  });
});
