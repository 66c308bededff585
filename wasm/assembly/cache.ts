// The light cache ("Cache Generation"): a chain of Keccak-512, then three rounds of RandMemoHash over it in place.
import { keccak512OfXor } from "./keccak-f1600";
import { absorb, finish, keccakReset } from "./sponge";
import { CACHE, MESSAGE, SPONGE, TOUCHED, ZEROS } from "./layout";
import { HASH_BYTES } from "./spec";

/** Rate of Keccak-512 in bytes. */
export const KECCAK512_RATE: usize = 72;

/** Items of the cache in memory. */
export let cacheItems: u32 = 0;
/** Pages of 128 bytes in the dataset that belongs to it. */
export let datasetPages: u32 = 0;

/**
 * Rows whose first word is read ahead of their use in RandMemoHash. All addresses are known before the round reaches
 * them, so the misses of 128 rows overlap instead of following each other: 494 -> 291 ns an item, most of it with 64 already.
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
  const n = cacheItems;
  for (let start = from; start < to; start += AHEAD) {
    const end = min(start + AHEAD, to);
    touchSources(start, end, n);
    for (let i = start; i < end; i++) {
      const item = CACHE + <usize>i * HASH_BYTES;
      const previous = i ? item - HASH_BYTES : CACHE + <usize>(n - 1) * HASH_BYTES;
      const other = CACHE + <usize>(load<u32>(item) % n) * HASH_BYTES;
      keccak512OfXor(previous, other, item);
    }
  }
}

/** Reads a word of every row that items [from, to) will be mixed with; the sum is as wide as in {@link touchRows}. */
function touchSources(from: u32, to: u32, n: u32): void {
  let sum: u64 = 0;
  for (let i = from; i < to; i++) {
    const source = load<u32>(<usize>i * HASH_BYTES, CACHE) % n;
    sum ^= <u64>load<u32>(<usize>source * HASH_BYTES, CACHE);
  }
  store<u64>(TOUCHED, sum);
}
