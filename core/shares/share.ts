import type { Verdict } from "../history/definitions.ts";
import type { RecordOutcome } from "../ledger/contract/records.ts";
import type { Job } from "../work/job.ts";

/** A submit that passed every check that needs no hashing. Hex strings are lower case with `0x`, as they go into the ledger. */
export interface ShareSubmission {
  /** Lower-case `0x` address. */
  readonly login: string;
  /** Worker name, 1 to 32 of `[0-9A-Za-z-_]`; `0` where the miner gave none. */
  readonly worker: string;
  /** 8 bytes. */
  readonly nonce: string;
  /** 32 bytes as claimed by the miner; null where the dialect carries none and the pool computes it. */
  readonly mixDigest: string | null;
  /** The job that the submit names, from the session's backlog. */
  readonly job: Job;
  /**
   * Difficulty that the miner was told with this job, in hashes. What the share is worth is reckoned from its nonce and header; this
   * only tells a share that was told too easy a difficulty from one that proves nothing.
   */
  readonly shareDifficulty: bigint;
  /**
   * Unix time in ms, made unique per login and worker by the session that owns the login. With them it is the identity of
   * the submission: a retry inside the pool carries the same one.
   */
  readonly timestampMs: number;
  /** True when an earlier attempt at this submission may have been executed: `duplicate` may then mean `done`. */
  readonly retry: boolean;
  /** Address of whoever sent it: turns go by login and address. Left out by sessions of an older version. */
  readonly client?: string;
  /** How long the session has let it wait for others, in ms: the verifier does not begin anew. Left out: not at all. */
  readonly waitedMs?: number;
  /** Height of the newest work that the session has; above the job's, the share is late. */
  readonly workHeight?: number;
  /** Stale submits of this login since its last share: for statistics, which only the verifier gathers. */
  readonly staleBefore?: number;
  /** What its isolate has had no room for since it last sent a share, for `/health`: of any login. Left out where that is nothing. */
  readonly noRoomBefore?: NoRoom;
}

/** What an isolate refused because as much waited in it as fits (`core/session/isolate-room.ts`). */
export interface NoRoom {
  readonly shares: number;
  /** Connections that were closed for what they had waiting. */
  readonly connections: number;
}

/**
 * Whether a share is of a job that may have outlived its round: nobody is told that it counts before the ledger has said that no block of
 * the pool's has closed that round.
 * @param workHeight of the newest work that is known
 */
export function isLate(
  share: { readonly job: Pick<Job, "height" | "roundClosed" | "solo">; readonly workHeight?: number },
  workHeight: number,
): boolean {
  const { job, workHeight: known = 0 } = share;
  // Solo work is in no round.
  return job.solo !== true && (job.roundClosed === true || job.height < Math.max(workHeight, known));
}

/** How a verdict counts in charts and rates; null for one that says nothing of the miner. */
export function countedAs({ kind }: ShareVerdict): Verdict | null {
  return kind === "unavailable" || kind === "lowDifficulty" ? null : kind;
}

/** What became of a submission. Expected outcomes only; a bug throws. */
export type ShareVerdict =
  /** In the ledger or in the durable outbox, exactly once. `block`: it also met the network target. */
  | { readonly kind: "accepted"; readonly block: boolean }
  /** Nonce, header and mix were there before, from anyone. */
  | { readonly kind: "duplicate" }
  /** The proof of work is wrong or misses what the miner was told. */
  | { readonly kind: "invalid" }
  /** It meets what the miner was told, and not what its nonce needs; nothing was written, and nobody did wrong. */
  | { readonly kind: "lowDifficulty" }
  /** The pool has found a block at the share's height or above, so that its round is closed; nothing was written. */
  | { readonly kind: "stale" }
  /** The pool cannot keep or judge it now (ledger sick, cache not ready); nothing was written. `reason` is for the log. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** A block that a node has accepted. */
export interface FoundBlock {
  readonly height: number;
  readonly solo: boolean;
}

/** A share that was accepted on its claim and was wrong. */
export interface RefutedShare {
  readonly worker: string;
  /** Who sent it, where that is known. */
  readonly client?: string | undefined;
}

/** A verdict with what else the verifier has for whoever asked: it calls nobody back. All of it may be lost with an answer, and is for charts, guards and speed only. */
export type JudgedShare = ShareVerdict & {
  /** Of the same login, since its last verdict. */
  readonly refuted?: readonly RefutedShare[];
  /** By anybody, since the verifier's last verdict: there is new work. */
  readonly found?: FoundBlock;
};

/** @param reason for the log */
export function unavailable(reason: string): ShareVerdict {
  return { kind: "unavailable", reason };
}

/** The verdict on a good proof of work by what the ledger made of it. @param block whether it closed a round */
export function verdictOf(outcome: RecordOutcome, block: boolean): ShareVerdict {
  if (outcome === "duplicate") return { kind: "duplicate" };
  if (outcome === "stale") return { kind: "stale" };
  if (outcome === "unresolved") return unavailable("too old to tell whether it is in the ledger");
  return { kind: "accepted", block };
}
