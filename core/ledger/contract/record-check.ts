import type { BlockRecord, ShareRecord } from "./records.ts";

const MAX_DIFFICULTY = 2n ** 63n - 1n;

/** A record that must not reach the books: the text names the field and what was found. */
export class LedgerRecordError extends Error {
  override readonly name = "LedgerRecordError";
}

const SHAPES = [
  ["login", /^0x[0-9a-f]{40}$/, "a lower-case 0x address"],
  ["worker", /^[0-9A-Za-z_-]{1,32}$/, "1 to 32 of [0-9A-Za-z-_]"],
  ["nonce", /^0x[0-9a-f]{16}$/, "8 bytes, lower-case hex with 0x"],
  ["header", /^0x[0-9a-f]{64}$/, "32 bytes, lower-case hex with 0x"],
  ["mixDigest", /^0x[0-9a-f]{64}$/, "32 bytes, lower-case hex with 0x"],
] as const;

/** Members are joined with `:` and compared as text: a field of another shape would be credited to somebody else or twice. @throws LedgerRecordError */
export function checkRecord(share: ShareRecord): void {
  for (const [field, shape, wanted] of SHAPES) if (!shape.test(share[field])) throw fault(field, share[field], wanted);
  for (const field of ["height", "timestampMs"] as const) {
    const value = share[field];
    if (!Number.isSafeInteger(value) || value < 0) throw fault(field, value, "a non-negative integer");
  }
  if (share.shareDifficulty < 1n || share.shareDifficulty > MAX_DIFFICULTY)
    throw fault("shareDifficulty", share.shareDifficulty, "1 to 2^63 - 1");
}

/** The same of a block. @throws LedgerRecordError */
export function checkBlock(block: BlockRecord): void {
  checkRecord(block);
  if (block.networkDifficulty < 1n) throw fault("networkDifficulty", block.networkDifficulty, "a positive integer");
}

function fault(field: string, found: string | number | bigint, wanted: string): LedgerRecordError {
  return new LedgerRecordError(`${field}: found ${String(found).slice(0, 100)}, wanted ${wanted}`);
}
