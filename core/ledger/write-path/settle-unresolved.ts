import type { Clock } from "../../clock.ts";
import type { Outbox } from "./outbox.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { writeOf } from "./send-write.ts";
import type { Settlement } from "./unresolved-records.ts";

/**
 * Settles unresolved records as the operator decides. What is credited goes into the outbox in the same step, as a first attempt: if
 * the ledger still knows the proof of work, it is not credited again. That its round was closed is no matter then.
 * @returns the ids that were settled; the others are not there, or cannot be read and only be dropped
 */
export function settleUnresolved(
  { store, outbox, clock }: { readonly store: OutboxStore; readonly outbox: Outbox; readonly clock: Clock },
  ids: readonly number[],
  action: Settlement,
  note: string,
): number[] {
  return ids.filter((id) =>
    store.atomically(() => {
      const found = store.unresolved.find(id);
      if (action === "credit" && found === null) return false;
      if (!store.unresolved.settle(id, action, note, clock.nowMs())) return false;
      if (action === "credit" && found !== null) outbox.append(writeOf(inTime(found)), false, []);
      return true;
    }),
  );
}

function inTime(found: Parameters<typeof writeOf>[0]): Parameters<typeof writeOf>[0] {
  if (found.record.late !== true) return found;
  if (found.kind === "block") return { kind: "block", record: { ...found.record, late: false } };
  return { kind: "share", record: { ...found.record, late: false } };
}
