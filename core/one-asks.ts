import { type Clock, sleep } from "./clock.ts";

/** Who waits for what another one has asked for looks for it this often. */
const LOOK_MS = 20;

/**
 * One of many requests asks for what all of them need, and the others look now and then whether it is there: after a restart hundreds come in
 * one moment. Holds data only. In workerd a promise is lost with its request, so nobody waits for another one's.
 */
export class OneAsks {
  readonly #clock: Clock;
  readonly #turnMs: number;
  /** Whose turn it is to ask, since when, Unix time in ms. */
  #turn: { readonly sinceMs: number } | null = null;
  /** Questions that brought nothing: whoever waited for one goes on without. */
  #inVain = 0;

  /** @param turnMs after that another one asks as well: the first may have gone, and its answer with it */
  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
  }

  /**
   * @param found what is there, or null; may take it away
   * @param ask brings more
   * @returns null when this question, or the one that was waited for, brought nothing
   * @throws what `ask` throws
   */
  async find<T>(found: () => T | null, ask: () => Promise<void>): Promise<T | null> {
    const inVain = this.#inVain;
    for (let here = found(); ; here = found()) {
      if (here !== null || this.#inVain !== inVain) return here;
      if (!this.#isTaken()) return await this.#asked(found, ask);
      await sleep(this.#clock, LOOK_MS);
    }
  }

  async #asked<T>(found: () => T | null, ask: () => Promise<void>): Promise<T | null> {
    const turn = { sinceMs: this.#clock.nowMs() };
    this.#turn = turn;
    let here: T | null = null;
    try {
      await ask();
      here = found();
      return here;
    } finally {
      if (here === null) this.#inVain += 1;
      if (this.#turn === turn) this.#turn = null;
    }
  }

  #isTaken(): boolean {
    // A clock that was set back is not to hold the turn for ever.
    return this.#turn !== null && Math.abs(this.#clock.nowMs() - this.#turn.sinceMs) < this.#turnMs;
  }
}
