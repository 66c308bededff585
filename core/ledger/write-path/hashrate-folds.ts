import { RecentMap } from "../../bounded-map.ts";
import type { LedgerKeys } from "../contract/keys.ts";

/** After so many recorded shares a login's old entries are summed up: what a rig does in hours and a farm in seconds. */
const FOLD_EVERY = 1_000;

/** And no sooner than this after the last time. */
const REST_MS = 30_000;

/** Length of what becomes one entry of a worker, in seconds. */
const STRETCH_S = 300;

/** Most entries at once: some 40 ms of Redis' time. */
const MOST_AT_ONCE = 8_000;

/**
 * So far a mark can have moved, in two folds, while a retry that has read it is on its way; that is less than a minute. Each moves it by two
 * stretches at most.
 */
const MARGIN_MS = 4 * STRETCH_S * 1000;

/** Logins that are counted; far more than are farms. */
const COUNTED = 4_096;

/** Whose old hashrate entries are to be summed up, and since when single ones are evidence (docs/decisions/0053-old-hashrate-is-summed-up.md). */
export class HashrateFolds {
  readonly #afterMs: number;
  readonly #counts = new RecentMap<string, { shares: number; foldedAtMs: number }>(COUNTED);

  /** @param afterMs entries that are younger stay; infinite: all do */
  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  recorded(login: string): void {
    const known = this.#counts.get(login);
    if (known) known.shares += 1;
    else this.#counts.set(login, { shares: 1, foldedAtMs: -Infinity });
  }

  /** Whose turn it is. They count from 0 again. */
  takeDue(logins: readonly string[], nowMs: number): string[] {
    if (this.#afterMs === Infinity) return [];
    return logins.filter((login) => {
      const known = this.#counts.get(login);
      if (!known || known.shares < FOLD_EVERY || nowMs - known.foldedAtMs < REST_MS) return false;
      known.shares = 0;
      known.foldedAtMs = nowMs;
      return true;
    });
  }

  /** KEYS and ARGV of the script. */
  call(names: LedgerKeys, login: string, nowMs: number) {
    const until = Math.floor((nowMs - this.#afterMs) / 1000 / STRETCH_S) * STRETCH_S;
    return {
      keys: [names.hashrateOf(login), names.folds],
      args: [login, String(until), String(STRETCH_S), String(MOST_AT_ONCE)],
    };
  }
}

/** Unix time in ms since when single entries are there, by what `folds` says. @param marks ts, null for a login that has none */
export function foldedUntilMs(marks: readonly unknown[]): number {
  return Math.max(-Infinity, ...marks.flatMap((mark) => (mark === null ? [] : [Number(mark) * 1000 + MARGIN_MS])));
}
