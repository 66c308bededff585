import { meetsTarget, targetOf, toHex, type PowHash } from "ethash-wasm";
import type { ShareRecord } from "../ledger/contract/records.ts";
import type { ShareSubmission } from "./share.ts";

/** What the proof of work of a submission is worth. `record` is what the ledger keeps. */
export type Judgement =
  | { readonly kind: "invalid" }
  | { readonly kind: "share" | "block"; readonly record: ShareRecord };

/**
 * Judges a result. A result that misses the share target and still solves the block is a block: that happens only where
 * the operator's share difficulty is above the network's, and it is then worth what it proves, the network difficulty.
 */
function judge(share: ShareSubmission, result: Uint8Array, mixDigest: string): Judgement {
  const meetsShare = meetsTarget(result, targetOf(share.shareDifficulty));
  const meetsNetwork = meetsTarget(result, targetOf(share.job.networkDifficulty));
  if (!meetsShare && !meetsNetwork) return { kind: "invalid" };
  const record: ShareRecord = {
    login: share.login,
    worker: share.worker,
    nonce: share.nonce,
    header: share.job.header,
    mixDigest,
    height: share.job.height,
    shareDifficulty: meetsShare ? share.shareDifficulty : share.job.networkDifficulty,
    timestampMs: share.timestampMs,
  };
  return { kind: meetsNetwork ? "block" : "share", record };
}

/**
 * The cheap test: what the share would be worth if the mix digest that the miner claims is right.
 * Invalid is final; anything else still needs the full verification.
 * @param result `resultOf(header, nonce, claimed mix digest)`
 */
export function judgeClaim(share: ShareSubmission & { readonly mixDigest: string }, result: Uint8Array): Judgement {
  return judge(share, result, share.mixDigest);
}

/** The full verification: the claimed mix digest, where there is one, must be the right one. */
export function judgeProof(share: ShareSubmission, proof: PowHash): Judgement {
  const mixDigest = `0x${toHex(proof.mixDigest)}`;
  if (share.mixDigest !== null && share.mixDigest !== mixDigest) return { kind: "invalid" };
  return judge(share, proof.result, mixDigest);
}
