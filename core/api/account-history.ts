import type { Range, VerdictColumns, VerdictCounts } from "../history/definitions.ts";
import type { LoginHistoryReport } from "../history/login-history.ts";
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
    // What was really done in a period, not a window's mean: hashes over its length, as far as it has come.
    hashrate: points.map(({ at, values }) => {
      const passedS = Math.min(resolution, Math.max(nowS - at, SHORTEST_S));
      return Math.round((values["work"] ?? 0) / passedS);
    }),
    accepted: column("accepted"),
    duplicate: column("duplicate"),
    invalid: column("invalid"),
    stale: column("stale"),
    workers: byWorker,
  };
  return JSON.stringify(history);
}
