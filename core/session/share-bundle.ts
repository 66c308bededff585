import type { Clock } from "../clock.ts";
import type { ShareClaim } from "../shares/judgement.ts";
import type { ShareSubmission, ShareVerdict } from "../shares/share.ts";

/** Calls follow each other no faster, unless {@link ENOUGH} shares wait. A share that may be a block is not held up longer than that. */
const BETWEEN_MS = 25;

/** What is certainly no block may wait longer: until so many more can be expected, and no longer than this. */
const WANTED = 6.5;
const LONGEST_MS = 100;
/** Below so many shares a second nothing waits longer than {@link BETWEEN_MS}. */
const FARM_PER_SECOND = 50;
/** Over so long the rate of arrivals is averaged, exponentially. */
const MEMORY_MS = 1_000;

/** The verifier hashes so many together without waiting for more. */
const ENOUGH = 16;

/** After a call that failed shares go singly for so long: during a deploy the verifier may not know a bundle yet. */
const SINGLY_MS = 60_000;

/** Answers in the order of the submissions; null for one that takes longer, and has to be asked for again, as a retry. */
export type SubmitAllAttempt = (
  verifier: string,
  submissions: readonly ShareSubmission[],
) => Promise<readonly (ShareVerdict | null)[]>;

interface Asked {
  readonly submission: ShareSubmission;
  readonly resolve: (verdict: ShareVerdict | Promise<ShareVerdict>) => void;
}

/** Answers as {@link SubmitAllAttempt}; null where there are none. Never rejects. */
type Carry = (submissions: readonly ShareSubmission[]) => Promise<readonly (ShareVerdict | null)[] | null>;

interface Waiting extends Asked {
  readonly sinceMs: number;
  readonly isCarried: boolean;
}

export interface ShareBundleOptions {
  readonly clock: Clock;
  /** By what its miner claims. */
  readonly claimOf: (submission: ShareSubmission) => ShareClaim;
  readonly submit: (submission: ShareSubmission) => Promise<ShareVerdict>;
  readonly submitAll: (submissions: readonly ShareSubmission[]) => Promise<readonly (ShareVerdict | null)[]>;
  /** The way that is no call; null while there is none. */
  readonly carry: () => Carry | null;
}

/**
 * Gathers the shares of a login into few calls. One that comes alone goes at once, and so does one that claims to be a block: a tenth of a
 * second more for one block in 130 would cost a farm more than all its calls (docs/decisions/0049-the-bill.md).
 */
export class ShareBundle {
  readonly #options: ShareBundleOptions;
  #waiting: Waiting[] = [];
  #lastMs = -Infinity;
  #singlyUntilMs = -Infinity;
  #timer: { readonly atMs: number; readonly cancel: () => void } | null = null;
  /** Arrivals a millisecond, as of {@link #rateAtMs}. */
  #rate = 0;
  #rateAtMs = 0;

  constructor(options: ShareBundleOptions) {
    this.#options = options;
  }

  /**
   * Rejects where there was no answer.
   * @param mayCarry it may go by another way than a call, unless it claims to be a block
   */
  add(submission: ShareSubmission, mayCarry = false): Promise<ShareVerdict> {
    const { clock, submit, claimOf } = this.#options;
    const nowMs = clock.nowMs();
    this.#rate = this.#rateNow(nowMs) + 1 / MEMORY_MS;
    this.#rateAtMs = nowMs;
    const claim = claimOf(submission);
    const isCarried = mayCarry && claim !== "block" && this.#options.carry() !== null;
    if (nowMs < this.#singlyUntilMs && !isCarried) return submit(submission);
    return new Promise((resolve) => {
      this.#waiting.push({ submission, sinceMs: nowMs, isCarried, resolve });
      const atMs = this.#lastMs + (claim === "share" ? this.#windowMs() : BETWEEN_MS);
      if (claim === "block" || atMs <= nowMs || this.#waiting.length >= ENOUGH) this.#send();
      else this.#sendAt(atMs, nowMs);
    });
  }

  #windowMs(): number {
    if (this.#rate * 1_000 < FARM_PER_SECOND) return BETWEEN_MS;
    return Math.min(LONGEST_MS, Math.max(BETWEEN_MS, WANTED / this.#rate));
  }

  #rateNow(nowMs: number): number {
    return this.#rate * Math.exp(-Math.max(0, nowMs - this.#rateAtMs) / MEMORY_MS);
  }

  #sendAt(atMs: number, nowMs: number): void {
    if (this.#timer !== null && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    this.#timer = { atMs, cancel: this.#options.clock.after(atMs - nowMs, () => this.#send()) };
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const nowMs = this.#options.clock.nowMs();
    this.#lastMs = nowMs;
    const sent = this.#waiting;
    this.#waiting = [];
    const asked = (isCarried: boolean): Asked[] =>
      sent
        .filter((one) => one.isCarried === isCarried)
        .map(({ submission, sinceMs, resolve }) => ({
          submission: { ...submission, waitedMs: nowMs - sinceMs },
          resolve,
        }));
    const [carried, called] = [asked(true), asked(false)];
    if (called.length > 0) void this.#ask(called);
    if (carried.length > 0) void this.#carry(carried);
  }

  /** By the way that is no call, and by calls where it brings no verdicts. */
  async #carry(asked: readonly Asked[]): Promise<void> {
    const carry = this.#options.carry();
    // Closed since they came.
    if (carry === null) return await this.#ask(asked);
    this.#settle(asked, (await carry(asked.map(({ submission }) => submission))) ?? []);
  }

  /**
   * One call, and another one for those that are late. A verifier that is behind owes most of a call: asked for one by one they would be a call
   * each, and it would fall behind further.
   */
  async #ask(asked: readonly Asked[]): Promise<void> {
    const { clock, submit, submitAll } = this.#options;
    const [only] = asked;
    if (only && asked.length === 1) return only.resolve(submit(only.submission));
    try {
      this.#settle(asked, await submitAll(asked.map(({ submission }) => submission)));
    } catch (error) {
      this.#singlyUntilMs = clock.nowMs() + SINGLY_MS;
      for (const { resolve } of asked) resolve(Promise.reject(error));
    }
  }

  /** Whoever has no verdict is asked for again: what was asked before may have been done. */
  #settle(asked: readonly Asked[], verdicts: readonly (ShareVerdict | null)[]): void {
    const late: Asked[] = [];
    for (const [at, { submission, resolve }] of asked.entries()) {
      const verdict = verdicts[at];
      if (verdict) resolve(verdict);
      else late.push({ submission: { ...submission, retry: true }, resolve });
    }
    if (late.length > 0) void this.#ask(late);
  }
}
