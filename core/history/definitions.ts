import type { SeriesDefinition } from "./series.ts";

/** How a submit ended, as counted for charts and rates. */
export const VERDICTS = ["accepted", "duplicate", "invalid", "stale"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Submits by verdict. */
export type VerdictCounts = Readonly<Record<Verdict, number>>;

/** Submits by verdict in each period of a history. */
export type VerdictColumns = Readonly<Record<Verdict, readonly number[]>>;

/** Submits by verdict since the last report, and the blocks among them. A part that is left out is 0. */
export type SubmitCounts = Readonly<Partial<Record<Verdict | "blocks", number>>>;

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

/** The pool's charts: 1,558 rows at most, however old the pool. */
export const POOL_SERIES: SeriesDefinition = {
  table: "pool_history",
  means: ["hashrate", "difficulty", "miners"],
  sums: [...VERDICTS, "blocks"],
  resolutions: [
    { seconds: 60, slots: 180 },
    { seconds: 600, slots: 288 },
    { seconds: 2 * HOUR_S, slots: 360 },
    { seconds: DAY_S, slots: 730 },
  ],
};

/** One login's charts: 402 rows at most. `work` is the sum of the accepted share difficulties. */
export const LOGIN_SERIES: SeriesDefinition = {
  table: "login_history",
  means: [],
  sums: [...VERDICTS, "work"],
  resolutions: [
    { seconds: 600, slots: 144 },
    { seconds: HOUR_S, slots: 168 },
    { seconds: DAY_S, slots: 90 },
  ],
};

/** What a chart may ask for, and the resolution that answers it with a few hundred points at most. */
export const RANGES = {
  "3h": { spanS: 3 * HOUR_S, poolResolutionS: 60, loginResolutionS: 600 },
  "1d": { spanS: DAY_S, poolResolutionS: 600, loginResolutionS: 600 },
  "7d": { spanS: 7 * DAY_S, poolResolutionS: 2 * HOUR_S, loginResolutionS: HOUR_S },
  "30d": { spanS: 30 * DAY_S, poolResolutionS: 2 * HOUR_S, loginResolutionS: DAY_S },
  "2y": { spanS: 730 * DAY_S, poolResolutionS: DAY_S, loginResolutionS: DAY_S },
} as const;
export type Range = keyof typeof RANGES;

/** Narrows a query parameter. */
export function isRange(text: string): text is Range {
  return Object.hasOwn(RANGES, text);
}
