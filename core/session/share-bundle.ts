import type { Clock } from "../clock.ts";
import type { ShareSubmission, ShareVerdict } from "../shares/share.ts";

/** Calls follow each other no faster, unless {@link ENOUGH} shares wait. A block among them is not held up longer than that. */
const BETWEEN_MS = 25;

/** The verifier hashes so many together without waiting for more. */
const ENOUGH = 16;

/** After a call that failed shares go singly for so long: during a deploy the verifier may not know a bundle yet. */
const SINGLY_MS = 60_000;

/** Answers in the order of the submissions; null for one that takes longer, and has to be asked for again. */
export type SubmitAllAttempt = (
  verifier: string,
  submissions: readonly ShareSubmission[],
) => Promise<readonly (ShareVerdict | null)[]>;

interface Waiting {
  readonly submission: ShareSubmission;
  readonly sinceMs: number;
  readonly resolve: (verdict: Promise<ShareVerdict | null>) => void;
}

export interface ShareBundleOptions {
  readonly clock: Clock;
  readonly submit: (submission: ShareSubmission) => Promise<ShareVerdict>;
  readonly submitAll: (submissions: readonly ShareSubmission[]) => Promise<readonly (ShareVerdict | null)[]>;
}

/** Gathers the shares of a login into few calls. One that comes alone goes at once. */
export class ShareBundle {
  readonly #options: ShareBundleOptions;
  #waiting: Waiting[] = [];
  #lastMs = -Infinity;
  #singlyUntilMs = -Infinity;
  #cancelTimer: (() => void) | null = null;

  constructor(options: ShareBundleOptions) {
    this.#options = options;
  }

  /** @returns null where there is no verdict yet. Rejects where there was no answer */
  add(submission: ShareSubmission): Promise<ShareVerdict | null> {
    const { clock, submit } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs < this.#singlyUntilMs) return submit(submission);
    return new Promise((resolve) => {
      this.#waiting.push({ submission, sinceMs: nowMs, resolve });
      const dueInMs = this.#lastMs + BETWEEN_MS - nowMs;
      if (dueInMs <= 0 || this.#waiting.length >= ENOUGH) this.#send();
      else this.#cancelTimer ??= clock.after(dueInMs, () => this.#send());
    });
  }

  #send(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const { clock, submit, submitAll } = this.#options;
    const nowMs = clock.nowMs();
    this.#lastMs = nowMs;
    const sent = this.#waiting;
    this.#waiting = [];
    const submissions = sent.map(({ submission, sinceMs }) => ({ ...submission, waitedMs: nowMs - sinceMs }));
    const [only] = submissions;
    if (only && submissions.length === 1) return sent[0]?.resolve(submit(only));
    const verdicts = submitAll(submissions);
    verdicts.catch(() => (this.#singlyUntilMs = nowMs + SINGLY_MS));
    for (const [at, { resolve }] of sent.entries()) resolve(verdicts.then((all) => all[at] ?? null));
  }
}
