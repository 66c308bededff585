// The light cache ("Cache Generation"): a chain of Keccak-512, then three rounds of RandMemoHash over it in place.
import { keccak512OfXor } from "./generated/keccak-f1600";
import { absorb, finish, keccakReset } from "./sponge";
import { CACHE, MESSAGE, ROWS, SPONGE, ZEROS } from "./layout";
import { rowsOf, touchRows } from "./rows";
import { HASH_BYTES } from "./spec";

/** Rate of Keccak-512 in bytes. */
export const KECCAK512_RATE: usize = 72;

/** Items of the cache in memory. */
export let cacheItems: u32 = 0;
/** Pages of 128 bytes in the dataset that belongs to it. */
export let datasetPages: u32 = 0;

/**
 * Rows that are read ahead of their use in RandMemoHash. All addresses are known before the round reaches them, so the
 * misses of 128 rows overlap instead of following each other: 494 -> 291 ns an item, most of it with 64 already.
 */
const AHEAD: u32 = 128;

/** floor(2^32 / cacheItems), for reductions modulo cacheItems by multiplication. */
export let reciprocal: u32 = 0;

/** Says how large the cache is; the host has grown the memory to hold it. */
export function setCacheItems(items: u32): void {
  cacheItems = items;
  // One item, which no epoch has, but a miniature in a test may: then one less is near enough.
  reciprocal = <u32>min<u64>((<u64>1 << 32) / items, 0xffffffff);
}

/** Says how large the dataset is. */
export function setDatasetPages(pages: u32): void {
  datasetPages = pages;
}

/** Items [from, to) of the first chain. Item 0 is the hash of the 32-byte seed that the host or `seedHash` left at MESSAGE. */
export function fillCache(from: u32, to: u32): void {
  let item = CACHE + <usize>from * HASH_BYTES;
  const end = CACHE + <usize>to * HASH_BYTES;
  if (from == 0) {
    keccakReset();
    absorb(MESSAGE, 32);
    finish(32, KECCAK512_RATE);
    memory.copy(CACHE, SPONGE, HASH_BYTES);
    item += HASH_BYTES;
  }
  for (; item < end; item += HASH_BYTES) keccak512OfXor(item - HASH_BYTES, ZEROS, item);
}

/** Items [from, to) of one round of RandMemoHash: item i becomes Keccak-512(item[i - 1] ^ item[first word of item i mod n]). */
export function mixCache(from: u32, to: u32): void {
  for (let start = from; start < to; start += AHEAD) {
    const items = min(AHEAD, to - start);
    chooseSources(start, items);
    touchRows(ROWS, items);
    let item = CACHE + <usize>start * HASH_BYTES;
    let previous = start ? item - HASH_BYTES : CACHE + <usize>(cacheItems - 1) * HASH_BYTES;
    for (let at: usize = 0; at < <usize>items << 2; at += 4) {
      keccak512OfXor(previous, CACHE + <usize>load<u32>(at, ROWS), item);
      previous = item;
      item += HASH_BYTES;
    }
  }
}

/** Offsets of the rows that `items` items from `start` on are mixed with, four at a time and the rest one by one. */
function chooseSources(start: u32, items: u32): void {
  const n = cacheItems;
  const vector = i32x4.splat(n);
  const inverse = i32x4.splat(reciprocal);
  const end = <usize>items << 2;
  let item = <usize>start * HASH_BYTES;
  let at: usize = 0;
  for (; at + 16 <= end; at += 16) {
    let words = v128.load32_zero(item, CACHE);
    words = v128.load32_lane(item, words, 1, CACHE + 64);
    words = v128.load32_lane(item, words, 2, CACHE + 128);
    words = v128.load32_lane(item, words, 3, CACHE + 192);
    v128.store(at, rowsOf(words, vector, inverse), ROWS);
    item += 4 * HASH_BYTES;
  }
  for (; at < end; at += 4) {
    store<u32>(at, (load<u32>(item, CACHE) % n) * HASH_BYTES, ROWS);
    item += HASH_BYTES;
  }
}
