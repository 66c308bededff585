import type { SqlValue } from "../../sql-port.ts";
import { ScoreIndex } from "./score-index.ts";

/** Members in memory over all sets, some 100 bytes each: the window of the hashrate of 80 shares a second. */
export const MOST_INDEXED = 150_000;
/** A set that was found too large is looked at again after so long. */
const TOO_LARGE_FOR_MS = 600_000;

interface Member {
  readonly name: string;
  readonly value: SqlValue;
}

/** Reads a set in the order of its names. */
type ReadPage = (after: string | null, limit: number) => readonly Member[];

const PAGE = 5_000;

/**
 * Indexes by score of the sorted sets that are asked by score, made when they are first asked and kept up with every write. An index in
 * SQLite would be a billed row for each member; this one costs a reading of the set when the object wakes (docs/decisions/0005-no-index-by-score.md).
 */
export class ScoreIndexes {
  readonly #most: number;
  /** By the set's number; the one that was used last comes last. */
  readonly #indexes = new Map<number, ScoreIndex>();
  readonly #tooLarge = new Map<number, number>();
  #size = 0;
  /** Written since the last {@link settled}. */
  #isTouched = false;

  constructor(most = MOST_INDEXED) {
    this.#most = most;
  }

  /** The index, if there is one: whoever writes keeps it up. */
  peek(id: number): ScoreIndex | undefined {
    return this.#indexes.get(id);
  }

  /** The index, made if need be; null for a set that is too large for one. */
  get(id: number, read: ReadPage, nowMs: number): ScoreIndex | null {
    const known = this.#indexes.get(id);
    if (known !== undefined) {
      this.#indexes.delete(id);
      this.#indexes.set(id, known);
      return known;
    }
    if (nowMs < (this.#tooLarge.get(id) ?? 0)) return null;
    const index = new ScoreIndex();
    let page: readonly Member[];
    let after: string | null = null;
    do {
      page = read(after, PAGE);
      for (const { name, value } of page) index.add(name, Number(value));
      after = page.at(-1)?.name ?? null;
      if (index.size <= this.#most) continue;
      this.#tooLarge.set(id, nowMs + TOO_LARGE_FOR_MS);
      return null;
    } while (page.length === PAGE);
    this.#indexes.set(id, index);
    this.#size += index.size;
    this.#makeRoom(id, nowMs);
    return index;
  }

  add(id: number, name: string, score: number, nowMs: number): void {
    const index = this.#indexes.get(id);
    if (index === undefined) return;
    this.#isTouched = true;
    index.add(name, score);
    this.#size += 1;
    if (this.#size > this.#most) this.#makeRoom(id, nowMs);
  }

  delete(id: number, name: string, score: number): void {
    const index = this.#indexes.get(id);
    const before = index?.size ?? 0;
    this.#isTouched ||= index !== undefined;
    index?.delete(name, score);
    this.#size -= before - (index?.size ?? 0);
  }

  forget(id: number): void {
    this.#isTouched = true;
    this.#size -= this.#indexes.get(id)?.size ?? 0;
    this.#indexes.delete(id);
    this.#tooLarge.delete(id);
  }

  /** Everything that was written so far stays. */
  settled(): void {
    this.#isTouched = false;
  }

  /** What was written since then is undone: what is true is in storage. */
  undo(): void {
    if (this.#isTouched) this.forgetAll();
  }

  forgetAll(): void {
    this.#indexes.clear();
    this.#tooLarge.clear();
    this.#size = 0;
  }

  /** @param newest goes last, when nothing else is left */
  #makeRoom(newest: number, nowMs: number): void {
    for (const id of this.#indexes.keys()) {
      if (this.#size <= this.#most) return;
      if (id !== newest) this.forget(id);
    }
    if (this.#size <= this.#most) return;
    this.forget(newest);
    this.#tooLarge.set(newest, nowMs + TOO_LARGE_FOR_MS);
  }
}
