// Keccak-256 with the original padding (0x01, not the 0x06 of SHA-3), as Ethereum has it, for messages of any length.
import { keccakF1600 } from "./generated/keccak-f1600";
import { MESSAGE, SPONGE } from "./layout";

/** Rate of Keccak-256: 1600 - 2 * 256 bits. */
export const KECCAK256_RATE: usize = 136;
const STATE_BYTES: usize = 200;

/** Empties the sponge. */
export function keccakReset(): void {
  memory.fill(SPONGE, 0, STATE_BYTES);
}

/** Absorbs whole blocks of the rate from MESSAGE; the host has padded the last. The hash is then the first 32 bytes at SPONGE. */
export function keccakAbsorb(blocks: u32): void {
  for (let block: u32 = 0; block < blocks; block++) {
    absorb(MESSAGE + <usize>block * KECCAK256_RATE, KECCAK256_RATE);
    keccakF1600(SPONGE);
  }
}

/** Adds `bytes` (a multiple of 8) of a message to the first lanes of the sponge. */
export function absorb(message: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 8) xorLane(at, load<u64>(message + at));
}

/** Pads a message of `bytes` (a multiple of 8) for a sponge of the given rate and permutes. */
export function finish(bytes: usize, rate: usize): void {
  xorLane(bytes, 0x01);
  xorLane(rate - 8, 0x8000000000000000);
  keccakF1600(SPONGE);
}

@inline
function xorLane(at: usize, value: u64): void {
  store<u64>(SPONGE + at, load<u64>(SPONGE + at) ^ value);
}

/** Replaces the 32 bytes at MESSAGE by the seed hash: Keccak-256 applied `rounds` times to 32 zero bytes. */
export function seedHash(rounds: u32): void {
  memory.fill(MESSAGE, 0, 32);
  for (let round: u32 = 0; round < rounds; round++) {
    keccakReset();
    absorb(MESSAGE, 32);
    finish(32, KECCAK256_RATE);
    memory.copy(MESSAGE, SPONGE, 32);
  }
}
