import { FNV_PRIME } from "./spec";

/** Four FNV primes. A vector in memory, because V8 builds a splat constant anew at every use. */
export const PRIME: usize = memory.data<u32>([FNV_PRIME, FNV_PRIME, FNV_PRIME, FNV_PRIME]);

/** The specification's fnv(a, b) on four words; `prime` is the vector at PRIME, loaded once by the caller. */
@inline
export function fnv(a: v128, b: v128, prime: v128): v128 {
  return v128.xor(i32x4.mul(a, prime), b);
}
