import { equalBytes, hash256 } from "./hex.ts";
import type { Ethash, PowHash, PowInput } from "./ethash.ts";
import { meetsTarget } from "./target.ts";

/** A claim of work. */
export interface PowClaim extends PowInput {
  /** 32 bytes, or hex. */
  readonly mixDigest: Uint8Array | string;
  /** The largest result that is good enough: {@link targetOf} a difficulty. */
  readonly target: bigint;
}

/** What a claim is worth. `hash` is there where the full verification was done. */
export type PowVerdict =
  | { readonly valid: true; readonly hash: PowHash }
  /** Even if the mix digest were right, the result would be over the target: found by two Keccaks. */
  | { readonly valid: false; readonly reason: "result over target"; readonly result: Uint8Array }
  /** The claimed mix digest is not the one that header and nonce give. */
  | { readonly valid: false; readonly reason: "wrong mix digest"; readonly hash: PowHash };

/**
 * Judges a claim: the cheap test first, then the full verification.
 * @example
 * const verdict = verify(ethash, { header, nonce, mixDigest, target: targetOf(difficulty) });
 * if (!verdict.valid) console.log(verdict.reason);
 * @throws ArgumentError, KernelTrapError, and NoCacheError where the cheap test alone does not decide
 */
export function verify(ethash: Ethash, claim: PowClaim): PowVerdict {
  const { header, nonce, target } = claim;
  const claimed = hash256(claim.mixDigest, "mixDigest");
  const result = ethash.resultOf(header, nonce, claimed);
  if (!meetsTarget(result, target)) return { valid: false, reason: "result over target", result };
  const hash = ethash.hash(header, nonce);
  return equalBytes(hash.mixDigest, claimed)
    ? { valid: true, hash }
    : { valid: false, reason: "wrong mix digest", hash };
}
