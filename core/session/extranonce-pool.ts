import * as v from "valibot";
import type { Clock } from "../clock.ts";
import { classOfPrefix, type DifficultyClass } from "../shares/difficulty-classes.ts";
import { extranonceHex, extranonceValue } from "../stratum/extranonce.ts";
import { blockSize, LEASE_MS, type LeasedBlock, RESUME_MS } from "./extranonce-lender.ts";

/** The way to the {@link ExtranonceLender}. It never rejects. */
export interface LenderPort {
  /** @returns what could be had; nothing when there was no answer */
  lend(holder: string, wanted: DifficultyClass, count: number): Promise<readonly LeasedBlock[]>;
  /** @returns blocks that are the holder's no more; null when there was no answer */
  renew(holder: string, firsts: readonly number[]): Promise<readonly number[] | null>;
  release(holder: string, firsts: readonly number[]): Promise<void>;
  /** @returns until when the block is `to`'s, Unix time in ms; null where it could not be had */
  transfer(from: string, to: string, first: number): Promise<number | null>;
}

/** A value of the login's that outlives its memory; each write is a billed row. */
export interface KeptValue {
  get(): unknown;
  set(value: unknown): void;
}

const blocksSchema = v.array(
  v.object({ class: v.picklist([-6, -4, -2, 0, 2, 4, 6, 8]), first: v.number(), untilMs: v.number() }),
);

/**
 * The extranonces of one login's sessions, out of blocks that it has on lease. The blocks outlive the object's memory: after a deploy
 * the sessions that come back are served without a question to anyone.
 */
export class ExtranoncePool {
  readonly #holder: string;
  readonly #lender: LenderPort;
  readonly #kept: KeptValue;
  readonly #clock: Clock;
  /** Extranonces that a live session has. */
  readonly #inUse: () => ReadonlySet<string>;
  /** Given to a session that is not live yet, or kept for one that has gone: until when, Unix time in ms. */
  readonly #reserved = new Map<string, number>();
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
   * @param resume hex of the one that the session has had; it gets it again where it is the login's and no live session's
   * @returns hex; null when none can be had
   */
  async take(wanted: DifficultyClass, resume: string | null): Promise<string | null> {
    await this.#renewOld();
    if (resume !== null && this.#blockOf(resume) && !this.#inUse().has(resume)) return this.#give(resume);
    for (let tried: DifficultyClass = wanted; ; tried = towardsPool(tried)) {
      const free = this.#free(tried) ?? (await this.#borrow(tried));
      if (free !== null) return this.#give(free);
      if (tried === 0) return null;
    }
  }

  /** Makes the block of an extranonce the login's that its session got before it had logged in. @param session its id then */
  async adopt(extranonce: string, session: string): Promise<void> {
    if (this.#blockOf(extranonce)) return;
    const prefix = extranonceValue(extranonce);
    const untilMs = await this.#lender.transfer(session, this.#holder, prefix);
    if (untilMs === null) return;
    this.#keep([...this.#blocks, { class: classOfPrefix(prefix, 1), first: prefix, untilMs }]);
  }

  /** A session is gone; for a while its extranonce is nobody else's. With the last one all blocks are given back. */
  async left(extranonce: string): Promise<void> {
    const untilMs = this.#clock.nowMs() + RESUME_MS;
    this.#reserved.set(extranonce, untilMs);
    if (this.#inUse().size > 0 || this.#blocks.length === 0) return;
    const firsts = this.#blocks.map(({ first }) => first);
    this.#keep(this.#blocks.map((block) => until(block, Math.min(block.untilMs, untilMs))));
    await this.#lender.release(this.#holder, firsts);
  }

  /** Keeps the leases of live sessions. @returns extranonces that are another login's by now */
  async renew(): Promise<ReadonlySet<string>> {
    const lost = await this.#renewOld();
    const using = [...this.#inUse()];
    return new Set(using.filter((hex) => lost.some((block) => covers(block, hex))));
  }

  /** @returns blocks that are another's by now */
  async #renewOld(): Promise<readonly LeasedBlock[]> {
    const nowMs = this.#clock.nowMs();
    const old = this.#blocks.filter(({ untilMs }) => untilMs - nowMs < LEASE_MS / 2);
    if (old.length === 0) return [];
    const gone = await this.#lender.renew(
      this.#holder,
      old.map(({ first }) => first),
    );
    // Without an answer a lease holds as long as it was given for.
    const lost = old.filter(({ first, untilMs }) => (gone === null ? untilMs <= nowMs : gone.includes(first)));
    const kept = this.#blocks.filter((block) => !lost.includes(block));
    const untilMs = nowMs + LEASE_MS;
    this.#keep(kept.map((block) => (gone && old.includes(block) ? until(block, untilMs) : block)));
    return lost;
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
    for (const [hex, untilMs] of this.#reserved) if (untilMs <= nowMs) this.#reserved.delete(hex);
    const inUse = this.#inUse();
    for (const block of this.#blocks) {
      if (block.class !== wanted) continue;
      for (let at = 0; at < blockSize(wanted); at++) {
        const hex = extranonceHex(block.first + at);
        if (!inUse.has(hex) && !this.#reserved.has(hex)) return hex;
      }
    }
    return null;
  }

  #give(extranonce: string): string {
    this.#reserved.set(extranonce, this.#clock.nowMs() + RESUME_MS);
    return extranonce;
  }

  #blockOf(extranonce: string): LeasedBlock | undefined {
    return this.#blocks.find((block) => covers(block, extranonce));
  }

  #keep(blocks: readonly LeasedBlock[]): void {
    this.#blocks = blocks;
    this.#kept.set(blocks);
  }
}

function until({ class: of, first }: LeasedBlock, untilMs: number): LeasedBlock {
  return { class: of, first, untilMs };
}

function covers(block: LeasedBlock, extranonce: string): boolean {
  const offset = extranonceValue(extranonce) - block.first;
  return offset >= 0 && offset < blockSize(block.class);
}

/** The next class on the way to the pool's own. */
function towardsPool(from: DifficultyClass): DifficultyClass {
  switch (from) {
    case -6:
      return -4;
    case -4:
      return -2;
    case 8:
      return 6;
    case 6:
      return 4;
    case 4:
      return 2;
    default:
      return 0;
  }
}
