// Hashimoto for one share. Its time is memory latency: two dependent chains of 256 cache rows for each of 64 pages,
// which no code makes much shorter; the two chains of a page run side by side.
import { cacheItems, datasetPages } from "./cache";
import { fnv, PRIME } from "./fnv";
import { keccak512Pair } from "./generated/keccak-f1600";
import { CACHE, ITEMS, MIXES, SEEDS } from "./layout";
import { ACCESSES, DATASET_PARENTS, FNV_PRIME, HASH_BYTES } from "./spec";

/** The 64 accesses of share 0. */
export function mixSingle(): void {
  const pages = datasetPages;
  const prime = v128.load(PRIME);
  const seed = load<u32>(SEEDS);
  for (let access: u32 = 0; access < ACCESSES; access++) {
    const word = load<u32>(MIXES + ((access & 31) << 2));
    const page: u32 = (((access ^ seed) * FNV_PRIME) ^ word) % pages;
    buildPage(page);
    for (let at: usize = 0; at < 128; at += 16) {
      v128.store(MIXES + at, fnv(v128.load(MIXES + at), v128.load(ITEMS + at), prime));
    }
  }
}

/** The two dataset items of a page ("Full dataset calculation") into the first two item slots. */
export function buildPage(page: u32): void {
  const n = cacheItems;
  const prime = v128.load(PRIME);
  const index: u32 = page << 1;
  startItem(ITEMS, index, n);
  startItem(ITEMS + HASH_BYTES, index + 1, n);
  keccak512Pair(ITEMS, ITEMS + HASH_BYTES);
  for (let parent: u32 = 0; parent < DATASET_PARENTS; parent++) {
    const word: usize = (parent & 15) << 2;
    const first: u32 = (((index ^ parent) * FNV_PRIME) ^ load<u32>(ITEMS + word)) % n;
    const second: u32 = ((((index + 1) ^ parent) * FNV_PRIME) ^ load<u32>(ITEMS + HASH_BYTES + word)) % n;
    mixRow(ITEMS, <usize>first * HASH_BYTES, prime);
    mixRow(ITEMS + HASH_BYTES, <usize>second * HASH_BYTES, prime);
  }
  keccak512Pair(ITEMS, ITEMS + HASH_BYTES);
}

/** Cache row `index mod n` with the index in its first word. */
@inline
function startItem(item: usize, index: u32, n: u32): void {
  const row = <usize>(index % n) * HASH_BYTES;
  for (let at: usize = 0; at < HASH_BYTES; at += 16) v128.store(item + at, v128.load(row + at, CACHE));
  store<u32>(item, load<u32>(item) ^ index);
}

@inline
function mixRow(item: usize, row: usize, prime: v128): void {
  v128.store(item, fnv(v128.load(item), v128.load(row, CACHE), prime), 0);
  v128.store(item, fnv(v128.load(item, 16), v128.load(row, CACHE + 16), prime), 16);
  v128.store(item, fnv(v128.load(item, 32), v128.load(row, CACHE + 32), prime), 32);
  v128.store(item, fnv(v128.load(item, 48), v128.load(row, CACHE + 48), prime), 48);
}
