/** Below this a block would be found before the work for it went round. */
const LEAST_DIFFICULTY = 1_000n;

/**
 * Difficulty of the next height so that blocks come about every `targetMs` whatever the machine can do. Block times scatter
 * widely even at the right difficulty, so one step at most doubles or halves it.
 * @param elapsedMs how long the height that was just closed took
 */
export function nextDifficulty(difficulty: bigint, elapsedMs: number, targetMs: number): bigint {
  return scaled(difficulty, targetMs / Math.min(Math.max(elapsedMs, targetMs / 2), targetMs * 2));
}

/**
 * Difficulty of a header for a height that has been worked on for a while. Real chains keep theirs until the block is found;
 * here nobody else mines, so a start that was far too hard would never end.
 * @param difficulty that the height began with
 */
export function easedDifficulty(difficulty: bigint, elapsedMs: number, targetMs: number): bigint {
  return elapsedMs > 2 * targetMs ? scaled(difficulty, (2 * targetMs) / elapsedMs) : difficulty;
}

function scaled(difficulty: bigint, factor: number): bigint {
  const changed = (difficulty * BigInt(Math.round(factor * 1_000_000))) / 1_000_000n;
  return changed < LEAST_DIFFICULTY ? minimum(difficulty, LEAST_DIFFICULTY) : changed;
}

// A chain that was set up easier than that stays as it was.
function minimum(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
