// Constants of Ethash, revision 23, under the specification's names ("Definitions"), in bytes where they are sizes.

/** One hash of the light cache, and one item of the dataset: 512 bits. */
export const HASH_BYTES: u32 = 64;
/** Width of the mix: two dataset items. */
export const MIX_BYTES: u32 = 128;
/** Rounds of RandMemoHash over the cache. */
export const CACHE_ROUNDS: u32 = 3;
/** Cache items that go into one dataset item. */
export const DATASET_PARENTS: u32 = 256;
/** Dataset pages that go into one hash. */
export const ACCESSES: u32 = 64;
/** Prime of the FNV-like mixing function: fnv(a, b) = a * FNV_PRIME ^ b, modulo 2^32. */
export const FNV_PRIME: u32 = 0x01000193;
