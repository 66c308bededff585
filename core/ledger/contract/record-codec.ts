import * as v from "valibot";
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
});
const block = v.object({ ...share.entries, networkDifficulty: decimal });
const shares = v.array(share);

/** Records as text for durable storage; difficulties are decimal strings, because JSON numbers stop being exact at 2^53. */
export function encodeRecords(records: ShareRecord | BlockRecord | readonly ShareRecord[]): string {
  return JSON.stringify(records, (_name, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

/** @throws when the text is not what {@link encodeRecords} wrote for shares */
export function decodeShares(text: string): ShareRecord[] {
  return v.parse(shares, JSON.parse(text));
}

/** @throws when the text is not what {@link encodeRecords} wrote for a share or a block */
export function decodeShare(text: string): ShareRecord {
  return v.parse(share, JSON.parse(text));
}

/** @throws when the text is not what {@link encodeRecords} wrote for a block */
export function decodeBlock(text: string): BlockRecord {
  return v.parse(block, JSON.parse(text));
}
