/**
 * What a share is worth: a pure function of its nonce and its header, fixed before the header is public. Header and nonce space are the
 * same for every miner, so whoever knows a share hands it in wherever it pays most; here it pays the same everywhere. Sessions, verifier,
 * `ledger audit`, page and bridge all read this one table (docs/decisions/0035-share-worth.md).
 */

/** A class of nonces, named by log2 of its difficulty over the pool's: 0 has the pool's own, 2 four times that, -2 a quarter. */
export type DifficultyClass = -6 | -4 | -2 | 0 | 2 | 4 | 6 | 8;

/**
 * Which table a header is under; the template stamps it on the header. 0: no classes, every nonce has the pool's difficulty. A number
 * keeps its meaning for good: a changed table gets the next one.
 */
export type ClassTable = 0 | 1;

/** Of a header, what its shares are worth by. Part of a job. */
export interface ShareTerms {
  /** The pool's share difficulty for this header, in hashes. */
  readonly poolDifficulty: bigint;
  readonly classTable: ClassTable;
  /** In hashes. */
  readonly networkDifficulty: bigint;
}

/** Prefixes from `first` on, `size` of them. A prefix is the top 24 bits of a nonce: an extranonce is one. */
export interface PrefixRange {
  readonly first: number;
  readonly size: number;
}

/** Hex digits of a prefix. */
export const PREFIX_DIGITS = 6;

/** No class is harder than this, unless the pool itself is: sums of shares stay far inside Redis' 64-bit integers. In hashes. */
const MAX_CLASS_DIFFICULTY = 10n ** 15n;

/**
 * Each as large as its use: there are few rigs of 10 GH/s, and many easy shares cost the pool more than they tell. Together 0.6 % of
 * the space, so that one in 170 rigs that choose their nonces themselves begins inside a class.
 */
const CLASSES: readonly (PrefixRange & { readonly class: DifficultyClass })[] = [
  { class: 2, first: 0x60_0000, size: 0x1_0000 },
  { class: 4, first: 0x61_0000, size: 0x4000 },
  { class: 6, first: 0x61_4000, size: 0x1000 },
  { class: 8, first: 0x61_5000, size: 0x400 },
  { class: -2, first: 0x61_6000, size: 0x2000 },
  { class: -4, first: 0x61_8000, size: 0x1000 },
  { class: -6, first: 0x61_9000, size: 0x800 },
];

/** All other prefixes have the pool's difficulty; its extranonces are drawn here, away from where a search that begins at 0 is. */
const POOL_EXTRANONCES: PrefixRange = { first: 0x80_0000, size: 0x80_0000 };

/** Every class of a table, the easiest first. */
export function classesOf(table: ClassTable): readonly DifficultyClass[] {
  return table === 0 ? [0] : [-6, -4, -2, 0, 2, 4, 6, 8];
}

/** Where extranonces of a class are drawn. */
export function extranoncesOf(wanted: DifficultyClass): PrefixRange {
  return CLASSES.find((range) => range.class === wanted) ?? POOL_EXTRANONCES;
}

/** @param prefix the top 24 bits of a nonce */
export function classOfPrefix(prefix: number, table: ClassTable): DifficultyClass {
  if (table === 0) return 0;
  return CLASSES.find(({ first, size }) => prefix >= first && prefix < first + size)?.class ?? 0;
}

/** @param nonce hex without `0x`, or as much of its beginning as is known; the class of less than a whole prefix is the pool's */
export function classOf(nonce: string, table: ClassTable): DifficultyClass {
  return nonce.length < PREFIX_DIGITS ? 0 : classOfPrefix(Number.parseInt(nonce.slice(0, PREFIX_DIGITS), 16), table);
}

/** Difficulty of a class in hashes, at least 1; what the network asks for is not looked at. */
export function classDifficulty(wanted: DifficultyClass, poolDifficulty: bigint): bigint {
  if (wanted <= 0) return poolDifficulty >> BigInt(-wanted) || 1n;
  const most = poolDifficulty > MAX_CLASS_DIFFICULTY ? poolDifficulty : MAX_CLASS_DIFFICULTY;
  const difficulty = poolDifficulty << BigInt(wanted);
  return difficulty > most ? most : difficulty;
}

/**
 * What a proof of work with this nonce must meet, and what it is worth then, in hashes: its class's difficulty, or the network's where
 * that is less. A hash is worth 1 on average, whatever nonces are tried.
 * @param nonce hex without `0x`; its first {@link PREFIX_DIGITS} digits are enough
 * @example
 * shareWorth("ffffff0000000000", { poolDifficulty: 1n << 33n, classTable: 1, networkDifficulty: 1n << 50n });
 */
export function shareWorth(nonce: string, terms: ShareTerms): bigint {
  const difficulty = classDifficulty(classOf(nonce, terms.classTable), terms.poolDifficulty);
  return difficulty < terms.networkDifficulty ? difficulty : terms.networkDifficulty;
}

/** What bounds the choice of a class, in hashes. The pool's own class is always allowed. */
export interface ClassBounds {
  readonly minDifficulty: bigint;
  readonly maxDifficulty: bigint;
}

/** The class whose difficulty is nearest to `wanted` hashes, by ratio; of two that are as near, the harder. */
export function nearestClass(
  wanted: number,
  terms: Pick<ShareTerms, "poolDifficulty" | "classTable">,
  bounds: ClassBounds,
): DifficultyClass {
  const distance = (candidate: DifficultyClass) =>
    Math.abs(Math.log(Number(classDifficulty(candidate, terms.poolDifficulty)) / Math.max(wanted, 1)));
  let nearest: DifficultyClass = 0;
  for (const candidate of classesOf(terms.classTable)) {
    const difficulty = classDifficulty(candidate, terms.poolDifficulty);
    const isAllowed = candidate === 0 || (difficulty >= bounds.minDifficulty && difficulty <= bounds.maxDifficulty);
    if (!isAllowed) continue;
    const [a, b] = [distance(candidate), distance(nearest)];
    if (a < b || (a === b && candidate > nearest)) nearest = candidate;
  }
  return nearest;
}

/** The next class on the way to the pool's own. */
export function towardsPool(from: DifficultyClass): DifficultyClass {
  switch (from) {
    case -6:
      return -4;
    case -4:
      return -2;
    case 8:
      return 6;
    case 6:
      return 4;
    case 4:
      return 2;
    default:
      return 0;
  }
}
