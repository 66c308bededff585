import { customChain, meetsTarget, targetOf, toHex, type Ethash, type PowHash } from "@edgepool/ethash-wasm";
import type { ChainSpec } from "../../core/chain-spec.ts";
import type { ShareSubmission } from "../../core/shares/share.ts";
import type { Job } from "../../core/work/job.ts";

/** Epochs of 30,000 blocks: every test height is in epoch 0. */
export const LONG_CHAIN: ChainSpec = customChain({ name: "long" });

/** A chain whose epochs are ten blocks long, so that a test can cross a boundary. Epoch 0 has a cache of 16 MiB. */
export const SHORT_CHAIN: ChainSpec = customChain({ name: "short", epochLength: 10 });

const hex = (value: number | bigint, digits: number): string => `0x${value.toString(16).padStart(digits, "0")}`;

/** A job of that height, whose shares are worth 2 wherever they are; `salt` makes another one of the same height. */
export function makeJob(height: number, networkDifficulty = 1n << 40n, salt = 0): Job {
  const header = hex((BigInt(salt) << 64n) | BigInt(height + 1), 64);
  return { header, seed: hex(0, 64), height, networkDifficulty, poolDifficulty: 2n, classTable: 0 };
}

/** Real proofs of work for a job, from `firstNonce` on, whose results pass `keep`. */
export function* solutions(
  ethash: Pick<Ethash, "hashBatch">,
  job: Pick<Job, "header">,
  firstNonce: bigint,
  keep: (result: Uint8Array) => boolean,
): Generator<{ nonce: string; mixDigest: string; result: Uint8Array }> {
  for (let base = firstNonce; ; base += 32n) {
    const inputs = Array.from({ length: 32 }, (_, at) => ({ header: job.header, nonce: base + BigInt(at) }));
    const hashes: PowHash[] = ethash.hashBatch(inputs);
    for (const [at, hash] of hashes.entries()) {
      if (keep(hash.result))
        yield { nonce: hex(base + BigInt(at), 16), mixDigest: `0x${toHex(hash.mixDigest)}`, result: hash.result };
    }
  }
}

/** Keeps results that meet a difficulty, and miss a higher one where given. */
export function meets(difficulty: bigint, misses?: bigint): (result: Uint8Array) => boolean {
  return (result) =>
    meetsTarget(result, targetOf(difficulty)) && (misses === undefined || !meetsTarget(result, targetOf(misses)));
}

/** A submission of a solution, in a pool whose difficulty is what the session tells. */
export function submission(
  job: Job,
  solution: { readonly nonce: string; readonly mixDigest: string | null },
  more: Partial<ShareSubmission> = {},
): ShareSubmission {
  return {
    login: hex(1, 40),
    worker: "rig",
    nonce: solution.nonce,
    mixDigest: solution.mixDigest,
    shareDifficulty: job.poolDifficulty,
    timestampMs: 1_700_000_000_000,
    retry: false,
    ...more,
    job: { ...job, poolDifficulty: more.shareDifficulty ?? job.poolDifficulty },
  };
}
