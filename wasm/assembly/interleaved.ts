// The parents of up to 16 dataset items (8 shares), their chains interleaved step by step: while one chain waits for
// its row, the next ones have sent for theirs. What decides is how many instructions lie between two misses, because
// the processor looks only a few hundred ahead; and that all state stands at constant addresses, which spares the
// bounds checks in workerd.
import { cacheItems } from "./cache";
import { fnv, PRIME } from "./fnv";
import { ACTIVE, CACHE, ITEM_INDEXES, ITEMS, ROW_STRIDE, ROWS, STARTS } from "./layout";
import { mixOtherQuarters } from "./rows";
import { DATASET_PARENTS } from "./spec";

/** Most chains that this is for. */
export const MAX_INTERLEAVED_CHAINS: u32 = 16;

/** Mixes all parents into the items of `chains` chains. */
export function mixParentsInterleaved(chains: u32): void {
  for (let parent: u32 = 0; parent < DATASET_PARENTS; parent += 4) {
    const quarter: usize = (parent & 12) << 2;
    prepareStarts(parent, chains);
    loadActive(quarter, chains);
    fourSteps(quarter, chains);
    storeActive(quarter, chains);
    mixOtherQuarters(quarter, chains);
  }
}

/** The part of fnv(index ^ parent, word) that need not wait for the word, for the next four parents. */
@inline
function prepareStarts(parent: u32, chains: u32): void {
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

/** The quarter that holds the next four index words goes where its address is a constant. */
@inline
function loadActive(quarter: usize, chains: u32): void {
  const end = <usize>chains << 4;
  for (let at: usize = 0; at < end; at += 16) v128.store(at, v128.load((at << 2) + quarter, ITEMS), ACTIVE);
}

@inline
function storeActive(quarter: usize, chains: u32): void {
  const end = <usize>chains << 4;
  for (let at: usize = 0; at < end; at += 16) v128.store((at << 2) + quarter, v128.load(at, ACTIVE), ITEMS);
}

@inline
function fourSteps(quarter: usize, chains: u32): void {
  const n = cacheItems;
  const prime = v128.load(PRIME);
  step(0, quarter, chains, n, prime);
  step(1, quarter, chains, n, prime);
  step(2, quarter, chains, n, prime);
  step(3, quarter, chains, n, prime);
}

/** One parent of every chain. Unrolled, so that the chains' addresses are constants; the branches are always predicted. */
@inline
function step(word: usize, quarter: usize, chains: u32, n: u32, prime: v128): void {
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
  // This store also keeps the optimiser from moving the chains' loads past each other, which would serialise them.
  store<u32>(ROWS + at, row);
  v128.store(active, fnv(v128.load(active), v128.load(<usize>row + quarter, CACHE), prime));
}
