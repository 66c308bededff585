import { RedisReplyError, RedisUnreachableError } from "../contract/redis-port.ts";
import type { BlockRecord, LedgerWriter, RecordOutcome, ShareRecord } from "../contract/records.ts";

/** What goes to the ledger in one write: some shares, or one block. */
export type LedgerWrite =
  | { readonly kind: "shares"; readonly records: readonly ShareRecord[] }
  | { readonly kind: "block"; readonly record: BlockRecord };

/** The records of a write, in order. */
export function recordsOf(write: LedgerWrite): readonly ShareRecord[] {
  return write.kind === "shares" ? write.records : [write.record];
}

/** The write of one record. */
export function writeOf(
  one:
    | { readonly kind: "block"; readonly record: BlockRecord }
    | { readonly kind: "share"; readonly record: ShareRecord },
): LedgerWrite {
  return one.kind === "block" ? { kind: "block", record: one.record } : { kind: "shares", records: [one.record] };
}

/** Whether a write that ended in `error` may have been executed. Only a refusal in Redis' own words or a request that never left is certain. */
export function mayHaveExecuted(error: unknown): boolean {
  if (error instanceof RedisUnreachableError) return error.executed === "unknown";
  return !(error instanceof RedisReplyError && /^[A-Z]+ /.test(error.message));
}

/** Sends one write. @param late see {@link LedgerWriter.recordShares} @throws what the writer throws, and when the answer does not fit the write */
export async function sendWrite(
  writer: LedgerWriter,
  write: LedgerWrite,
  retry: boolean,
  late?: ReadonlySet<ShareRecord>,
): Promise<RecordOutcome[]> {
  if (write.kind === "block") return [await writer.recordBlock(write.record, retry)];
  const outcomes = await writer.recordShares(write.records, retry, late);
  if (outcomes.length !== write.records.length)
    throw new Error(`the ledger gave ${outcomes.length} outcomes for ${write.records.length} shares`);
  return outcomes;
}
