import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type NewPayment, PaymentStore } from "../../../core/payouts/payer/payment-store.ts";
import type { Payment } from "../../../core/payouts/payer/payment.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";

const begun = (login: string): NewPayment => ({
  kind: "payment",
  login,
  amount: 5n,
  valueWei: 5n,
  gasLimit: 21_000n,
  stage: "planned",
  least: 0n,
  nonce: null,
  attempts: [],
  lost: [],
  bornMs: 0,
  sentMs: null,
  place: null,
  settled: false,
  paidAs: null,
  wasPaidAs: [],
  cancel: false,
  waits: null,
  sinceMs: 0,
});

const stages: Payment["stage"][] = [
  "planned",
  "debited",
  "signed",
  "sent",
  "mined",
  "settled",
  "asking",
  "final",
  "dropped",
];

it("knows at any moment what is under way as one that reads the rows anew does, also where writes were undone", () => {
  const step = fc.record({
    at: fc.nat(9),
    stage: fc.constantFrom(...stages),
    undone: fc.boolean(),
    asked: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const sql = nodeSql();
      const store = new PaymentStore(sql);
      const made: Payment[] = [];
      for (const { at, stage, undone, asked } of steps) {
        const known = made[at];
        const write = (): void => {
          if (known === undefined) made.push(store.insert(begun(`0x${at}`)));
          else store.save({ ...known, stage });
        };
        if (undone) {
          const work = () => {
            write();
            throw new Error("undone");
          };
          const before = made.length;
          expect(() => store.together(work)).toThrow("undone");
          made.length = before;
        } else write();
        if (asked) expect(store.unsettled()).toEqual(new PaymentStore(sql).unsettled());
      }
      expect(store.unsettled()).toEqual(new PaymentStore(sql).unsettled());
    }),
  );
});
