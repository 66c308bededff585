/** One share of a hashrate window, out of a ledger member `diff:<login>:<worker>:<ms>` or `diff:<worker>:<ms>`. */
export interface WindowShare {
  /** `<login>:<worker>` or `<worker>`: what stands between the difficulty and the time. */
  readonly name: string;
  readonly difficulty: number;
  /** Unix time in seconds. */
  readonly ts: number;
}

/** What a worker did inside a window. */
export interface Activity {
  /** Sum of share difficulties in the large and in the small window. */
  largeSum: number;
  smallSum: number;
  /** First and last share in the large window, Unix time in seconds. */
  firstTs: number;
  lastTs: number;
}

/**
 * The sums of one stretch of time, one row a name. Typed arrays, because ten thousand logins times ninety buckets as objects
 * would take a quarter of an isolate's memory. Sums are exact below 2^53 and then right to 16 digits.
 */
interface Bucket {
  readonly count: number;
  readonly ids: Uint32Array;
  readonly sums: Float64Array;
  readonly firstTs: Uint32Array;
  readonly lastTs: Uint32Array;
}

interface Row {
  sum: number;
  firstTs: number;
  lastTs: number;
}

/** Reads `diff:<name>:<ms>`; null when the member has another form. */
export function parseShare(member: string, ts: number): WindowShare | null {
  const first = member.indexOf(":");
  const last = member.lastIndexOf(":");
  if (first < 1 || last === first) return null;
  const difficulty = Number(member.slice(0, first));
  return Number.isFinite(difficulty) ? { name: member.slice(first + 1, last), difficulty, ts } : null;
}

/** The folded part of a hashrate window: sums by bucket of time and name. Pure; {@link HashrateWindow} feeds it. */
export class HashrateBuckets {
  readonly #ids = new Map<string, number>();
  #names: string[] = [];
  readonly #buckets = new Map<number, Bucket>();

  has(index: number): boolean {
    return this.#buckets.has(index);
  }

  /** Number of shares folded into a bucket. */
  count(index: number): number {
    return this.#buckets.get(index)?.count ?? 0;
  }

  /** Number of shares in all buckets. */
  get size(): number {
    return [...this.#buckets.values()].reduce((sum, { count }) => sum + count, 0);
  }

  indexes(): number[] {
    return [...this.#buckets.keys()];
  }

  delete(index: number): void {
    this.#buckets.delete(index);
  }

  /** Folds all the shares of a bucket. Replaces what was there. */
  fold(index: number, shares: readonly WindowShare[]): void {
    const rows = new Map<number, Row>();
    for (const share of shares) {
      const id = this.#id(share.name);
      const row = rows.get(id);
      if (row) {
        row.sum += share.difficulty;
        row.firstTs = Math.min(row.firstTs, share.ts);
        row.lastTs = Math.max(row.lastTs, share.ts);
      } else {
        rows.set(id, { sum: share.difficulty, firstTs: share.ts, lastTs: share.ts });
      }
    }
    const list = [...rows.values()];
    this.#buckets.set(index, {
      count: shares.length,
      ids: Uint32Array.from(rows.keys()),
      sums: Float64Array.from(list, (row) => row.sum),
      firstTs: Uint32Array.from(list, (row) => row.firstTs),
      lastTs: Uint32Array.from(list, (row) => row.lastTs),
    });
  }

  /**
   * Sums by name.
   * @param largeFrom first bucket that lies wholly inside the large window; `smallFrom` likewise
   * @param largeEdge shares of the partial bucket before `largeFrom` that are inside; `smallEdge` likewise
   */
  totals(window: {
    readonly largeFrom: number;
    readonly smallFrom: number;
    readonly largeEdge: readonly WindowShare[];
    readonly smallEdge: readonly WindowShare[];
  }): Map<string, Activity> {
    const size = this.#names.length;
    const all: (Activity | undefined)[] = Array.from({ length: size });
    const at = (id: number, firstTs: number): Activity =>
      (all[id] ??= { largeSum: 0, smallSum: 0, firstTs, lastTs: 0 });
    for (const share of window.largeEdge)
      addLarge(at(this.#id(share.name), share.ts), share.difficulty, share.ts, share.ts);
    for (const [index, bucket] of this.#buckets) {
      if (index < window.largeFrom) continue;
      const small = index >= window.smallFrom;
      for (let row = 0; row < bucket.ids.length; row++) {
        const sum = bucket.sums[row] ?? 0;
        const firstTs = bucket.firstTs[row] ?? 0;
        const activity = at(bucket.ids[row] ?? 0, firstTs);
        addLarge(activity, sum, firstTs, bucket.lastTs[row] ?? 0);
        if (small) activity.smallSum += sum;
      }
    }
    for (const share of window.smallEdge) at(this.#id(share.name), share.ts).smallSum += share.difficulty;
    const totals = new Map<string, Activity>();
    all.forEach((activity, id) => {
      const name = this.#names[id];
      // Entries of a foreign format were counted without a name.
      if (activity && name) totals.set(name, activity);
    });
    this.#forgetIdle(totals.size);
    return totals;
  }

  #id(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#names.length;
    this.#ids.set(name, id);
    this.#names.push(name);
    return id;
  }

  /** Names come and go: once most of them are gone, the numbering starts anew, or memory would grow for ever. */
  #forgetIdle(active: number): void {
    if (this.#names.length <= 2 * active + 1024) return;
    const old = this.#names;
    this.#names = [];
    this.#ids.clear();
    for (const bucket of this.#buckets.values()) {
      for (let row = 0; row < bucket.ids.length; row++) bucket.ids[row] = this.#id(old[bucket.ids[row] ?? 0] ?? "");
    }
  }
}

function addLarge(activity: Activity, sum: number, firstTs: number, lastTs: number): void {
  activity.largeSum += sum;
  activity.firstTs = Math.min(activity.firstTs, firstTs);
  activity.lastTs = Math.max(activity.lastTs, lastTs);
}
