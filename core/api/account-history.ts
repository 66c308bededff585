import type { Range, VerdictColumns, VerdictCounts } from "../history/definitions.ts";
import { PERIOD_S } from "../history/tally.ts";
import type { LoginHistoryReport } from "../history/login-history.ts";
import type { Point } from "../history/series.ts";
import type { ReportedRow } from "../session/reported-hashrates.ts";
import { emptyRecord } from "./json.ts";

/** A period that began a moment ago says nothing yet: one share in its first second is no hashrate. */
const SHORTEST_S = 120;

/** `/api/accounts/<login>/history`: one array a column, all of one length. */
export interface AccountHistory extends VerdictColumns {
  readonly range: Range;
  /** Seconds between two points. */
  readonly resolution: number;
  /** Start of each period, Unix time in seconds. */
  readonly at: readonly number[];
  /** Hashes per second. */
  readonly hashrate: readonly number[];
  /** Verdicts by worker over the last day. */
  readonly workers: Readonly<Record<string, VerdictCounts>>;
}

/** What was really done in a period, not a window's mean: hashes over its length, as far as it has come. */
function rateOf({ at, values }: Point, resolutionS: number, nowS: number): number {
  const passedS = Math.min(resolutionS, Math.max(nowS - at, SHORTEST_S));
  return Math.round((values["work"] ?? 0) / passedS);
}

/** What the object of a login's sessions tells the account's; plain data, as it crosses between them. */
export interface SessionFigures {
  /** open-etc-pool's `charts`: the last day, ten minutes a point. `x`: Unix time in seconds. */
  readonly charts: readonly { readonly x: number; readonly hashrate: number }[];
  /** What workers say they do, hashes per second. */
  readonly reported: readonly { readonly worker: string; readonly rate: number }[];
}

/** @param points of the last day, ten minutes each */
export function sessionFigures(
  { points, reported }: { readonly points: readonly Point[]; readonly reported: readonly ReportedRow[] },
  nowS: number,
): SessionFigures {
  const charts = points.map((point) => ({ x: point.at, hashrate: rateOf(point, PERIOD_S, nowS) }));
  return { charts, reported: reported.map(([worker, rate]) => ({ worker, rate })) };
}

/** The body of `/api/accounts/<login>/history`: columns over time, and each worker's verdicts over the last day. */
export function accountHistory(range: Range, report: LoginHistoryReport, nowS: number): string {
  const { resolution, points, workers } = report;
  const column = (name: string) => points.map(({ values }) => values[name] ?? 0);
  const byWorker = emptyRecord<VerdictCounts>();
  for (const [worker, accepted, duplicate, invalid, stale] of workers) {
    byWorker[worker] = { accepted, duplicate, invalid, stale };
  }
  const history: AccountHistory = {
    range,
    resolution,
    at: points.map(({ at }) => at),
    hashrate: points.map((point) => rateOf(point, resolution, nowS)),
    accepted: column("accepted"),
    duplicate: column("duplicate"),
    invalid: column("invalid"),
    stale: column("stale"),
    workers: byWorker,
  };
  return JSON.stringify(history);
}
