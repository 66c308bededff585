// Cache rows: which ones an index names, reading many of them at once, and mixing them into the items that chains build.
import { fnv, PRIME } from "./fnv";
import { CACHE, ITEMS, ROW_STRIDE, ROWS, TOUCHED } from "./layout";

/**
 * Reads a word of each chain's row, named by the offsets at `rows`, back to back, so that the cache misses overlap. Four
 * chains at a time: up to three rows too many are read, whose offsets are old ones. The sum has 64 bits because V8 would
 * read every word a second time as the operand of a 32-bit xor.
 */
@inline
export function touchRows(rows: usize, chains: u32): void {
  let sum: u64 = 0;
  const end = rows + (<usize>chains << 2);
  for (let at = rows; at < end; at += 16) {
    sum ^= <u64>load<u32>(load<u32>(at), CACHE);
    sum ^= <u64>load<u32>(load<u32>(at, 4), CACHE);
    sum ^= <u64>load<u32>(load<u32>(at, 8), CACHE);
    sum ^= <u64>load<u32>(load<u32>(at, 12), CACHE);
  }
  store<u64>(TOUCHED, sum);
}

/**
 * Mixes the rows of the last four parents into the three quarters (16 bytes each) of every item that these parents'
 * addresses did not depend on. This is the bulk of the arithmetic, left for when the rows have arrived: the processor
 * looks a few hundred instructions ahead, and in that window there should be as many misses as possible.
 * @param quarter offset of the quarter that is up to date
 */
@inline
export function mixOtherQuarters(quarter: usize, chains: u32): void {
  const prime = v128.load(PRIME);
  const end = <usize>chains << 2;
  const second = (quarter + 16) & 63;
  const third = (quarter + 32) & 63;
  const fourth = (quarter + 48) & 63;
  for (let at: usize = 0; at < end; at += 4) {
    const row0: usize = load<u32>(at, ROWS);
    const row1: usize = load<u32>(at, ROWS + ROW_STRIDE);
    const row2: usize = load<u32>(at, ROWS + 2 * ROW_STRIDE);
    const row3: usize = load<u32>(at, ROWS + 3 * ROW_STRIDE);
    const item = at << 4;
    mixFour(item + second, row0 + second, row1 + second, row2 + second, row3 + second, prime);
    mixFour(item + third, row0 + third, row1 + third, row2 + third, row3 + third, prime);
    mixFour(item + fourth, row0 + fourth, row1 + fourth, row2 + fourth, row3 + fourth, prime);
  }
}

@inline
function mixFour(item: usize, row0: usize, row1: usize, row2: usize, row3: usize, prime: v128): void {
  let mixed = fnv(v128.load(item, ITEMS), v128.load(row0, CACHE), prime);
  mixed = fnv(mixed, v128.load(row1, CACHE), prime);
  mixed = fnv(mixed, v128.load(row2, CACHE), prime);
  mixed = fnv(mixed, v128.load(row3, CACHE), prime);
  v128.store(item, mixed, ITEMS);
}

/**
 * Offsets of the rows that four indexes name modulo n. The remainder is taken by multiplication (Barrett): the quotient
 * comes out right or one too small, and then the unsigned minimum picks the remainder, as the difference that went below
 * zero is a huge number.
 */
@inline
export function rowsOf(index: v128, n: v128, inverse: v128): v128 {
  const low = i64x2.extmul_low_i32x4_u(index, inverse);
  const high = i64x2.extmul_high_i32x4_u(index, inverse);
  const quotient = v128.shuffle<u32>(low, high, 1, 3, 5, 7);
  const rest = i32x4.sub(index, i32x4.mul(quotient, n));
  return i32x4.shl(i32x4.min_u(rest, i32x4.sub(rest, n)), 6);
}
