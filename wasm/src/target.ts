import { ArgumentError } from "./errors.ts";

const TWO_256 = 1n << 256n;

/**
 * The largest result that meets a difficulty: floor(2^256 / difficulty), at most 2^256 - 1.
 * @param difficulty expected hashes, above 0
 * @throws ArgumentError
 */
export function targetOf(difficulty: bigint): bigint {
  if (typeof difficulty !== "bigint" || difficulty <= 0n)
    throw new ArgumentError("difficulty", "not a whole number above 0, as bigint");
  return difficulty === 1n ? TWO_256 - 1n : TWO_256 / difficulty;
}

/** Whether a result, read as a big-endian number, is at most the target. @param result 32 bytes */
export function meetsTarget(result: Uint8Array, target: bigint): boolean {
  if (result.length !== 32) throw new ArgumentError("result", `${result.length} bytes where 32 are needed`);
  const view = new DataView(result.buffer, result.byteOffset, 32);
  // Nearly every result is decided by its first half.
  let number = (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
  const half = target >> 128n;
  if (number !== half) return number < half;
  for (let at = 16; at < 32; at += 8) number = (number << 64n) | view.getBigUint64(at);
  return number <= target;
}
