// Hashimoto for many shares at once, each with two chains (the two dataset items of its page). Where a single share
// waits for one cache row after the other, here the misses of all chains overlap: every step computes all addresses,
// then reads a word of every row back to back, and only then uses the rows.
import { cacheItems, reciprocal, reciprocalShift } from "./cache";
import { keccak512Pair } from "./keccak-f1600";
import { fnv, PRIME } from "./fnv";
import { mixParentsInterleaved } from "./interleaved";
import { CACHE, ITEM_INDEXES, ITEMS, MIXES, ROW_STRIDE, ROWS, SEEDS, TOUCHED } from "./layout";
import { datasetPages } from "./single";
import { ACCESSES, DATASET_PARENTS, FNV_PRIME, HASH_BYTES, MIX_BYTES } from "./spec";


export function mixBurst(shares: u32): void {
  for (let access: u32 = 0; access < ACCESSES; access++) {
    choosePages(access, shares);
    buildItems(shares << 1);
    const bytes = <usize>shares * MIX_BYTES;
    const prime = v128.load(PRIME);
    for (let at: usize = 0; at < bytes; at += 16) {
      v128.store(at, fnv(v128.load(at, MIXES), v128.load(at, ITEMS), prime), MIXES);
    }
  }
}

function choosePages(access: u32, shares: u32): void {
  const pages = datasetPages;
  const word: usize = (access & 31) << 2;
  for (let share: u32 = 0; share < shares; share++) {
    const seed = load<u32>(<usize>share * HASH_BYTES, SEEDS);
    const mixed: u32 = load<u32>(<usize>share * MIX_BYTES + word, MIXES);
    const start: u32 = (access ^ seed) * FNV_PRIME;
    const page: u32 = (start ^ mixed) % pages;
    store<u32>(<usize>share << 3, page << 1, ITEM_INDEXES);
    store<u32>(<usize>share << 3, (page << 1) + 1, ITEM_INDEXES + 4);
  }
}

function buildItems(chains: u32): void {
  startItems(chains);
  const bytes = <usize>chains * HASH_BYTES;
  for (let item = ITEMS; item < ITEMS + bytes; item += 2 * HASH_BYTES) keccak512Pair(item, item + HASH_BYTES);
  if (chains <= 16) mixParentsInterleaved(chains);
  else for (let parent: u32 = 0; parent < DATASET_PARENTS; parent += 16) {
    fourParents(parent, 0, chains);
    fourParents(parent + 4, 16, chains);
    fourParents(parent + 8, 32, chains);
    fourParents(parent + 12, 48, chains);
  }
  for (let item = ITEMS; item < ITEMS + bytes; item += 2 * HASH_BYTES) keccak512Pair(item, item + HASH_BYTES);
}

function startItems(chains: u32): void {
  const n = cacheItems;
  const end = <usize>chains << 2;
  for (let at: usize = 0; at < end; at += 4) store<u32>(at, (load<u32>(at, ITEM_INDEXES) % n) * HASH_BYTES, ROWS);
  touchRows(ROWS, chains);
  for (let at: usize = 0; at < end; at += 4) {
    const row: usize = load<u32>(at, ROWS);
    const item = at << 4;
    v128.store(item, v128.load(row, CACHE), ITEMS);
    v128.store(item, v128.load(row, CACHE + 16), ITEMS + 16);
    v128.store(item, v128.load(row, CACHE + 32), ITEMS + 32);
    v128.store(item, v128.load(row, CACHE + 48), ITEMS + 48);
    store<u32>(item, load<u32>(item, ITEMS) ^ load<u32>(at, ITEM_INDEXES), ITEMS);
  }
}

@inline
function fourParents(parent: u32, quarter: usize, chains: u32): void {
  for (let step: u32 = 0; step < 4; step++) {
    const rows = ROWS + <usize>step * ROW_STRIDE;
    chooseRows(parent + step, quarter + (step << 2), rows, chains);
    touchRows(rows, chains);
    mixQuarter(quarter, rows, chains);
  }
  mixOthers(quarter, chains);
}

/** Byte offsets of the cache rows that each chain reads as its `parent`, four chains at a time. */
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
    const start = i32x4.mul(v128.xor(v128.load(at, ITEM_INDEXES), parents), prime);
    const x = v128.xor(start, words);
    const low = i64x2.extmul_low_i32x4_u(x, inverse);
    const high = i64x2.extmul_high_i32x4_u(x, inverse);
    const quotient = i32x4.shr_u(v128.shuffle<u32>(low, high, 1, 3, 5, 7), shift);
    const rest = i32x4.sub(x, i32x4.mul(quotient, n));
    v128.store(rows + at, i32x4.shl(i32x4.min_u(rest, i32x4.sub(rest, n)), 6));
  }
}

@inline
function touchRows(rows: usize, chains: u32): void {
  let sum: u32 = 0;
  const end = rows + (<usize>chains << 2);
  for (let at = rows; at < end; at += 16) {
    sum ^= load<u32>(load<u32>(at), CACHE);
    sum ^= load<u32>(load<u32>(at, 4), CACHE);
    sum ^= load<u32>(load<u32>(at, 8), CACHE);
    sum ^= load<u32>(load<u32>(at, 12), CACHE);
  }
  store<u32>(TOUCHED, sum);
}

@inline
function mixQuarter(quarter: usize, rows: usize, chains: u32): void {
  const prime = v128.load(PRIME);
  const end = rows + (<usize>chains << 2);
  let item: usize = 0;
  for (let at = rows; at < end; at += 16) {
    mixOne(item, quarter, load<u32>(at), prime);
    mixOne(item + 64, quarter, load<u32>(at, 4), prime);
    mixOne(item + 128, quarter, load<u32>(at, 8), prime);
    mixOne(item + 192, quarter, load<u32>(at, 12), prime);
    item += 256;
  }
}

@inline
function mixOne(item: usize, quarter: usize, row: usize, prime: v128): void {
  const at = item + quarter;
  v128.store(at, fnv(v128.load(at, ITEMS), v128.load(row + quarter, CACHE), prime), ITEMS);
}

@inline
function mixOthers(quarter: usize, chains: u32): void {
  const prime = v128.load(PRIME);
  const end = <usize>chains << 2;
  for (let at: usize = 0; at < end; at += 4) {
    const row0: usize = load<u32>(at, ROWS);
    const row1: usize = load<u32>(at, ROWS + ROW_STRIDE);
    const row2: usize = load<u32>(at, ROWS + 2 * ROW_STRIDE);
    const row3: usize = load<u32>(at, ROWS + 3 * ROW_STRIDE);
    const item = at << 4;
    mixFour(item, (quarter + 16) & 63, row0, row1, row2, row3, prime);
    mixFour(item, (quarter + 32) & 63, row0, row1, row2, row3, prime);
    mixFour(item, (quarter + 48) & 63, row0, row1, row2, row3, prime);
  }
}

@inline
function mixFour(item: usize, quarter: usize, row0: usize, row1: usize, row2: usize, row3: usize, prime: v128): void {
  const at = item + quarter;
  let mixed = fnv(v128.load(at, ITEMS), v128.load(row0 + quarter, CACHE), prime);
  mixed = fnv(mixed, v128.load(row1 + quarter, CACHE), prime);
  mixed = fnv(mixed, v128.load(row2 + quarter, CACHE), prime);
  mixed = fnv(mixed, v128.load(row3 + quarter, CACHE), prime);
  v128.store(at, mixed, ITEMS);
}

