import * as v from "valibot";
import type { Range, Verdict } from "../history/definitions.ts";
import type { LoginHistory, LoginHistoryReport } from "../history/login-history.ts";
import type { Point } from "../history/series.ts";
import { type Logger, thrown } from "../log.ts";
import { periodAt, tallied, tallySchema, type Tally } from "../history/tally.ts";
import type { KeptValue } from "./extranonce-pool.ts";

/** Whoever keeps a tally of its own: a connection, in its record. */
export interface TallyKeeper {
  readonly tally: Tally | null;
  /** Forgets the tally: it has been written down. */
  clearTally(): void;
}

/** Collects the tallies of a login's connections and writes them into its history, one row per period for all of them together. */
export class SubmitTallies {
  readonly #history: LoginHistory;
  readonly #log: Logger;
  /** Submits without a connection (HTTP getwork). A timer until they are written down would keep the object awake: a row a share is cheaper. */
  readonly #kept: KeptValue;
  #loose: Tally | null;
  #settledPeriodS = 0;

  constructor(history: LoginHistory, kept: KeptValue, log: Logger) {
    this.#history = history;
    this.#kept = kept;
    this.#log = log;
    this.#loose = v.parse(v.fallback(v.nullable(tallySchema), null), kept.get() ?? null);
  }

  /** A getwork submit. */
  countLoose(nowMs: number, worker: string, verdict: Verdict, work: number): void {
    if (this.#loose !== null && this.#loose.periodS < periodAt(nowMs)) this.#settleLoose();
    this.#loose = tallied(this.#loose, nowMs, worker, verdict, work);
    this.#kept.set(this.#loose);
  }

  /** Called before a submit is counted: when a new period has begun, everyone's finished ones are written down. */
  settleFinished(nowMs: number, keepers: () => readonly TallyKeeper[]): void {
    const periodS = periodAt(nowMs);
    if (periodS === this.#settledPeriodS) return;
    this.#settledPeriodS = periodS;
    const finished = keepers().filter(({ tally }) => tally !== null && tally.periodS < periodS);
    this.#settle(finished.map(({ tally }) => tally).filter((tally) => tally !== null));
    for (const keeper of finished) keeper.clearTally();
    if (this.#loose !== null && this.#loose.periodS < periodS) this.#settleLoose();
  }

  /** A connection ends: its record goes with it. */
  settleLast(keeper: TallyKeeper): void {
    if (keeper.tally) this.#settle([keeper.tally]);
    keeper.clearTally();
  }

  #settleLoose(): void {
    if (this.#loose) this.#settle([this.#loose]);
    this.#loose = null;
    this.#kept.set(null);
  }

  /** Charts are worth no miner's connection: what cannot be written is left out of them. */
  #settle(tallies: readonly Tally[]): void {
    try {
      this.#history.settle(tallies);
    } catch (error) {
      this.#log.warn("the history could not be written", { error: thrown(error) });
    }
  }

  /** @param worker of one worker alone, over a day at most */
  report(range: Range, nowMs: number, keepers: readonly TallyKeeper[], worker?: string): LoginHistoryReport {
    const open = this.#open(keepers);
    const nowS = Math.floor(nowMs / 1000);
    return worker === undefined
      ? this.#history.report(range, nowS, open)
      : this.#history.reportOf(worker, range, nowS, open);
  }

  /** The last day, without the workers. */
  points(nowMs: number, keepers: readonly TallyKeeper[]): Point[] {
    return this.#history.points("1d", Math.floor(nowMs / 1000), this.#open(keepers));
  }

  #open(keepers: readonly TallyKeeper[]): Tally[] {
    return [...keepers.map(({ tally }) => tally), this.#loose].filter((tally) => tally !== null);
  }
}
