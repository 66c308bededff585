const TWO_256 = 1n << 256n;
/** Hashes of difficulty 1 on EthereumStratum/1.0.0's scale: 2^256 / 0x00000000ffff0000…, rounded as docs/protocol.md, section 4, gives it. */
const HASHES_PER_DIFFICULTY_1 = 4_295_032_833n;

/**
 * The target of a difficulty as miners get it: floor(2^256 / difficulty), `0x` and always 64 hex digits (the reference sends 58).
 * @param difficulty in hashes, at least 1
 */
export function shareTarget(difficulty: bigint): string {
  const target = TWO_256 / difficulty;
  return `0x${(target < TWO_256 ? target : TWO_256 - 1n).toString(16).padStart(64, "0")}`;
}

/** A difficulty in hashes on EthereumStratum/1.0.0's scale, as JSON text. */
export function scaledDifficulty(difficulty: bigint): string {
  return String(Number(difficulty) / Number(HASHES_PER_DIFFICULTY_1));
}
