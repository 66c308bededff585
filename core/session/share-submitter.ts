import { type Clock, sleep } from "../clock.ts";
import { claimOf, type ResultOf, type ShareClaim } from "../shares/judgement.ts";
import type { Logger } from "../log.ts";
import { shardOf, verifierName } from "../shares/shards.ts";
import type { ShareSubmission, ShareVerdict } from "../shares/share.ts";
import type { PendingShare } from "../stratum/session.ts";
import { ShareBundle, type SubmitAllAttempt } from "./share-bundle.ts";
import type { SharesByLine } from "./share-line.ts";
import type { SubmissionTimes } from "./submission-times.ts";

/** Waits between the attempts of one submission. */
const RETRY_WAITS_MS = [50, 250, 1_000];
/** What claims to be a block outlasts a verifier that is replaced or overloaded, also where its miner has given up. */
const BLOCK_WAITS_MS = [...RETRY_WAITS_MS, 2_000, 4_000, 8_000, 15_000, 30_000];

/** One attempt at a submission, at the verifier of that name. Rejects where there was no answer. */
export type SubmitAttempt = (verifier: string, submission: ShareSubmission) => Promise<ShareVerdict>;

export interface SubmitterPorts {
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  /** Verifiers of the pool. */
  readonly shards: number;
  /** Of all who submit shares of the same logins here. */
  readonly times: SubmissionTimes;
  readonly submit: SubmitAttempt;
  readonly submitAll: SubmitAllAttempt;
  /** The way that is no call. Left out: there is none. */
  readonly carry?: SharesByLine;
  /** The cheap test's result; may throw. Null where no shares of a farm come by: none waits for being no block. */
  readonly resultOf: ResultOf | null;
}

/** Brings shares of one login to its verifier. */
export class ShareSubmitter {
  readonly #ports: SubmitterPorts;
  /** By verifier: one, unless somebody brings shares of several logins. */
  readonly #bundles = new Map<string, ShareBundle>();
  #staleBefore = 0;

  constructor(ports: SubmitterPorts) {
    this.#ports = ports;
  }

  /** A stale submit, which no verifier sees: the next share takes the number of them along, for the pool's statistics. */
  noteStale(): void {
    this.#staleBefore += 1;
  }

  /**
   * Submits until there is an answer, the first time together with others. Every attempt carries the same time stamp, which with login and worker is the identity of
   * the submission, and every further one `retry`: what an earlier attempt recorded then counts as accepted, not as duplicate.
   * @param mayCarry the first attempt may go through a relay
   */
  async submit(share: PendingShare, nowMs: number, mayCarry = false): Promise<ShareVerdict> {
    const verdict = await this.#submit(share, nowMs, mayCarry);
    if (verdict.kind === "unavailable") {
      this.#ports.log.warn("a share was refused", { login: share.login, worker: share.worker, reason: verdict.reason });
    }
    return verdict;
  }

  /** Whether a share that may go through a relay does, and is no block: until its answer nobody has to be awake for it. */
  rests(share: PendingShare): boolean {
    return this.#ports.carry?.isOpen === true && this.#claimOf(share) === "share";
  }

  async #submit(share: PendingShare, nowMs: number, mayCarry: boolean): Promise<ShareVerdict> {
    const { clock, shards, times } = this.#ports;
    const submission = { ...share, timestampMs: times.next(share, nowMs), staleBefore: this.#staleBefore };
    this.#staleBefore = 0;
    const verifier = verifierName(shardOf(share.login, shards));
    let [reason, waitsMs] = ["", RETRY_WAITS_MS];
    for (let attempt = 0; attempt <= waitsMs.length; attempt++) {
      try {
        if (attempt === 0) return await this.#bundleFor(verifier).add({ ...submission, retry: false }, mayCarry);
        return await this.#ports.submit(verifier, { ...submission, retry: true });
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        if (attempt === 0 && this.#claimOf(submission) === "block") waitsMs = BLOCK_WAITS_MS;
        // An overloaded object has refused before running anything, and more requests would only keep it so.
        if (isOverloaded(error) && waitsMs !== BLOCK_WAITS_MS) break;
      }
      const wait = waitsMs[attempt];
      if (wait !== undefined) await sleep(clock, wait);
    }
    return { kind: "unavailable", reason: `verifier ${verifier}: ${reason}` };
  }

  #bundleFor(verifier: string): ShareBundle {
    const known = this.#bundles.get(verifier);
    if (known) return known;
    const { clock, submit, submitAll, carry } = this.#ports;
    const bundle = new ShareBundle({
      clock,
      claimOf: (submission) => this.#claimOf(submission),
      submit: (submission) => submit(verifier, submission),
      submitAll: (submissions) => submitAll(verifier, submissions),
      carry: () => (carry?.isOpen === true ? (submissions) => carry.ask(verifier, submissions) : null),
    });
    this.#bundles.set(verifier, bundle);
    return bundle;
  }

  #claimOf(share: PendingShare): ShareClaim {
    const { resultOf } = this.#ports;
    return resultOf === null ? "unknown" : claimOf(share, resultOf);
  }
}

function isOverloaded(error: unknown): boolean {
  return typeof error === "object" && error !== null && "overloaded" in error && error.overloaded === true;
}
