import { RecentMap } from "../../bounded-map.ts";
import type { LedgerKeys } from "../contract/keys.ts";

/** After so many recorded shares a login's old entries are summed up: what a rig does in hours and a farm in seconds. */
export const FOLD_EVERY = 1_000;

/** And no sooner than this after the last time. */
const REST_MS = 30_000;

/** Length of what becomes one entry of a worker, in seconds. */
export const STRETCH_S = 300;

/** So far the mark of a login's entries moves in one fold, in stretches. */
const STRETCHES = 2;

/** Most entries at once: some 40 ms of Redis' time. */
const MOST_AT_ONCE = 8_000;

/** So far a mark can have moved, in two folds, while a retry that has read it is on its way; that is less than a minute. */
const MARGIN_MS = 2 * STRETCHES * STRETCH_S * 1000;

/** Logins that are counted; far more than are farms. */
const COUNTED = 4_096;

/** The set of all logins: from so many entries on those older than this are summed up. They are no evidence, a login's own are. */
export const COMMON_FOLD = { name: "*", entries: 200_000, afterMs: 90_000 } as const;

/** And after so many shares of one verifier: fewer than a fold takes. */
const COMMON_EVERY = 4_000;

/** In one fold the common mark goes over any silence. */
const ANY_STRETCHES = 1_000;

/** Whose old hashrate entries are to be summed up, and since when single ones are evidence (docs/decisions/0053-old-hashrate-is-summed-up.md). */
export class HashrateFolds {
  readonly #afterMs: number;
  readonly #windowMs: number;
  readonly #counts = new RecentMap<string, { shares: number; foldedAtMs: number }>(COUNTED);
  /** Shares of all logins since the last fold, and the ms of the oldest of those that came into what is summed up already. */
  #common = 0;
  #lateMs = Infinity;

  /**
   * @param afterMs a login's entries that are younger stay; infinite: all do
   * @param windowMs what is shown of the set of all logins
   */
  constructor(afterMs: number, windowMs: number) {
    this.#afterMs = afterMs;
    this.#windowMs = windowMs;
  }

  recorded(login: string, timestampMs: number, nowMs: number): void {
    const known = this.#counts.get(login);
    if (known) known.shares += 1;
    else this.#counts.set(login, { shares: 1, foldedAtMs: -Infinity });
    this.#common += 1;
    if (timestampMs < nowMs - COMMON_FOLD.afterMs) this.#lateMs = Math.min(this.#lateMs, timestampMs);
  }

  /** KEYS and ARGV of the folds that are due. What they are due for counts from 0 again. */
  takeDue(names: LedgerKeys, logins: readonly string[], nowMs: number) {
    if (this.#afterMs === Infinity) return [];
    const due = logins.filter((login) => this.#isDue(login, nowMs)).map((login) => this.#ofLogin(names, login, nowMs));
    if (this.#common >= COMMON_EVERY) due.push(this.#ofAll(names, nowMs));
    return due;
  }

  #isDue(login: string, nowMs: number): boolean {
    const known = this.#counts.get(login);
    if (!known || known.shares < FOLD_EVERY || nowMs - known.foldedAtMs < REST_MS) return false;
    known.shares = 0;
    known.foldedAtMs = nowMs;
    return true;
  }

  #ofLogin(names: LedgerKeys, login: string, nowMs: number) {
    const until = Math.floor((nowMs - this.#afterMs) / 1000 / STRETCH_S) * STRETCH_S;
    const args = [login, until, STRETCH_S, MOST_AT_ONCE, STRETCHES, "", 0, ""].map(String);
    return { keys: [names.hashrateOf(login), names.folds], args };
  }

  #ofAll(names: LedgerKeys, nowMs: number) {
    const { name, entries, afterMs } = COMMON_FOLD;
    const until = Math.floor((nowMs - afterMs) / 1000);
    const back = this.#lateMs === Infinity ? "" : Math.floor(this.#lateMs / 1000);
    const gone = this.#windowMs === Infinity ? "" : Math.floor((nowMs - this.#windowMs) / 1000);
    this.#common = 0;
    this.#lateMs = Infinity;
    const args = [name, until, STRETCH_S, MOST_AT_ONCE, ANY_STRETCHES, back, entries, gone].map(String);
    return { keys: [names.hashrate, names.folds], args };
  }
}

/** Unix time in ms since when single entries are there, by what `folds` says. @param marks ts, null for a login that has none */
export function foldedUntilMs(marks: readonly unknown[]): number {
  return Math.max(-Infinity, ...marks.flatMap((mark) => (mark === null ? [] : [Number(mark) * 1000 + MARGIN_MS])));
}
