import * as v from "valibot";
import { BoundedMap } from "../bounded-map.ts";
import type { LoginVerdicts } from "../health/share-evidence.ts";
import type { SubmitCounts, Verdict } from "../history/definitions.ts";
import { type Client, networkOf } from "../policy/client.ts";
import { countedAs, type ShareVerdict } from "./share.ts";

/** Logins that a report names; some are enough to tell one broken rig from all. */
const MOST_LOGINS = 64;

/** Networks that are named of a login. */
const MOST_NETWORKS = 4;

/** After such a pause the object may leave memory, after ten idle seconds, before anybody has asked: what was counted is written down. */
const TRICKLE_MS = 5_000;
/** A steady stream is written down this often: as much of its counts a crash may lose. */
const WRITE_EVERY_MS = 30_000;

type Counted = Verdict | "blocks";

/** Invalid shares of a login that had no good one, and the networks that they came from; 0 for one that had. */
interface LoginTally {
  readonly invalid: number;
  readonly from: readonly string[];
}

/** Counts that go together. */
interface Tally {
  readonly counts: Map<Counted, number>;
  readonly logins: BoundedMap<string, LoginTally>;
}

/** What a verifier has seen since the report before. */
export interface VerdictReport {
  /** Grows; who asks for the next one names it, and thereby says that this one has arrived. */
  readonly number: number;
  readonly counts: SubmitCounts;
  readonly logins: LoginVerdicts;
}

/** Where a tally outlives its object. It may be lost: these are charts, not books. */
export interface TallyStore {
  read(): unknown;
  write(value: object): void;
}

const stored = v.object({
  version: v.literal(1),
  number: v.number(),
  counts: v.array(v.tuple([v.picklist(["accepted", "duplicate", "invalid", "stale", "blocks"]), v.number()])),
  logins: v.array(v.tuple([v.string(), v.object({ invalid: v.number(), from: v.array(v.string()) })])),
});

/**
 * Counts a shard's verdicts until the pool's statistics ask for them: nobody whom verifiers would have to know has to be there. A report
 * whose answer was lost is a part of the next one.
 */
export class VerdictTally {
  readonly #store: TallyStore;
  readonly #nowMs: () => number;
  #tally = empty();
  /** What was told last, as long as nobody has said that it arrived. */
  #told: Tally | null = null;
  /** Of the last report. */
  #number = 0;
  #countedAtMs = -Infinity;
  #writtenAtMs = -Infinity;

  constructor(store: TallyStore, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
    const kept = v.safeParse(stored, store.read());
    if (!kept.success) return;
    const { counts, logins } = kept.output;
    this.#told = merged(empty(), { counts: new Map(counts), logins: new Map(logins) });
    this.#number = kept.output.number;
  }

  /**
   * @param staleBefore stale submits that came before this one and that no verifier saw
   * @param client who sent it; undefined where that is not known
   */
  count(verdict: ShareVerdict, staleBefore: number, login: string, client: Client | undefined): void {
    const { counts, logins } = this.#tally;
    if (staleBefore > 0) add(counts, "stale", staleBefore);
    const counted = countedAs(verdict);
    if (counted !== null) add(counts, counted, 1);
    if (verdict.kind === "accepted" && verdict.block) add(counts, "blocks", 1);
    if (verdict.kind === "accepted") logins.set(login, { invalid: 0, from: [] });
    if (verdict.kind === "invalid") {
      const from = client === undefined ? [] : [networkOf(client)];
      logins.set(login, together(logins.get(login), { invalid: 1, from }));
    }
    if (counts.size > 0) this.#writeIfDue();
  }

  /** @param seen number of the last report that arrived, 0 for none @returns null where nothing was seen since */
  report(seen: number): VerdictReport | null {
    if (seen >= this.#number) this.#told = null;
    this.#number = Math.max(this.#number, seen);
    if (this.#tally.counts.size > 0) {
      this.#told = merged(this.#told ?? empty(), this.#tally);
      this.#tally = empty();
      this.#number += 1;
    }
    if (this.#told === null) return null;
    const { counts } = this.#told;
    const logins = [...this.#told.logins];
    return {
      number: this.#number,
      counts: Object.fromEntries(counts),
      logins: {
        invalid: Object.fromEntries(logins.flatMap(([login, { invalid }]) => (invalid > 0 ? [[login, invalid]] : []))),
        from: Object.fromEntries(logins.map(([login, { from }]) => [login, from])),
        good: logins.filter(([, { invalid }]) => invalid === 0).map(([login]) => login),
      },
    };
  }

  #writeIfDue(): void {
    const nowMs = this.#nowMs();
    const isTrickle = nowMs - this.#countedAtMs >= TRICKLE_MS;
    this.#countedAtMs = nowMs;
    if (!isTrickle && nowMs - this.#writtenAtMs < WRITE_EVERY_MS) return;
    this.#writtenAtMs = nowMs;
    // With what was told and may not have arrived, under the number of the next report, which will have all of it.
    const all = merged(merged(empty(), this.#told ?? empty()), this.#tally);
    this.#store.write({ version: 1, number: this.#number + 1, counts: [...all.counts], logins: [...all.logins] });
  }
}

const empty = (): Tally => ({ counts: new Map(), logins: new BoundedMap(MOST_LOGINS) });

/** @returns the first, with the second added */
function merged(
  one: Tally,
  { counts, logins }: { counts: ReadonlyMap<Counted, number>; logins: ReadonlyMap<string, LoginTally> },
): Tally {
  for (const [name, count] of counts) add(one.counts, name, count);
  for (const [login, tally] of logins) one.logins.set(login, together(one.logins.get(login), tally));
  return one;
}

function together(one: LoginTally | undefined, other: LoginTally): LoginTally {
  if (one === undefined) return other;
  if (one.invalid === 0 || other.invalid === 0) return { invalid: 0, from: [] };
  const from = [...new Set([...one.from, ...other.from])].slice(0, MOST_NETWORKS);
  return { invalid: one.invalid + other.invalid, from };
}

function add(counts: Map<Counted, number>, name: Counted, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
