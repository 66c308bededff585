// Hashimoto for two and more shares at once. Each has two chains, the two dataset items of the page that it reads; all
// shares go through their 64 accesses in step.
import { mixParentsInBursts } from "./burst";
import { cacheItems, datasetPages } from "./cache";
import { fnv, PRIME } from "./fnv";
import { MAX_INTERLEAVED_CHAINS, mixParentsInterleaved } from "./interleaved";
import { keccak512Pair } from "./generated/keccak-f1600";
import { CACHE, ITEM_INDEXES, ITEMS, MIXES, ROWS, SEEDS } from "./layout";
import { touchRows } from "./rows";
import { ACCESSES, FNV_PRIME, HASH_BYTES, MIX_BYTES } from "./spec";

/** The 64 accesses of the first `shares` shares. */
export function mixBatch(shares: u32): void {
  const prime = v128.load(PRIME);
  const chains = shares << 1;
  const end = <usize>shares * MIX_BYTES;
  for (let access: u32 = 0; access < ACCESSES; access++) {
    choosePages(access, shares);
    startItems(chains);
    hashItems(chains);
    if (chains <= MAX_INTERLEAVED_CHAINS) mixParentsInterleaved(chains);
    else mixParentsInBursts(chains);
    hashItems(chains);
    for (let at: usize = 0; at < end; at += 16) {
      v128.store(at, fnv(v128.load(at, MIXES), v128.load(at, ITEMS), prime), MIXES);
    }
  }
}

/** The page that each share reads next, as the indexes of its two dataset items. */
function choosePages(access: u32, shares: u32): void {
  const pages = datasetPages;
  const word: usize = (access & 31) << 2;
  for (let share: usize = 0; share < <usize>shares; share++) {
    const seed = load<u32>(share * HASH_BYTES, SEEDS);
    const start: u32 = (access ^ seed) * FNV_PRIME;
    const page: u32 = (start ^ load<u32>(share * MIX_BYTES + word, MIXES)) % pages;
    store<u32>(share << 3, page << 1, ITEM_INDEXES);
    store<u32>(share << 3, (page << 1) + 1, ITEM_INDEXES + 4);
  }
}

/** Every item starts as cache row `index mod n` with the index in its first word. */
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

/** Every item is replaced by its Keccak-512. */
function hashItems(chains: u32): void {
  const end = ITEMS + <usize>chains * HASH_BYTES;
  for (let item = ITEMS; item < end; item += 2 * HASH_BYTES) keccak512Pair(item, item + HASH_BYTES);
}
