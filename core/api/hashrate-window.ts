import type { RedisCommand, RedisPort } from "../ledger/contract/redis-port.ts";
import { STRETCH_S } from "../ledger/write-path/hashrate-folds.ts";
import { HashrateBuckets, parseShare, type Activity, type WindowShare } from "./hashrate-buckets.ts";
import { asCount, asScored, asText, type PipelineReply } from "./replies.ts";

/** How a window is folded and how much one refresh may read. */
export interface WindowOptions {
  /** Sorted set with score = Unix time in seconds and members `diff:<name>:…`. */
  readonly key: string;
  readonly smallWindowS: number;
  /** At least `smallWindowS`. */
  readonly largeWindowS: number;
  /** Length of a bucket. Shorter: less is read again at the ends of the window; longer: less memory. */
  readonly bucketS: number;
  /**
   * Where it says before which ts entries are sums, how many entries a set has of which that is asked, and how old a sum is at least; left out:
   * none are.
   */
  readonly sums?: { readonly key: string; readonly field: string; readonly from: number; readonly afterS: number };
}

/** Entries that one request to Redis returns at most; 90 bytes each, so well under the 10 MB that Upstash allows. */
export const PAGE_ENTRIES = 20_000;

/** Clocks of the pool's objects differ by less. */
const CLOCKS_S = 15;

/** A share is written within seconds of its time; buckets that ended earlier than this ago are taken as settled. */
const SETTLE_S = 5;

interface Run {
  /** First and last bucket, both inclusive. */
  readonly low: number;
  readonly high: number;
}

interface Edge {
  readonly bucket: number;
  readonly shares: readonly WindowShare[];
}

/** What a refresh asks first, so that the caller can put it into a pipeline of its own. */
interface Plan {
  readonly commands: readonly RedisCommand[];
  /** The first command asks before which ts entries are sums. */
  readonly asksForSums: boolean;
  readonly verify: readonly Run[];
  readonly edges: readonly number[];
  readonly newest: Run;
}

/**
 * The hashrate window of the pool or of one login, kept folded so that looking at it costs the shares that are new and not
 * the shares that are kept. Settled buckets are read once; one ZCOUNT tells whether anything was added to them since (an
 * outbox that was replayed), and only then are they read again. Figures are those that reading every entry would give.
 *
 * Where old entries are summed up (docs/decisions/0053-old-hashrate-is-summed-up.md), what an entry counts moves to another time within its
 * stretch, and a bucket may have as many entries as before. So a stretch is looked at while it is young, and then again when all of it is
 * summed up, as a whole.
 *
 * After a start the window is filled newest first, at most `budget` entries a refresh. Until it is full the figures stand
 * for the part that is known, see {@link coveredS}.
 */
export class HashrateWindow {
  readonly #options: WindowOptions;
  readonly #buckets = new HashrateBuckets();
  /** Shares of the partial buckets at the far ends of the windows, by bucket. */
  #edges: Edge[] = [];
  /** Unix time in s before which entries are sums. */
  #summedUntil = 0;

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  /** The first questions of a refresh; their replies go to {@link absorb}. */
  plan(nowS: number): Plan {
    const { key, bucketS } = this.#options;
    const oldest = this.#oldest(nowS);
    const settled = this.#settled(nowS);
    for (const index of this.#buckets.indexes()) {
      if (index < oldest || index > settled) this.#buckets.delete(index);
    }
    const edges = this.#edgeBuckets(nowS);
    this.#edges = this.#edges.filter((edge) => edges.includes(edge.bucket));
    const unread = edges.filter((bucket) => !this.#edges.some((edge) => edge.bucket === bucket));
    const { sums } = this.#options;
    const asksForSums = sums !== undefined && this.#buckets.size >= sums.from;
    const ask: readonly RedisCommand[] = asksForSums ? [["HGET", sums.key, sums.field]] : [];
    const verify = this.#verifiable(oldest, settled, nowS).flatMap(({ low, high }) =>
      runs(low, high, (index) => this.#buckets.has(index)),
    );
    const newest = this.#missing(nowS)[0] ?? { low: this.#current(nowS), high: this.#current(nowS) };
    return {
      commands: [
        ...ask,
        ...verify.map((run): RedisCommand => ["ZCOUNT", key, run.low * bucketS, `(${(run.high + 1) * bucketS}`]),
        ...unread.map((bucket) => this.#page({ low: bucket, high: bucket }, 0)),
        this.#page(newest, 0, nowS),
      ],
      asksForSums,
      verify,
      edges: unread,
      newest,
    };
  }

  /**
   * Takes the replies to `plan.commands` and reads on until the window is complete or `budget` further entries were read.
   * The page that is under way when the budget ends is still folded, so with any budget over 0 every refresh gets further.
   * @throws RedisUnreachableError what was read so far is kept
   */
  async absorb(
    plan: Plan,
    replies: readonly PipelineReply[],
    redis: RedisPort,
    nowS: number,
    budget: number,
  ): Promise<void> {
    const { verify, edges, newest } = plan;
    const [counts, pages] = [replies.slice(plan.asksForSums ? 1 : 0), replies.slice(-1 - edges.length)];
    for (const [i, bucket] of edges.entries()) {
      this.#edges.push({ bucket, shares: await this.#edge(bucket, shares(pages[i]), redis) });
    }
    await this.#fill(newest, shares(pages.at(-1)), redis, nowS);
    await this.#recheck(
      verify.filter((run, i) => asCount(counts[i]) !== this.#known(run)),
      redis,
    );
    if (plan.asksForSums) this.#summedUntil = Number(asText(replies[0]) ?? 0);
    let left = budget;
    for (let run = this.#missing(nowS)[0]; run && left > 0; run = this.#missing(nowS)[0]) {
      if (run.low > this.#settled(nowS)) break;
      const first = shares(await redis.command(this.#page(run, 0, nowS)));
      left -= await this.#fill(run, first, redis, nowS);
    }
  }

  /** A whole refresh of its own. @throws RedisUnreachableError */
  async refresh(redis: RedisPort, nowS: number, budget: number): Promise<void> {
    const plan = this.plan(nowS);
    await this.absorb(plan, await redis.pipeline(plan.commands), redis, nowS, budget);
  }

  /** Shares that are folded. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Length of the newest part of the large window that is completely known, in seconds. */
  coveredS(nowS: number): number {
    const run = this.#missing(nowS).find((missing) => missing.low <= this.#settled(nowS));
    const { bucketS, largeWindowS } = this.#options;
    return run ? Math.max(0, nowS - (run.high + 1) * bucketS) : largeWindowS;
  }

  /** What everyone did inside the windows that end now. */
  activities(nowS: number): Map<string, Activity> {
    const { bucketS, smallWindowS } = this.#options;
    const largeStart = nowS - this.coveredS(nowS);
    const smallStart = Math.max(largeStart, nowS - smallWindowS);
    const edge = (start: number) =>
      this.#edges.find(({ bucket }) => bucket === Math.floor(start / bucketS))?.shares.filter(({ ts }) => ts >= start);
    return this.#buckets.totals({
      largeFrom: Math.ceil(largeStart / bucketS),
      smallFrom: Math.ceil(smallStart / bucketS),
      largeEdge: (largeStart % bucketS !== 0 && edge(largeStart)) || [],
      smallEdge: (smallStart % bucketS !== 0 && edge(smallStart)) || [],
    });
  }

  #current(nowS: number): number {
    return Math.floor(nowS / this.#options.bucketS);
  }

  /** The first bucket that lies wholly inside the large window. */
  #oldest(nowS: number): number {
    return Math.ceil((nowS - this.#options.largeWindowS) / this.#options.bucketS);
  }

  /** The last bucket that no share is expected for any more. */
  #settled(nowS: number): number {
    return Math.floor((nowS - SETTLE_S) / this.#options.bucketS) - 1;
  }

  #edgeBuckets(nowS: number): number[] {
    const { bucketS, smallWindowS, largeWindowS } = this.#options;
    const starts = new Set([nowS - largeWindowS, nowS - smallWindowS]);
    return [...starts].filter((start) => start % bucketS !== 0).map((start) => Math.floor(start / bucketS));
  }

  #missing(nowS: number): Run[] {
    return runs(this.#oldest(nowS), this.#current(nowS), (index) => !this.#buckets.has(index)).toReversed();
  }

  #known(run: Run): number {
    let count = 0;
    for (let index = run.low; index <= run.high; index++) count += this.#buckets.count(index);
    return count;
  }

  /** Entries of a run, newest first. The newest run is open upwards: clocks of the pool's objects differ a little. */
  #page(run: Run, offset: number, nowS = Number.POSITIVE_INFINITY): RedisCommand {
    const { key, bucketS } = this.#options;
    const max = run.high >= this.#current(nowS) ? "+inf" : `(${(run.high + 1) * bucketS}`;
    return ["ZREVRANGEBYSCORE", key, max, run.low * bucketS, "WITHSCORES", "LIMIT", offset, PAGE_ENTRIES];
  }

  /** Folds a page into the buckets that it completes; reads on within a bucket that is larger than a page. @returns entries read */
  async #fill(run: Run, firstPage: readonly WindowShare[], redis: RedisPort, nowS: number): Promise<number> {
    const { bucketS } = this.#options;
    const collected = [...firstPage];
    let page = firstPage;
    for (;;) {
      const oldestTs = collected.at(-1)?.ts ?? run.low * bucketS;
      const whole = page.length < PAGE_ENTRIES ? run.low : Math.floor(oldestTs / bucketS) + 1;
      if (whole <= run.high) {
        const grouped = Map.groupBy(collected, ({ ts }) => Math.min(run.high, Math.floor(ts / bucketS)));
        for (let index = whole; index <= run.high; index++) this.#buckets.fold(index, grouped.get(index) ?? []);
        return collected.length;
      }
      page = shares(await redis.command(this.#page(run, collected.length, nowS)));
      collected.push(...page);
    }
  }

  /** All the shares of a partial bucket at the far end of a window. */
  async #edge(bucket: number, firstPage: readonly WindowShare[], redis: RedisPort): Promise<readonly WindowShare[]> {
    const collected = [...firstPage];
    for (let page = firstPage; page.length === PAGE_ENTRIES;) {
      page = shares(await redis.command(this.#page({ low: bucket, high: bucket }, collected.length)));
      collected.push(...page);
    }
    return collected;
  }

  /** Finds which parts of these runs have changed and forgets them, so that they are read again: buckets, of sums whole stretches. */
  async #recheck(changed: readonly Run[], redis: RedisPort): Promise<void> {
    const { key, bucketS } = this.#options;
    const parts = changed.flatMap((run) => this.#partsOf(run));
    if (parts.length === 0) return;
    const counts = await redis.pipeline(
      parts.map(({ low, high }): RedisCommand => ["ZCOUNT", key, low * bucketS, `(${(high + 1) * bucketS}`]),
    );
    for (const [i, part] of parts.entries()) {
      if (asCount(counts[i]) === this.#known(part)) continue;
      for (let index = part.low; index <= part.high; index++) this.#buckets.delete(index);
    }
  }

  #partsOf({ low, high }: Run): Run[] {
    const parts: Run[] = [];
    for (let from = low; from <= high;) {
      const end = this.#isSummed(from) ? this.#firstOf((this.#stretchOf(from) + 1) * STRETCH_S) - 1 : from;
      parts.push({ low: from, high: Math.min(high, end) });
      from = end + 1;
    }
    return parts;
  }

  /** What counts can tell of: all, or what is summed up as whole stretches and what is too young for that. */
  #verifiable(oldest: number, settled: number, nowS: number): Run[] {
    const { sums, bucketS } = this.#options;
    if (!sums || !this.#isSummed(oldest)) return [{ low: oldest, high: settled }];
    const begun = this.#firstOf(this.#summedUntil);
    const young = Math.ceil((nowS - sums.afterS + CLOCKS_S) / bucketS);
    return [
      { low: oldest, high: begun - 1 },
      { low: Math.max(begun, young), high: settled },
    ];
  }

  #stretchOf(bucket: number): number {
    return Math.floor((bucket * this.#options.bucketS) / STRETCH_S);
  }

  /** The first bucket that begins in the stretch of a time. */
  #firstOf(ts: number): number {
    return Math.ceil((Math.floor(ts / STRETCH_S) * STRETCH_S) / this.#options.bucketS);
  }

  #isSummed(bucket: number): boolean {
    return bucket * this.#options.bucketS < this.#summedUntil;
  }
}

function shares(reply: PipelineReply): WindowShare[] {
  // A member of another form still counts as an entry, or the ZCOUNT that follows would never agree.
  return asScored(reply).map(
    ({ member, score }) => parseShare(member, score) ?? { name: "", difficulty: 0, ts: score },
  );
}

/** Stretches of consecutive buckets that satisfy a condition, oldest first. */
function runs(low: number, high: number, condition: (index: number) => boolean): Run[] {
  const found: { low: number; high: number }[] = [];
  for (let index = low; index <= high; index++) {
    if (!condition(index)) continue;
    const last = found.at(-1);
    if (last?.high === index - 1) last.high = index;
    else found.push({ low: index, high: index });
  }
  return found;
}
