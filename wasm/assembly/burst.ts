// The parents of the dataset items of many shares (18 to 64 chains). With that many, interleaving no longer fits into
// the window that the processor looks ahead; here every step first computes all addresses, then reads a word of every
// row back to back, and only then uses the rows: the misses of all chains overlap.
import { cacheItems, reciprocal } from "./cache";
import { fnv, PRIME } from "./fnv";
import { CACHE, ITEM_INDEXES, ITEMS, ROW_STRIDE, ROWS } from "./layout";
import { mixOtherQuarters, rowsOf, touchRows } from "./rows";
import { DATASET_PARENTS } from "./spec";

/** Mixes all parents into the items of `chains` chains. */
export function mixParentsInBursts(chains: u32): void {
  for (let parent: u32 = 0; parent < DATASET_PARENTS; parent += 4) {
    const quarter: usize = (parent & 12) << 2;
    chooseFirst(parent, quarter, chains);
    touchRows(ROWS, chains);
    mixAndChoose(parent + 1, quarter, 1, chains);
    touchRows(ROWS + ROW_STRIDE, chains);
    mixAndChoose(parent + 2, quarter, 2, chains);
    touchRows(ROWS + 2 * ROW_STRIDE, chains);
    mixAndChoose(parent + 3, quarter, 3, chains);
    touchRows(ROWS + 3 * ROW_STRIDE, chains);
    mixLast(quarter, chains);
    mixOtherQuarters(quarter, chains);
  }
}

/** The rows that the first word of a quarter names, four chains at a time. */
@inline
function chooseFirst(parent: u32, quarter: usize, chains: u32): void {
  const parents = i32x4.splat(parent);
  const prime = v128.load(PRIME);
  const n = i32x4.splat(cacheItems);
  const inverse = i32x4.splat(reciprocal);
  const end = <usize>chains << 2;
  let item = quarter;
  for (let at: usize = 0; at < end; at += 16) {
    let words = v128.load32_zero(item, ITEMS);
    words = v128.load32_lane(item, words, 1, ITEMS + 64);
    words = v128.load32_lane(item, words, 2, ITEMS + 128);
    words = v128.load32_lane(item, words, 3, ITEMS + 192);
    item += 256;
    const index = fnv(v128.xor(v128.load(at, ITEM_INDEXES), parents), words, prime);
    v128.store(at, rowsOf(index, n, inverse), ROWS);
  }
}

/**
 * Mixes the rows of the step before into the quarter, and chooses the next ones by its word number `word` while it is
 * still in registers: a few per cent faster than in two passes in most runs, within the noise in the others.
 */
@inline
function mixAndChoose(parent: u32, quarter: usize, word: u32, chains: u32): void {
  const parents = i32x4.splat(parent);
  const prime = v128.load(PRIME);
  const n = i32x4.splat(cacheItems);
  const inverse = i32x4.splat(reciprocal);
  const rows = ROWS + <usize>(word - 1) * ROW_STRIDE;
  const end = <usize>chains << 2;
  let item = quarter;
  for (let at: usize = 0; at < end; at += 16) {
    const mixed0 = fnv(v128.load(item, ITEMS), v128.load(<usize>load<u32>(rows + at) + quarter, CACHE), prime);
    const mixed1 = fnv(v128.load(item, ITEMS + 64), v128.load(<usize>load<u32>(rows + at, 4) + quarter, CACHE), prime);
    const mixed2 = fnv(v128.load(item, ITEMS + 128), v128.load(<usize>load<u32>(rows + at, 8) + quarter, CACHE), prime);
    const mixed3 = fnv(v128.load(item, ITEMS + 192), v128.load(<usize>load<u32>(rows + at, 12) + quarter, CACHE), prime);
    v128.store(item, mixed0, ITEMS);
    v128.store(item, mixed1, ITEMS + 64);
    v128.store(item, mixed2, ITEMS + 128);
    v128.store(item, mixed3, ITEMS + 192);
    item += 256;
    const words = wordOfEach(word, mixed0, mixed1, mixed2, mixed3);
    const index = fnv(v128.xor(v128.load(at, ITEM_INDEXES), parents), words, prime);
    v128.store(rows + at, rowsOf(index, n, inverse), ROW_STRIDE);
  }
}

/** Word number `word` (1 to 3, a constant) of each of four vectors. */
@inline
function wordOfEach(word: u32, a: v128, b: v128, c: v128, d: v128): v128 {
  if (word == 1) return v128.shuffle<u32>(v128.shuffle<u32>(a, b, 0, 4, 1, 5), v128.shuffle<u32>(c, d, 0, 4, 1, 5), 2, 3, 6, 7);
  const ab = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const cd = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  if (word == 2) return v128.shuffle<u32>(ab, cd, 0, 1, 4, 5);
  return v128.shuffle<u32>(ab, cd, 2, 3, 6, 7);
}

/** Mixes the row of the fourth step into the quarter; no address depends on it before the other quarters are done. */
@inline
function mixLast(quarter: usize, chains: u32): void {
  const prime = v128.load(PRIME);
  const end = <usize>chains << 2;
  for (let at: usize = 0; at < end; at += 4) {
    const item = (at << 4) + quarter;
    const row = <usize>load<u32>(at, ROWS + 3 * ROW_STRIDE) + quarter;
    v128.store(item, fnv(v128.load(item, ITEMS), v128.load(row, CACHE), prime), ITEMS);
  }
}
