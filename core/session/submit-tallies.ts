import type { Clock } from "../clock.ts";
import type { Range, Verdict } from "../history/definitions.ts";
import type { LoginHistory, LoginHistoryReport } from "../history/login-history.ts";
import type { Point } from "../history/series.ts";
import { type Logger, thrown } from "../log.ts";
import { PERIOD_S, periodAt, tallied, type Tally } from "../history/tally.ts";

/** Whoever keeps a tally of its own: a connection, in its record. */
export interface TallyKeeper {
  readonly tally: Tally | null;
  /** Forgets the tally: it has been written down. */
  clearTally(): void;
}

/** Collects the tallies of a login's connections and writes them into its history, one row per period for all of them together. */
export class SubmitTallies {
  readonly #history: LoginHistory;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Submits without a connection (HTTP getwork). A pending timer keeps the object in memory until they are written down. */
  #loose: Tally | null = null;
  #cancelTimer: (() => void) | null = null;
  #settledPeriodS = 0;

  constructor(history: LoginHistory, clock: Clock, log: Logger) {
    this.#history = history;
    this.#clock = clock;
    this.#log = log;
  }

  /** A getwork submit. */
  countLoose(nowMs: number, worker: string, verdict: Verdict, work: number): void {
    this.#loose = tallied(this.#loose, nowMs, worker, verdict, work);
    const leftMs = (this.#loose.periodS + PERIOD_S) * 1000 - nowMs;
    this.#cancelTimer ??= this.#clock.after(Math.max(0, leftMs), () => this.#settleLoose());
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
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#loose) this.#settle([this.#loose]);
    this.#loose = null;
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
