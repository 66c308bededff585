import type { SubmissionIdentity } from "../share-identity.ts";

/** Above this many workers, times that lie in the past are forgotten. */
const REMEMBERED_WORKERS = 1_024;

/**
 * The times that submissions are known by, together with login and worker, as far as the ledger: each is given once. Who submits shares of one
 * login beside others, as all POSTs and connections of strangers in an isolate do, has them out of the same one: of two shares with one time
 * a retry of the second would find the trace of the first, and count as recorded.
 */
export class SubmissionTimes {
  readonly #lastMs = new Map<string, number>();

  /** Unix time in ms, different for every share of a worker even within one millisecond (the reference merges them). */
  next({ login, worker }: Pick<SubmissionIdentity, "login" | "worker">, nowMs: number): number {
    if (this.#lastMs.size > REMEMBERED_WORKERS) {
      for (const [of, lastMs] of this.#lastMs) if (lastMs < nowMs) this.#lastMs.delete(of);
    }
    const of = `${login}/${worker}`;
    const unique = Math.max(nowMs, (this.#lastMs.get(of) ?? 0) + 1);
    this.#lastMs.set(of, unique);
    return unique;
  }
}
