import * as v from "valibot";
import type { Job } from "../work/job.ts";

/** Closings that are remembered; jobs live for three heights. */
const REMEMBERED = 8;

const stored = v.array(v.object({ height: v.number(), atMs: v.number() }));

/** Where they outlive the verifier's object. */
export interface ClosedRoundsStore {
  read(): unknown;
  write(closings: readonly object[]): void;
}

/**
 * Which of the headers that miners hand in belong to a round that is closed, or about to be: what was public when the pool found a block of
 * its height or above. Verifiers tell each other before one of them records a block, so that no session has to know in time.
 */
export class ClosedRounds {
  readonly #store: ClosedRoundsStore;
  #closings: readonly { readonly height: number; readonly atMs: number }[];

  constructor(store: ClosedRoundsStore) {
    this.#store = store;
    const kept = v.safeParse(stored, store.read());
    this.#closings = kept.success ? kept.output : [];
  }

  /** @param atMs when, Unix time in ms */
  close(height: number, atMs: number): void {
    // Said again, of the second nonce for a header, it closes nothing anew.
    if (this.#closings.some((closing) => closing.height === height)) return;
    this.#closings = [{ height, atMs }, ...this.#closings].slice(0, REMEMBERED);
    this.#store.write(this.#closings);
  }

  /** The job, marked where its round is closed. One that does not say since when it is public was so before. */
  mark(job: Job): Job {
    if (job.solo === true || job.roundClosed === true) return job;
    const { sinceMs = -Infinity } = job;
    const isClosed = this.#closings.some(({ height, atMs }) => job.height <= height && sinceMs <= atMs);
    return isClosed ? { ...job, roundClosed: true } : job;
  }
}
