import { meetsTarget, targetOf, toHex, type PowHash } from "@edgepool/ethash-wasm";
import type { ShareRecord } from "../ledger/contract/records.ts";
import { shareWorth } from "./difficulty-classes.ts";
import type { ShareSubmission, ShareVerdict } from "./share.ts";

/** What the proof of work of a submission is worth. `record` is what the ledger keeps. */
export type Judgement = Extract<ShareVerdict, { kind: "invalid" | "lowDifficulty" }> | GoodJudgement;
export type GoodJudgement = { readonly kind: "share" | "block"; readonly record: ShareRecord };

export function isGood(judgement: Judgement): judgement is GoodJudgement {
  return judgement.kind === "share" || judgement.kind === "block";
}

/** Judges a result by what a share with this nonce and header is worth; where that is the network's difficulty, each is a block. */
function judge(share: ShareSubmission, result: Uint8Array, mixDigest: string): Judgement {
  const worth = shareWorth(share.nonce.slice(2), share.job);
  if (!meetsTarget(result, targetOf(worth))) {
    return { kind: meetsTarget(result, targetOf(share.shareDifficulty)) ? "lowDifficulty" : "invalid" };
  }
  const record: ShareRecord = {
    login: share.login,
    worker: share.worker,
    nonce: share.nonce,
    header: share.job.header,
    mixDigest,
    height: share.job.height,
    shareDifficulty: worth,
    timestampMs: share.timestampMs,
    ...(share.job.roundClosed === true && { late: true }),
    ...(share.job.solo === true ? { solo: true } : {}),
  };
  const isBlock = meetsTarget(result, targetOf(share.job.networkDifficulty));
  return { kind: isBlock ? "block" : "share", record };
}

/** `resultOf(header, nonce, claimed mix digest)`: two Keccaks. @throws KernelTrapError */
export type ResultOf = (header: string, nonce: string, mixDigest: string) => Uint8Array;

/** What a submission says of itself; nothing, where its dialect carries no mix digest. */
export type ShareClaim = "block" | "share" | "unknown";

/** Whether a submission claims to be a block. It may be wrong, and then is found out. */
export function claimOf(
  { nonce, mixDigest, job }: Pick<ShareSubmission, "nonce" | "mixDigest" | "job">,
  resultOf: ResultOf,
): ShareClaim {
  if (mixDigest === null) return "unknown";
  try {
    return meetsTarget(resultOf(job.header, nonce, mixDigest), targetOf(job.networkDifficulty)) ? "block" : "share";
  } catch {
    return "unknown";
  }
}

/**
 * The cheap test: what the share would be worth if the mix digest that the miner claims is right.
 * Invalid is final; anything else still needs the full verification. Null where nothing is claimed.
 */
export function judgeClaim(share: ShareSubmission, resultOf: ResultOf): Judgement | null {
  const { job, nonce, mixDigest } = share;
  return mixDigest === null ? null : judge(share, resultOf(job.header, nonce, mixDigest), mixDigest);
}

/** The full verification: the claimed mix digest, where there is one, must be the right one. */
export function judgeProof(share: ShareSubmission, proof: PowHash): Judgement {
  const mixDigest = `0x${toHex(proof.mixDigest)}`;
  if (share.mixDigest !== null && share.mixDigest !== mixDigest) return { kind: "invalid" };
  return judge(share, proof.result, mixDigest);
}
