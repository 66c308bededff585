import * as v from "valibot";
import { checkBlock, checkRecord } from "./record-check.ts";
import type { BlockRecord, ShareRecord } from "./records.ts";

const decimal = v.pipe(
  v.string(),
  v.regex(/^\d+$/),
  v.transform((text) => BigInt(text)),
);

const share = v.object({
  login: v.string(),
  worker: v.string(),
  nonce: v.string(),
  header: v.string(),
  mixDigest: v.string(),
  height: v.number(),
  shareDifficulty: decimal,
  timestampMs: v.number(),
  // Added later; where it is left out, the member is not there.
  solo: v.exactOptional(v.boolean()),
  late: v.exactOptional(v.boolean()),
});
/** Added later; where it is left out, the member is not there. */
const inChain = v.exactOptional(v.boolean());
const block = v.object({ ...share.entries, networkDifficulty: decimal, inChain });
const shares = v.array(share);

/** Records as text for durable storage; difficulties are decimal strings, because JSON numbers stop being exact at 2^53. */
export function encodeRecords(records: ShareRecord | BlockRecord | readonly ShareRecord[]): string {
  return JSON.stringify(records, (_name, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

// A record that the ledger refuses is refused when it is read: met in a write, it would hold up all those beside it.

/** @throws when the text is not what {@link encodeRecords} wrote for shares, LedgerRecordError for one that must not reach the books */
export function decodeShares(text: string): ShareRecord[] {
  const records = v.parse(shares, JSON.parse(text));
  for (const record of records) checkRecord(record);
  return records;
}

/** The same for a share or a block. @throws as {@link decodeShares} */
export function decodeShare(text: string): ShareRecord {
  const record = v.parse(share, JSON.parse(text));
  checkRecord(record);
  return record;
}

/** The same for a block. @throws as {@link decodeShares} */
export function decodeBlock(text: string): BlockRecord {
  const record = v.parse(block, JSON.parse(text));
  checkBlock(record);
  return record;
}
