import type { BlockRecord, RecordOutcome, ShareRecord } from "../contract/records.ts";
import type { OutboxRow } from "./outbox-store.ts";
import { recordsOf, type LedgerWrite } from "./send-write.ts";
import { TOO_OLD, type UnresolvedRecord } from "./unresolved-records.ts";

/** The most shares of one row. */
const LARGEST_ROW = 50;

/** A write in the pieces that become rows: what a row holds is sent as a whole or not at all. */
export function split(write: LedgerWrite): LedgerWrite[] {
  if (write.kind === "block") return [write];
  const pieces: LedgerWrite[] = [];
  for (let at = 0; at < write.records.length; at += LARGEST_ROW)
    pieces.push({ kind: "shares", records: write.records.slice(at, at + LARGEST_ROW) });
  return pieces;
}

/** Share writes as one; a block stands alone. */
export function merge(rows: readonly OutboxRow[]): LedgerWrite {
  const first = rows[0]?.write;
  return first?.kind === "block" ? first : { kind: "shares", records: rows.flatMap((row) => recordsOf(row.write)) };
}

/** The part of a write that `keep` chooses; null when it chooses nothing. */
export function pick(write: LedgerWrite, keep: (record: ShareRecord) => boolean): LedgerWrite | null {
  if (write.kind === "block") return keep(write.record) ? write : null;
  const records = write.records.filter(keep);
  return records.length > 0 ? { kind: "shares", records } : null;
}

/** What of a write the ledger cannot place, by its outcomes. */
export function unresolvedOf(
  write: LedgerWrite,
  outcomes: readonly RecordOutcome[],
  reason = TOO_OLD,
): UnresolvedRecord[] {
  if (write.kind === "block")
    return outcomes[0] === "unresolved" ? [{ kind: "block", record: write.record, reason }] : [];
  return write.records.flatMap((record, at) =>
    outcomes[at] === "unresolved" ? [{ kind: "share", record, reason }] : [],
  );
}

/** Blocks for whose header another nonce is recorded: their fate is open. */
export function rivalsOf(write: LedgerWrite, outcomes: readonly RecordOutcome[]): BlockRecord[] {
  return write.kind === "block" && outcomes[0] === "rival" ? [write.record] : [];
}
