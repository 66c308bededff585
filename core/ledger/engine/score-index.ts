/** A range of scores. */
export interface ScoreRange {
  readonly low: number;
  readonly high: number;
  /** The bound itself is not in it. */
  readonly lowExclusive: boolean;
  readonly highExclusive: boolean;
}

export type Order = "ASC" | "DESC";

/** The members of one sorted set in memory, by score: what SQLite's rows, which lie by name, cannot be asked for without reading all of them. */
export class ScoreIndex {
  readonly #names = new Map<number, string[]>();
  /** Every score that has members; rising unless `#isSorted` is false. */
  #scores: number[] = [];
  #isSorted = true;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param name that is not there yet */
  add(name: string, score: number): void {
    this.#size += 1;
    const names = this.#names.get(score);
    if (names !== undefined) return void names.push(name);
    this.#names.set(score, [name]);
    if (score < (this.#scores.at(-1) ?? -Infinity)) this.#isSorted = false;
    this.#scores.push(score);
  }

  delete(name: string, score: number): void {
    const names = this.#names.get(score);
    const at = names?.indexOf(name) ?? -1;
    if (names === undefined || at < 0) return;
    this.#size -= 1;
    names.splice(at, 1);
    if (names.length > 0) return;
    this.#names.delete(score);
    this.#scores.splice(this.#scores.indexOf(score), 1);
  }

  count(range: ScoreRange): number {
    const [from, to] = this.#span(range);
    let count = 0;
    for (let at = from; at < to; at += 1) count += this.#names.get(this.#scores[at] ?? 0)?.length ?? 0;
    return count;
  }

  /** Members in order of score, then of their bytes. @param limit negative: all */
  list(range: ScoreRange, order: Order, offset: number, limit: number): { name: string; score: number }[] {
    const [from, to] = this.#span(range);
    const most = limit < 0 ? Infinity : limit;
    const found: { name: string; score: number }[] = [];
    let skip = offset;
    for (let step = 0; step < to - from; step += 1) {
      if (found.length >= most) break;
      const score = this.#scores[order === "ASC" ? from + step : to - 1 - step] ?? 0;
      const names = this.#names.get(score) ?? [];
      if (skip >= names.length) {
        skip -= names.length;
        continue;
      }
      const sorted = names.length > 1 ? names.toSorted(byBytes) : names;
      const ordered = order === "ASC" ? sorted : sorted.toReversed();
      for (const name of ordered.slice(skip, skip + most - found.length)) found.push({ name, score });
      skip = 0;
    }
    return found;
  }

  /** Positions of the scores in a range, the second one not included. */
  #span({ low, high, lowExclusive, highExclusive }: ScoreRange): [from: number, to: number] {
    if (!this.#isSorted) this.#scores.sort((a, b) => a - b);
    this.#isSorted = true;
    const from = this.#position((score) => (lowExclusive ? score > low : score >= low));
    const to = this.#position((score) => (highExclusive ? score >= high : score > high));
    return [from, Math.max(from, to)];
  }

  /** The first position from which on `isBeyond` holds. */
  #position(isBeyond: (score: number) => boolean): number {
    let [low, high] = [0, this.#scores.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBeyond(this.#scores[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** As SQLite and Redis compare: by UTF-8 bytes, which is by code points. */
function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  if (!/[\ud800-\udfff]/.test(a + b)) return a < b ? -1 : 1;
  const [left, right] = [Array.from(a, pointOf), Array.from(b, pointOf)];
  const at = left.findIndex((point, i) => point !== right[i]);
  if (at < 0) return left.length - right.length;
  return (left[at] ?? 0) - (right[at] ?? -1);
}

const pointOf = (character: string): number => character.codePointAt(0) ?? 0;
