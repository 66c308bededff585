// What surrounds the memory-hard part of Hashimoto: the seed that it starts from and the hash that it ends in.
import { KECCAK512_RATE } from "./cache";
import { absorb, finish, KECCAK256_RATE, keccakReset } from "./sponge";
import { MIXES, SEEDS, SHARE_BYTES, SHARE_MIX_DIGEST, SHARE_NONCE, SHARE_RESULT, SHARES, SPONGE } from "./layout";
import { FNV_PRIME, HASH_BYTES, MIX_BYTES } from "./spec";

/** s = Keccak-512(header ++ nonce, little-endian) into the share's seed slot. */
export function seedShare(share: u32): void {
  const seed = SEEDS + <usize>share * HASH_BYTES;
  keccakReset();
  absorb(SHARES + <usize>share * SHARE_BYTES, SHARE_NONCE + 8);
  finish(SHARE_NONCE + 8, KECCAK512_RATE);
  memory.copy(seed, SPONGE, HASH_BYTES);
}

/** The mix starts as the seed twice. */
export function startMix(share: u32): void {
  const seed = SEEDS + <usize>share * HASH_BYTES;
  const mix = MIXES + <usize>share * MIX_BYTES;
  memory.copy(mix, seed, HASH_BYTES);
  memory.copy(mix + HASH_BYTES, seed, HASH_BYTES);
}

/** The mix compressed to the digest, four words to one by fnv, and the result computed from it. */
export function finishShare(share: u32): void {
  const mix = MIXES + <usize>share * MIX_BYTES;
  const digest = SHARES + <usize>share * SHARE_BYTES + SHARE_MIX_DIGEST;
  for (let word: usize = 0; word < 8; word++) {
    const at = mix + word * 16;
    let compressed = load<u32>(at);
    for (let next: usize = 4; next < 16; next += 4) compressed = (compressed * FNV_PRIME) ^ load<u32>(at + next);
    store<u32>(digest + word * 4, compressed);
  }
  finishResult(share);
}

/** result = Keccak-256(s ++ mix digest). */
export function finishResult(share: u32): void {
  const slot = SHARES + <usize>share * SHARE_BYTES;
  keccakReset();
  absorb(SEEDS + <usize>share * HASH_BYTES, HASH_BYTES);
  for (let at: usize = 0; at < 32; at += 8) {
    store<u64>(SPONGE + HASH_BYTES + at, load<u64>(slot + SHARE_MIX_DIGEST + at));
  }
  finish(96, KECCAK256_RATE);
  memory.copy(slot + SHARE_RESULT, SPONGE, 32);
}
