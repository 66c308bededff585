import { cacheItems } from "./cache";
import { fnv, PRIME } from "./fnv";
import { ACTIVE, CACHE, ITEM_INDEXES, ITEMS, ROW_STRIDE, ROWS, STARTS } from "./layout";
import { DATASET_PARENTS } from "./spec";

export function mixParentsInterleaved(chains: u32): void {
  loadActive(chains);
  for (let parent: u32 = 0; parent < DATASET_PARENTS; parent += 4) {
    const quarter: usize = (parent & 12) << 2;
    startWords(parent, chains);
    fourSteps(quarter, chains);
    mixOthers(quarter, chains);
  }
}

function loadActive(chains: u32): void {
  for (let chain: usize = 0; chain < <usize>chains; chain++) {
    v128.store(chain << 4, v128.load(chain << 6, ITEMS), ACTIVE);
  }
}

/** The part of fnv(i ^ parent, word) that does not wait for the word, for four parents. */
@inline
function startWords(parent: u32, chains: u32): void {
  const prime = v128.load(PRIME);
  const end = <usize>chains << 2;
  for (let at: usize = 0; at < end; at += 16) {
    const indexes = v128.load(at, ITEM_INDEXES);
    v128.store(at, i32x4.mul(v128.xor(indexes, i32x4.splat(parent)), prime), STARTS);
    v128.store(at, i32x4.mul(v128.xor(indexes, i32x4.splat(parent + 1)), prime), STARTS + ROW_STRIDE);
    v128.store(at, i32x4.mul(v128.xor(indexes, i32x4.splat(parent + 2)), prime), STARTS + 2 * ROW_STRIDE);
    v128.store(at, i32x4.mul(v128.xor(indexes, i32x4.splat(parent + 3)), prime), STARTS + 3 * ROW_STRIDE);
  }
}

@inline
function fourSteps(quarter: usize, chains: u32): void {
  const n = cacheItems;
  const prime = v128.load(PRIME);
  stepAll(0, quarter, chains, n, prime);
  stepAll(1, quarter, chains, n, prime);
  stepAll(2, quarter, chains, n, prime);
  stepAll(3, quarter, chains, n, prime);
}

@inline
function stepAll(word: usize, quarter: usize, chains: u32, n: u32, prime: v128): void {
  stepShare(0, word, quarter, n, prime);
  if (chains > 2) stepShare(1, word, quarter, n, prime);
  if (chains > 4) stepShare(2, word, quarter, n, prime);
  if (chains > 6) stepShare(3, word, quarter, n, prime);
  if (chains > 8) stepShare(4, word, quarter, n, prime);
  if (chains > 10) stepShare(5, word, quarter, n, prime);
  if (chains > 12) stepShare(6, word, quarter, n, prime);
  if (chains > 14) stepShare(7, word, quarter, n, prime);
}

@inline
function stepShare(share: usize, word: usize, quarter: usize, n: u32, prime: v128): void {
  stepChain(2 * share, word, quarter, n, prime);
  stepChain(2 * share + 1, word, quarter, n, prime);
}

@inline
function stepChain(chain: usize, word: usize, quarter: usize, n: u32, prime: v128): void {
  const active = ACTIVE + 16 * chain;
  const at = ROW_STRIDE * word + 4 * chain;
  const row: u32 = ((load<u32>(STARTS + at) ^ load<u32>(active + 4 * word)) % n) << 6;
  store<u32>(ROWS + at, row);
  v128.store(active, fnv(v128.load(active), v128.load(<usize>row + quarter, CACHE), prime));
}

@inline
function mixOthers(quarter: usize, chains: u32): void {
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
    const active = at << 2;
    v128.store(item + quarter, v128.load(active, ACTIVE), ITEMS);
    v128.store(active, mixFour(item, second, row0, row1, row2, row3, prime), ACTIVE);
    v128.store(item + third, mixFour(item, third, row0, row1, row2, row3, prime), ITEMS);
    v128.store(item + fourth, mixFour(item, fourth, row0, row1, row2, row3, prime), ITEMS);
  }
}

@inline
function mixFour(item: usize, quarter: usize, row0: usize, row1: usize, row2: usize, row3: usize, prime: v128): v128 {
  let mixed = fnv(v128.load(item + quarter, ITEMS), v128.load(row0 + quarter, CACHE), prime);
  mixed = fnv(mixed, v128.load(row1 + quarter, CACHE), prime);
  mixed = fnv(mixed, v128.load(row2 + quarter, CACHE), prime);
  return fnv(mixed, v128.load(row3 + quarter, CACHE), prime);
}
