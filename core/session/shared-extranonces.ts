import type { Clock } from "../clock.ts";
import { OneAsks } from "../one-asks.ts";
import { classOfPrefix, type DifficultyClass, towardsPool } from "../shares/difficulty-classes.ts";
import { blockSize, LEASE_MS, RESUME_MS, sharedHolder } from "./extranonce-lender.ts";
import type { LenderPort } from "./extranonce-pool.ts";

/** Of sessions that have gone so many extranonces of a class are kept for their return; crowds that come and go use up no more. */
const MOST_KEPT = 512;
/** Another session's question for blocks is waited for so long. */
const ANOTHERS_MS = 250;
/** Blocks that are asked for at once, at most. */
const MOST_AT_ONCE = 16;

/** An extranonce that a session has. */
export interface Lent {
  readonly extranonce: number;
  /** Name of the session. */
  readonly session: string;
}

interface SharedBlock {
  readonly first: number;
  /** Until when sessions may begin with it, Unix time in ms. */
  readonly untilMs: number;
  /** The next of its extranonces that has not been anybody's. */
  next: number;
}

/**
 * Extranonces of the sessions in front of their login's object, for all of a Worker's isolate: out of blocks that they share, so that one of
 * them costs nothing that lasts. A login that takes a session over gets a row for its extranonce alone (`ExtranonceLender.takeOver`). Holds
 * data only: no session uses another one's connections.
 */
export class SharedExtranonces {
  readonly #holder: string;
  readonly #clock: Clock;
  readonly #classes = new Map<DifficultyClass, ClassOfShared>();

  /** @param id unique name of the isolate, which nobody can guess */
  constructor(id: string, clock: Clock) {
    this.#holder = sharedHolder(id);
    this.#clock = clock;
  }

  /** One of a class, or where there is none, of the nearest class on the way to the pool's own. @returns null when none can be had */
  async take(session: string, wanted: DifficultyClass, lender: LenderPort): Promise<Lent | null> {
    for (let tried = wanted; ; tried = towardsPool(tried)) {
      const extranonce = await this.#of(tried).take(lender);
      if (extranonce !== null) return { extranonce, session };
      if (tried === 0) return null;
    }
  }

  /** The extranonce of a session that comes back, where it was kept for it. */
  resume(session: string, extranonce: number): Lent | null {
    return this.#of(classOfPrefix(extranonce, 1)).resume(session, extranonce) ? { extranonce, session } : null;
  }

  /** The session has gone, or has another extranonce now. Not told of one that a login has taken over. */
  left({ extranonce, session }: Lent): void {
    this.#of(classOfPrefix(extranonce, 1)).left(session, extranonce);
  }

  #of(wanted: DifficultyClass): ClassOfShared {
    const known = this.#classes.get(wanted) ?? new ClassOfShared(this.#holder, wanted, this.#clock);
    this.#classes.set(wanted, known);
    return known;
  }
}

class ClassOfShared {
  readonly #holder: string;
  readonly #class: DifficultyClass;
  readonly #clock: Clock;
  readonly #one: OneAsks;
  #blocks: SharedBlock[] = [];
  /** Of sessions that have gone, the longest ago first; until when each is kept for its return, Unix time in ms. */
  readonly #kept = new Map<number, { readonly session: string; readonly untilMs: number }>();

  constructor(holder: string, wanted: DifficultyClass, clock: Clock) {
    this.#holder = holder;
    this.#class = wanted;
    this.#clock = clock;
    this.#one = new OneAsks(clock, ANOTHERS_MS);
  }

  async take(lender: LenderPort): Promise<number | null> {
    return await this.#one.find(
      () => this.#free(),
      () => this.#borrow(lender),
    );
  }

  resume(session: string, extranonce: number): boolean {
    return this.#kept.get(extranonce)?.session === session && this.#kept.delete(extranonce);
  }

  left(session: string, extranonce: number): void {
    if (this.#isOurs(extranonce)) this.#kept.set(extranonce, { session, untilMs: this.#clock.nowMs() + RESUME_MS });
  }

  #free(): number | null {
    const nowMs = this.#clock.nowMs();
    this.#dropOld(nowMs);
    const [oldest] = this.#kept;
    if (oldest && (oldest[1].untilMs <= nowMs || this.#kept.size > MOST_KEPT)) {
      this.#kept.delete(oldest[0]);
      return oldest[0];
    }
    const block = this.#blocks.find((one) => one.next < this.#end(one));
    return block ? block.next++ : null;
  }

  /** A session may last for half an hour before it has an object: what it began with is not to run out meanwhile. */
  #dropOld(nowMs: number): void {
    if (this.#blocks.every(({ untilMs }) => nowMs < untilMs)) return;
    this.#blocks = this.#blocks.filter(({ untilMs }) => nowMs < untilMs);
    for (const extranonce of this.#kept.keys()) if (!this.#isOurs(extranonce)) this.#kept.delete(extranonce);
  }

  async #borrow(lender: LenderPort): Promise<void> {
    const count = Math.min(MOST_AT_ONCE, 1 + this.#blocks.length);
    for (const { first, untilMs } of await lender.lend(this.#holder, this.#class, count)) {
      // The row of a block's first extranonce is the block's own, so that a login can have any other one.
      const next = blockSize(this.#class) === 1 ? first : first + 1;
      this.#blocks.push({ first, untilMs: untilMs - LEASE_MS / 2, next });
    }
  }

  #isOurs(extranonce: number): boolean {
    return this.#blocks.some((one) => extranonce >= one.first && extranonce < this.#end(one));
  }

  #end({ first }: SharedBlock): number {
    return first + blockSize(this.#class);
  }
}
