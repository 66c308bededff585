import { within, type Clock } from "../clock.ts";
import { isGood, type Judgement } from "./judgement.ts";
import { unavailable, type ShareVerdict } from "./share.ts";

/** What a submission is answered, and what comes of it where that is known later only. */
export interface Decision {
  readonly answer: ShareVerdict;
  readonly end?: Promise<ShareVerdict>;
}

export interface CopiesOptions {
  readonly clock: Clock;
  /** How long a copy waits for its verification. */
  readonly judgedWithinMs: number;
  /** How long one that is right waits for what becomes of the first; then it is a duplicate. */
  readonly endedWithinMs: number;
}

const DUPLICATE: ShareVerdict = { kind: "duplicate" };

/**
 * Submissions of one proof of work that are under way together, from whomever and in whatever dialect. The first is decided; a copy is
 * judged by the same hash, and is a duplicate if both are right. None is answered before.
 */
export class Copies {
  readonly #options: CopiesOptions;
  /** By proof, what becomes of the first in the end. */
  readonly #first = new Map<string, Promise<ShareVerdict>>();

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  /** Whether one is under way. */
  has(proof: string): boolean {
    return this.#first.has(proof);
  }

  /**
   * @param check the full verification
   * @param decide what is done with the first one; `begun`: its full verification, where that is under way
   */
  async submit(
    proof: string,
    check: () => Promise<Judgement>,
    decide: (begun?: Promise<Judgement>) => Promise<Decision>,
  ): Promise<ShareVerdict> {
    let judged: Promise<Judgement> | undefined;
    for (let first = this.#first.get(proof); first; first = this.#first.get(proof)) {
      judged ??= check();
      const verdict = await this.#asCopy(judged, first);
      if (verdict) return verdict;
    }
    const decision = decide(judged);
    const end = ended(decision).finally(() => this.#first.delete(proof));
    this.#first.set(proof, end);
    return (await decision).answer;
  }

  /** @returns null where nothing came of the first: this one takes its place */
  async #asCopy(judged: Promise<Judgement>, first: Promise<ShareVerdict>): Promise<ShareVerdict | null> {
    const { clock, judgedWithinMs, endedWithinMs } = this.#options;
    const judgement = await within(clock, judgedWithinMs, judged, null);
    if (judgement === null) return unavailable("not verified in time");
    if (!isGood(judgement)) return judgement;
    const end = await within(clock, endedWithinMs, first, DUPLICATE);
    return end.kind === "accepted" || end.kind === "duplicate" ? DUPLICATE : null;
  }
}

/** What becomes of a submission in the end. Never rejects. */
async function ended(decision: Promise<Decision>): Promise<ShareVerdict> {
  try {
    const { answer, end } = await decision;
    return await (end ?? answer);
  } catch {
    return unavailable("not judged");
  }
}
