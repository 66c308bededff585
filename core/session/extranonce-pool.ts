import * as v from "valibot";
import type { Clock } from "../clock.ts";
import { classOfPrefix, type DifficultyClass, towardsPool } from "../shares/difficulty-classes.ts";
import { extranonceHex, extranonceValue } from "../stratum/extranonce.ts";
import { firstOfBlock, LEASE_MS, type LeasedBlock, RESUME_MS, sizeOf } from "./extranonce-lender.ts";

/** The way to the {@link ExtranonceLender}. It never rejects. */
export interface LenderPort {
  /** @returns what could be had; nothing when there was no answer */
  lend(holder: string, wanted: DifficultyClass, count: number): Promise<readonly LeasedBlock[]>;
  /** @returns blocks that are the holder's no more; null when there was no answer */
  renew(holder: string, firsts: readonly number[]): Promise<readonly number[] | null>;
  release(holder: string, firsts: readonly number[]): Promise<void>;
  /** @returns until when the block is `to`'s, Unix time in ms; null where it could not be had */
  transfer(from: string, to: string, first: number): Promise<number | null>;
  /** @returns the same for one extranonce that a session had in front of its login */
  takeOver(session: string, to: string, extranonce: number): Promise<number | null>;
  /** @param owner the login that the session's URL names @returns whether a session may have the extranonce back; false when there was no answer */
  resume(session: string, extranonce: number, owner: string | null): Promise<boolean>;
  forget(session: string): Promise<void>;
}

/** A value of the login's that outlives its memory; each write is a billed row. */
export interface KeptValue {
  get(): unknown;
  set(value: unknown): void;
}

type Given = (extranonce: string) => void;

const blocksSchema = v.array(
  v.object({ class: v.picklist([-6, -4, -2, 0, 2, 4, 6, 8]), first: v.number(), untilMs: v.number() }),
);

/** Of single extranonces that no session has any more so many stay a login's: to give them back one by one would be a call each. */
const MOST_SPARE = 32;

/** What a session that comes back has had. */
export interface Resumed {
  /** Hex. */
  readonly extranonce: string;
  /** Name of the session, `sessionName` of its id. */
  readonly session: string;
}

/**
 * The extranonces of one login's sessions, out of blocks that it has on lease. The blocks outlive the object's memory: after a deploy
 * the sessions that come back are served without a question to anyone.
 */
export class ExtranoncePool {
  readonly #holder: string;
  readonly #lender: LenderPort;
  readonly #kept: KeptValue;
  readonly #clock: Clock;
  /** Extranonces that a live session has or is given in this moment. */
  readonly #inUse: () => ReadonlySet<string>;
  /** Kept for a session that has gone: until when, Unix time in ms. */
  readonly #reserved = new Map<string, number>();
  /** Of sessions that have just come from in front of their login. */
  readonly #adopting = new Set<string>();
  #blocks: readonly LeasedBlock[];

  constructor(holder: string, lender: LenderPort, kept: KeptValue, clock: Clock, inUse: () => ReadonlySet<string>) {
    this.#holder = holder;
    this.#lender = lender;
    this.#kept = kept;
    this.#clock = clock;
    this.#inUse = inUse;
    this.#blocks = v.parse(v.fallback(blocksSchema, []), kept.get() ?? []);
  }

  /**
   * An extranonce of a class, or where there is none left, of the nearest class on the way to the pool's own.
   * @param resume the one that the session has had; it gets it again where it is the login's, or was lent to the session before it had one, and
   *   where it is no live session's
   * @param given is called in the same turn in which an extranonce is chosen, so that two who ask at once do not get one
   * @returns hex; null when none can be had
   */
  async take(wanted: DifficultyClass, resume: Resumed | null, given: Given): Promise<string | null> {
    await this.#renewOld();
    const isOwn = resume !== null && (await this.#own(resume.extranonce, resume.session, "transfer"));
    if (isOwn && !this.#inUse().has(resume.extranonce)) return await this.#give(resume.extranonce, given);
    for (let tried: DifficultyClass = wanted; ; tried = towardsPool(tried)) {
      const free = this.#free(tried) ?? (await this.#borrow(tried));
      if (free !== null) return await this.#give(free, given);
      if (tried === 0) return null;
    }
  }

  /**
   * Makes the block of an extranonce the login's that its session got before it had logged in.
   * @param session its name; where the extranonce is not its own, it gets nothing back by it any more
   * @param isTaken another live session has the extranonce
   * @param given as in {@link take}; null where the session takes no other extranonce
   * @returns the extranonce that it may have; null where there is none
   */
  async adopt(extranonce: string, session: string, isTaken: boolean, given: Given | null): Promise<string | null> {
    this.#adopting.add(extranonce);
    try {
      if (!isTaken && (await this.#own(extranonce, session, "takeOver"))) return extranonce;
      await this.#lender.forget(session);
      return given && (await this.take(classOfPrefix(extranonceValue(extranonce), 1), null, given));
    } finally {
      this.#adopting.delete(extranonce);
    }
  }

  /** @param how `takeOver` where the session is known to have had it, and not only says so */
  async #own(extranonce: string, session: string, how: "transfer" | "takeOver"): Promise<boolean> {
    await this.#renewOld();
    if (this.#blockOf(extranonce)) return true;
    const prefix = extranonceValue(extranonce);
    const untilMs = await this.#lender[how](session, this.#holder, prefix);
    if (untilMs === null) return false;
    this.#keep([...this.#blocks, { class: classOfPrefix(prefix, 1), first: prefix, untilMs }]);
    return true;
  }

  /** A session is gone; for a while its extranonce is nobody else's. With the last one all blocks are given back. */
  async left(extranonce: string): Promise<void> {
    const untilMs = this.#reserve(extranonce);
    if (this.#blocks.length === 0) return;
    if (this.#inUse().size > 0) return await this.#giveBackSpare();
    const firsts = this.#blocks.map(({ first }) => first);
    this.#keep(this.#blocks.map((block) => until(block, Math.min(block.untilMs, untilMs))));
    await this.#lender.release(this.#holder, firsts);
  }

  /**
   * Sessions from in front of their login bring one extranonce each along. Where some session is always there, whoever comes and goes would leave
   * a row for six hours with each: they are given back, many at a time.
   */
  async #giveBackSpare(): Promise<void> {
    const untilMs = this.#clock.nowMs() + RESUME_MS;
    const needed = new Set([...this.#inUse(), ...this.#adopting].flatMap((hex) => this.#blockOf(hex) ?? []));
    const isSpare = (block: LeasedBlock) => sizeOf(block) === 1 && block.untilMs > untilMs && !needed.has(block);
    const firsts = this.#blocks.filter(isSpare).map(({ first }) => first);
    if (firsts.length < MOST_SPARE) return;
    this.#keep(this.#blocks.map((block) => (isSpare(block) ? until(block, untilMs) : block)));
    await this.#lender.release(this.#holder, firsts);
  }

  /** Keeps the leases of live sessions. @returns extranonces that are another login's by now, or never were this one's */
  async renew(): Promise<ReadonlySet<string>> {
    await this.#renewOld();
    const using = [...this.#inUse()].filter((hex) => hex !== "" && !this.#adopting.has(hex));
    return new Set(using.filter((hex) => !this.#blockOf(hex)));
  }

  /**
   * Renews leases, and gives up the blocks that are another's by now. One of which no live session has anything runs out, and is given up then:
   * sessions from in front of their login bring one each along, and what was given back with the last session stays given back.
   */
  async #renewOld(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const due = this.#blocks.filter(({ untilMs }) => untilMs - nowMs < LEASE_MS / 2);
    if (due.length === 0) return;
    const needed = new Set([...this.#inUse()].flatMap((hex) => this.#blockOf(hex) ?? []));
    const over = new Set(due.filter((block) => block.untilMs <= nowMs && !needed.has(block)));
    if (over.size > 0) this.#keep(this.#blocks.filter((block) => !over.has(block)));
    const old = due.filter((block) => needed.has(block));
    if (old.length === 0) return;
    const gone = await this.#lender.renew(
      this.#holder,
      old.map(({ first }) => first),
    );
    // Without an answer a lease holds as long as it was given for.
    const lost = new Set(old.filter(({ first, untilMs }) => (gone === null ? untilMs <= nowMs : gone.includes(first))));
    const kept = this.#blocks.filter((block) => !lost.has(block));
    const untilMs = nowMs + LEASE_MS;
    this.#keep(kept.map((block) => (gone && old.includes(block) ? until(block, untilMs) : block)));
  }

  /** More blocks at a time, the more there are. */
  async #borrow(wanted: DifficultyClass): Promise<string | null> {
    const count = 1 + Math.floor(this.#blocks.filter((block) => block.class === wanted).length / 2);
    const lent = await this.#lender.lend(this.#holder, wanted, count);
    if (lent.length > 0) this.#keep([...this.#blocks, ...lent]);
    return this.#free(wanted);
  }

  /** One of the class that no session has, had lately, or is about to have. */
  #free(wanted: DifficultyClass): string | null {
    const nowMs = this.#clock.nowMs();
    const inUse = this.#inUse();
    for (const block of this.#blocks) {
      if (block.class !== wanted) continue;
      for (let at = 0; at < sizeOf(block); at++) {
        const hex = extranonceHex(block.first + at);
        if (!inUse.has(hex) && (this.#reserved.get(hex) ?? nowMs) <= nowMs) return hex;
      }
    }
    return null;
  }

  /** @returns until when, Unix time in ms */
  #reserve(extranonce: string): number {
    const nowMs = this.#clock.nowMs();
    for (const [hex, untilMs] of this.#reserved) if (untilMs <= nowMs) this.#reserved.delete(hex);
    this.#reserved.set(extranonce, nowMs + RESUME_MS);
    return nowMs + RESUME_MS;
  }

  async #give(extranonce: string, given: Given): Promise<string> {
    this.#reserve(extranonce);
    given(extranonce);
    // Its block may have been about to run out.
    await this.#renewOld();
    return extranonce;
  }

  #blockOf(extranonce: string): LeasedBlock | undefined {
    const value = extranonceValue(extranonce);
    // One that was lent alone out of a block that is another's.
    const alone = this.#blocks.find(({ first }) => first === value);
    return alone ?? this.#blocks.find(({ first }) => first === firstOfBlock(value));
  }

  #keep(blocks: readonly LeasedBlock[]): void {
    this.#blocks = blocks;
    this.#kept.set(blocks);
  }
}

function until({ class: of, first }: LeasedBlock, untilMs: number): LeasedBlock {
  return { class: of, first, untilMs };
}
