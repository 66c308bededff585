// The parents of the dataset items of many shares (18 to 64 chains). With that many, interleaving no longer fits into
// the window that the processor looks ahead; here every step first computes all addresses, then reads a word of every
// row back to back, and only then uses the rows: the misses of all chains overlap.
import { cacheItems, reciprocal, reciprocalShift } from "./cache";
import { fnv, PRIME } from "./fnv";
import { CACHE, ITEM_INDEXES, ITEMS, ROW_STRIDE, ROWS } from "./layout";
import { mixOtherQuarters, touchRows } from "./rows";
import { DATASET_PARENTS } from "./spec";

/** Mixes all parents into the items of `chains` chains. */
export function mixParentsInBursts(chains: u32): void {
  for (let parent: u32 = 0; parent < DATASET_PARENTS; parent += 4) {
    const quarter: usize = (parent & 12) << 2;
    for (let step: u32 = 0; step < 4; step++) {
      const rows = ROWS + <usize>step * ROW_STRIDE;
      chooseRows(parent + step, quarter + (step << 2), rows, chains);
      touchRows(rows, chains);
      mixQuarter(quarter, rows, chains);
    }
    mixOtherQuarters(quarter, chains);
  }
}

/**
 * Offsets of the rows that the chains read as their `parent`, four chains at a time. The remainder modulo n is taken by
 * multiplication (Barrett): the quotient comes out right or one too small, and then the unsigned minimum picks the
 * remainder, as the difference that went below zero is a huge number.
 */
@inline
function chooseRows(parent: u32, word: usize, rows: usize, chains: u32): void {
  const prime = v128.load(PRIME);
  const parents = i32x4.splat(parent);
  const n = i32x4.splat(cacheItems);
  const inverse = i32x4.splat(reciprocal);
  const shift = reciprocalShift;
  const end = <usize>chains << 2;
  let item = word;
  for (let at: usize = 0; at < end; at += 16) {
    let words = v128.load32_zero(item, ITEMS);
    words = v128.load32_lane(item, words, 1, ITEMS + 64);
    words = v128.load32_lane(item, words, 2, ITEMS + 128);
    words = v128.load32_lane(item, words, 3, ITEMS + 192);
    item += 256;
    const x = fnv(v128.xor(v128.load(at, ITEM_INDEXES), parents), words, prime);
    const low = i64x2.extmul_low_i32x4_u(x, inverse);
    const high = i64x2.extmul_high_i32x4_u(x, inverse);
    const quotient = i32x4.shr_u(v128.shuffle<u32>(low, high, 1, 3, 5, 7), shift);
    const rest = i32x4.sub(x, i32x4.mul(quotient, n));
    v128.store(rows + at, i32x4.shl(i32x4.min_u(rest, i32x4.sub(rest, n)), 6));
  }
}

/** Mixes the rows into the quarter of each item that the next addresses depend on, four chains at a time. */
@inline
function mixQuarter(quarter: usize, rows: usize, chains: u32): void {
  const prime = v128.load(PRIME);
  const end = rows + (<usize>chains << 2);
  let item = quarter;
  for (let at = rows; at < end; at += 16) {
    mixOne(item, load<u32>(at) + <u32>quarter, prime);
    mixOne(item + 64, load<u32>(at, 4) + <u32>quarter, prime);
    mixOne(item + 128, load<u32>(at, 8) + <u32>quarter, prime);
    mixOne(item + 192, load<u32>(at, 12) + <u32>quarter, prime);
    item += 256;
  }
}

@inline
function mixOne(item: usize, row: usize, prime: v128): void {
  v128.store(item, fnv(v128.load(item, ITEMS), v128.load(row, CACHE), prime), ITEMS);
}
