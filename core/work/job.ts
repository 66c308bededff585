import type { ShareTerms } from "../shares/difficulty-classes.ts";

/**
 * One header that can be mined, as a node gave it. Every field is what the node said, checked once where it came in.
 * Hex strings are lower case with `0x`.
 */
export interface NodeJob {
  /** Seal hash of the block without nonce and mix digest, 32 bytes. Miners call it the header hash; it names the job. */
  readonly header: string;
  /** Seed hash of the epoch's light cache, 32 bytes. */
  readonly seed: string;
  /** Block number. */
  readonly height: number;
  /** Network difficulty in hashes; the network target is floor(2^256 / difficulty). */
  readonly networkDifficulty: bigint;
}

/** By what the pool's settings were when the template took a header in; they stay with the header. */
export interface HeaderTerms extends Omit<ShareTerms, "networkDifficulty"> {
  /**
   * Solo work: its shares earn nothing and its block is its finder's. The scheme is the header's, so that nobody can take credit for
   * shares and hand in the one that is a block under another scheme (docs/protocol.md, section 7). Left out of common work.
   */
  readonly solo?: boolean;
}

/** A header as the pool hands it out: what its shares are worth is fixed. */
export interface Job extends NodeJob, HeaderTerms {
  /** It was public when the pool found a block of its height or above: its shares belong to the round that this block closes. */
  readonly roundClosed?: boolean | undefined;
  /** Since when it is public, Unix time in ms. Left out by templates of an older version. */
  readonly sinceMs?: number;
}

/** What may be mined at one moment. */
export interface WorkSnapshot {
  /** Grows by at least one with every new current job, also over restarts: a push with a lower one is old and is dropped. */
  readonly sequence: number;
  /** The job that miners get. */
  readonly current: Job;
  /** Every job that a submit may still name, the current one included: height > current.height - 3, newest first. */
  readonly jobs: readonly Job[];
  /** When a node last confirmed this work, Unix time in ms; old work is answered with `Work not ready`. */
  readonly confirmedAtMs: number;
  /** The operator has paused the pool, or the login: no job is given and no share is taken. */
  readonly paused?: boolean | undefined;
  /** From the template of solo work. */
  readonly solo?: boolean;
  /** How many relays there are for sessions to subscribe at; left out: they subscribe at the root. */
  readonly relays?: number;
}

/** A job that may have come from a part of before headers had terms: then it is common work under the terms of now. */
export function withTerms<T extends NodeJob & Partial<HeaderTerms>>(job: T, terms: HeaderTerms): T & HeaderTerms {
  const { poolDifficulty, classTable } = terms;
  return { poolDifficulty, classTable, ...job };
}
