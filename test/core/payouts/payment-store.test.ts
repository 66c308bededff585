import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type Payment, STAGES } from "../../../core/payouts/payer/payment.ts";
import { PaymentStore } from "../../../core/payouts/payer/payment-store.ts";
import { filler } from "../../../core/payouts/payer/planning.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";

it("knows at any moment what is under way as one that reads the rows anew does, also where writes were undone", () => {
  const step = fc.record({
    at: fc.nat(9),
    stage: fc.constantFrom(...STAGES),
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
          if (known === undefined) made.push(store.insert(filler(`0x${at}`, 21_000n, 0)));
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
