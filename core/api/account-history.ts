import { VERDICTS, type Range, type VerdictCounts } from "../history/definitions.ts";
import type { LoginHistoryReport } from "../history/login-history.ts";
import { emptyRecord } from "./json.ts";

/** The body of `/api/accounts/<login>/history`: columns over time, and each worker's verdicts over the last day. */
export function accountHistory(range: Range, { resolution, points, workers }: LoginHistoryReport): string {
  const column = (name: string) => points.map(({ values }) => values[name] ?? 0);
  const byWorker = emptyRecord<VerdictCounts>();
  for (const [worker, accepted, duplicate, invalid, stale] of workers) {
    byWorker[worker] = { accepted, duplicate, invalid, stale };
  }
  return JSON.stringify({
    range,
    resolution,
    at: points.map(({ at }) => at),
    // What was really done in a period, not a window's mean: hashes over its length.
    hashrate: column("work").map((work) => Math.round(work / resolution)),
    ...Object.fromEntries(VERDICTS.map((verdict) => [verdict, column(verdict)])),
    workers: byWorker,
  });
}
