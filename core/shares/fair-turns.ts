/**
 * Which of two lanes a submission waits in. `judged`: the cheap test has judged it, or its sender has shown a valid share. `unjudged`:
 * anybody can make as many as they can send.
 */
export type Lane = "judged" | "unjudged";

/** What takes turns. */
export interface InTurn {
  readonly lane: Lane;
  /** Whose it is: all with one name share one turn. */
  readonly sender: string;
  /** Since when it waits, Unix time in ms. */
  readonly sinceMs: number;
}

/** So many of the unjudged at once: a batch of eight takes 4 ms, and what is judged may come meanwhile. */
const UNJUDGED_A_BATCH = 8;

/** Of the bound, what one sender may fill. */
const OF_A_SENDER = { judged: 3 / 4, unjudged: 1 / 16 } as const satisfies Record<Lane, number>;

/** Of the bound, what all the unjudged may fill. */
const OF_THE_UNJUDGED = 1 / 4;

/**
 * What waits, taken in turns: one of each sender, then the next of each. What is judged goes first; one of the unjudged goes along with it, so
 * that a flood of the one cannot end the other.
 */
export class FairTurns<T extends InTurn> {
  readonly #bound: number;
  /** By sender, who has waited longest since its last turn first. No list is empty. */
  readonly #lanes: Record<Lane, Map<string, T[]>> = { judged: new Map(), unjudged: new Map() };
  readonly #sizes: Record<Lane, number> = { judged: 0, unjudged: 0 };

  /** @param bound most that may wait */
  constructor(bound: number) {
    this.#bound = bound;
  }

  get size(): number {
    return this.#sizes.judged + this.#sizes.unjudged;
  }

  /** How many wait in a lane. */
  count(lane: Lane): number {
    return this.#sizes[lane];
  }

  /** Since when the first in a lane waits, Unix time in ms; looks at every sender. */
  oldestMs(lane: Lane): number {
    return [...this.#lanes[lane].values()].reduce(
      (oldest, [first]) => Math.min(oldest, first?.sinceMs ?? oldest),
      Infinity,
    );
  }

  all(): T[] {
    return (["judged", "unjudged"] as const).flatMap((lane) => [...this.#lanes[lane].values()].flat());
  }

  /** @returns false when there is no room: it was not taken */
  add(one: T): boolean {
    const { lane, sender } = one;
    const own = this.#lanes[lane].get(sender)?.length ?? 0;
    const ofLane = lane === "unjudged" ? this.#sizes.unjudged >= this.#share(OF_THE_UNJUDGED) : false;
    if (this.size >= this.#bound || ofLane || own >= this.#share(OF_A_SENDER[lane])) return false;
    this.#put(one, "last");
    return true;
  }

  /** What was taken comes back, each before all else of its sender. */
  giveBack(taken: readonly T[]): void {
    for (const one of taken.toReversed()) this.#put(one, "first");
  }

  /** Takes at most `count` out, whose turn it is. */
  take(count: number): T[] {
    const { judged, unjudged } = this.#sizes;
    const forUnjudged = Math.min(unjudged, judged > 0 ? 1 : UNJUDGED_A_BATCH, count);
    const taken = this.#takeOf("judged", Math.min(judged, count - (judged > 0 ? forUnjudged : 0)));
    return [...taken, ...this.#takeOf("unjudged", forUnjudged)];
  }

  /** Takes all out that `picks` says. */
  remove(picks: (one: T) => boolean): T[] {
    const all = (["judged", "unjudged"] as const).flatMap((lane) => this.#takeOf(lane, this.#sizes[lane]));
    for (const one of all) if (!picks(one)) this.#put(one, "last");
    return all.filter(picks);
  }

  #share(part: number): number {
    return Math.ceil(this.#bound * part);
  }

  #put(one: T, where: "first" | "last"): void {
    const lane = this.#lanes[one.lane];
    const own = lane.get(one.sender);
    if (!own) lane.set(one.sender, [one]);
    else if (where === "last") own.push(one);
    else own.unshift(one);
    this.#sizes[one.lane] += 1;
  }

  #takeOf(lane: Lane, count: number): T[] {
    const senders = this.#lanes[lane];
    const taken: T[] = [];
    while (taken.length < count) {
      const next = senders.entries().next().value;
      if (!next) break;
      const [sender, own] = next;
      const one = own.shift();
      senders.delete(sender);
      if (own.length > 0) senders.set(sender, own);
      if (one) taken.push(one);
    }
    this.#sizes[lane] -= taken.length;
    return taken;
  }
}
