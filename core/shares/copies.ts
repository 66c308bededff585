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
  /** How long one that is right waits for what becomes of the first; then it is a duplicate of what was accepted, and else may come again. */
  readonly endedWithinMs: number;
}

/** The first of its proof of work. */
interface First {
  readonly end: Promise<ShareVerdict>;
  /** Its sender has been told so: then it is durable. */
  isAccepted: boolean;
}

const DUPLICATE: ShareVerdict = { kind: "duplicate" };

/**
 * Submissions of one proof of work that are under way together, from whomever and in whatever dialect. The first is decided; a copy is
 * judged by the same hash, and is a duplicate if both are right. None is answered before.
 */
export class Copies {
  readonly #options: CopiesOptions;
  /** By proof. */
  readonly #first = new Map<string, First>();

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
    const first: First = { end, isAccepted: false };
    this.#first.set(proof, first);
    const { answer } = await decision;
    first.isAccepted = answer.kind === "accepted";
    return answer;
  }

  /** @returns null where nothing came of the first: this one takes its place */
  async #asCopy(judged: Promise<Judgement>, first: First): Promise<ShareVerdict | null> {
    const { clock, judgedWithinMs, endedWithinMs } = this.#options;
    const judgement = await within(clock, judgedWithinMs, judged, null);
    if (judgement === null) return unavailable("not verified in time");
    if (!isGood(judgement)) return judgement;
    const end = await within(clock, endedWithinMs, first.end, null);
    // Whoever hears of a duplicate of its own takes it for recorded: a bridge tells its miner true.
    if (end === null) return first.isAccepted ? DUPLICATE : unavailable("not recorded in time");
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
