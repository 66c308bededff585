import type { Refusal } from "../../../core/stratum/answers.ts";
import type { ShareFate } from "./share-fates.ts";

/** How a line has to be written to the miner. */
export interface ToMiner {
  readonly text: string;
  /**
   * `job`: a newer one replaces it; `setting`: holds for the jobs after it; the others go at once: `work` and `noWork` answer a question
   * for work, which most miners ask after `login`.
   */
  readonly kind: "answer" | "login" | "work" | "noWork" | "job" | "setting";
}

/** What follows from a line of the pool. */
export interface PoolOutcome {
  readonly toMiner: readonly ToMiner[];
  /** The pool has taken the session over: `activate` this connection. */
  readonly resumed?: true;
  /** The pool does not take the session over, and why. */
  readonly refused?: string;
  /** A share was answered. */
  readonly share?: ShareFate;
  /** A request of the miner was answered with no. */
  readonly refusal?: Refusal;
  /** A share waits because the pool has no work yet: `releaseDeferred` after a while. */
  readonly deferred?: true;
}

/** What goes out now. */
export interface Outgoing {
  readonly toPool: readonly string[];
  readonly toMiner: readonly ToMiner[];
  readonly fates: readonly ShareFate[];
}
