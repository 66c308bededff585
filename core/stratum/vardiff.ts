import type { VardiffConfig } from "../pool-config.ts";

/** What variable difficulty knows of a session. */
export interface VardiffState {
  /** A difficulty chosen by password, which nothing changes; null without. */
  readonly fixed: bigint | null;
}

/** Fixed difficulties go no higher, so that sums of shares stay far inside Redis' 64-bit integers. */
export const MAX_FIXED_DIFFICULTY = 10n ** 15n;

const FIXED = /(?:^|[\s,;])d=(\d{1,19})(?=$|[\s,;])/;

/**
 * The fixed difficulty that a miner asks for by password, `d=2000000000` alone or among other settings; null without one.
 * It is kept between the bounds of vardiff or, without vardiff, at the pool's difficulty or above: an easier one would only
 * make the pool verify more.
 */
export function fixedDifficulty(password: string, difficulty: bigint, vardiff: VardiffConfig | null): bigint | null {
  const digits = FIXED.exec(password)?.[1];
  if (digits === undefined) return null;
  const wanted = BigInt(digits);
  const least = vardiff?.minDifficulty ?? difficulty;
  const most = vardiff?.maxDifficulty ?? (difficulty > MAX_FIXED_DIFFICULTY ? difficulty : MAX_FIXED_DIFFICULTY);
  if (wanted < least) return least;
  return wanted > most ? most : wanted;
}
