import type { Clock } from "../clock.ts";
import { OneAsks } from "../one-asks.ts";
import type { WorkSnapshot } from "../work/job.ts";

/** The template is asked this often. */
const ASK_AGAIN_MS = 900;
/** An answer is waited for so long before another one asks as well. */
const TURN_MS = 1_000;

/** Work for all who are served without an object by one isolate, asked for by one of them. */
export class StrangersWork {
  readonly #clock: Clock;
  readonly #one: OneAsks;
  #latest: WorkSnapshot | null = null;
  #askedMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#one = new OneAsks(clock, TURN_MS);
  }

  /**
   * The work of now, or of a moment ago.
   * @param ask the template
   * @returns null where there is none, or none came in time
   */
  async get(ask: () => Promise<WorkSnapshot | null>): Promise<WorkSnapshot | null> {
    return await this.#one.find(
      // A clock that was set back is not to stop the work.
      () => (Math.abs(this.#clock.nowMs() - this.#askedMs) < ASK_AGAIN_MS ? this.#latest : null),
      async () => {
        // Until the answer is there the others have the work of before, where there is any.
        this.#askedMs = this.#clock.nowMs();
        this.#latest = await ask();
      },
    );
  }
}
