import { LOGIN_SERIES, RANGES, VERDICTS, type Range } from "./definitions.ts";
import type { SqlPort } from "../sql-port.ts";
import { Series, type Point } from "./series.ts";
import {
  addUp,
  fittedRows,
  parseRows,
  PERIOD_S,
  rowsOf,
  type Tally,
  type TallyRow,
  type WorkerCounts,
} from "./tally.ts";

const DAY_S = 86_400;
/**
 * Longest text about the workers of one period, some 1,500 of them. A row may have 2 MB, and a day of such rows is read at once; a row is
 * read and written anew whenever a connection ends.
 */
const MAX_DETAIL_LENGTH = 64 * 1024;
/** Longest text about the workers in an answer. */
const MAX_ANSWER_LENGTH = 256 * 1024;

/** A login's history as it crosses between objects. */
export interface LoginHistoryReport {
  readonly resolution: number;
  readonly points: readonly Point[];
  /** Counts by worker over the last day. */
  readonly workers: readonly TallyRow[];
}

/** One login's history, in the SQLite of the object that owns its sessions: at most 402 rows, one written per ten minutes of mining. */
export class LoginHistory {
  readonly #series: Series;

  constructor(sql: SqlPort) {
    this.#series = new Series(sql, LOGIN_SERIES);
  }

  /** Writes tallies down, one row a period. */
  settle(tallies: readonly Tally[]): void {
    // Oldest first: coarser periods are summed up as time goes on.
    const inOrder = tallies.toSorted((a, b) => a.periodS - b.periodS);
    for (const [periodS, members] of Map.groupBy(inOrder, (tally) => tally.periodS)) {
      const news = members.flatMap(({ workers }) => workers);
      if (news.length === 0) continue;
      const before = this.#series.details(periodS, periodS + 1).flatMap(({ detail }) => parseRows(detail));
      this.#series.add(
        periodS,
        sumOf(addUp(news)),
        JSON.stringify(fittedRows(rowsOf(addUp([...before, ...news])), MAX_DETAIL_LENGTH)),
      );
    }
  }

  /** @param open tallies that are not settled yet: they belong to the picture, too */
  report(range: Range, nowS: number, open: readonly Tally[]): LoginHistoryReport {
    const days = this.#series.details(nowS - DAY_S, nowS + 1).flatMap(({ detail }) => parseRows(detail));
    const all = rowsOf(addUp([...days, ...open.flatMap((tally) => tally.workers)]));
    const workers = fittedRows(all, MAX_ANSWER_LENGTH);
    return { resolution: RANGES[range].loginResolutionS, points: this.points(range, nowS, open), workers };
  }

  /** The series alone. */
  points(range: Range, nowS: number, open: readonly Tally[]): Point[] {
    const { spanS, loginResolutionS } = RANGES[range];
    return withOpen(this.#series.points(loginResolutionS, nowS - spanS, nowS + 1), open, loginResolutionS);
  }

  /** One worker's part of {@link report}: workers are told apart in the finest periods only, so over a day at most. */
  reportOf(worker: string, range: Range, nowS: number, open: readonly Tally[]): LoginHistoryReport {
    const fromS = nowS - Math.min(RANGES[range].spanS, DAY_S);
    const periods = new Map<number, TallyRow[]>();
    for (const { at, detail } of this.#series.details(fromS, nowS + 1)) periods.set(at, parseRows(detail));
    for (const { periodS, workers } of open) {
      if (periodS >= fromS) periods.set(periodS, [...(periods.get(periodS) ?? []), ...workers]);
    }
    const rows = [...periods.values()].flat().filter(([name]) => name === worker);
    const inOrder = [...periods].toSorted(([a], [b]) => a - b);
    return { resolution: PERIOD_S, points: pointsOf(worker, inOrder), workers: rowsOf(addUp(rows)) };
  }
}

/** Points of one worker, of periods as long as the finest ones. */
function pointsOf(worker: string, periods: Iterable<readonly [periodS: number, rows: readonly TallyRow[]]>): Point[] {
  const points: Point[] = [];
  for (const [at, rows] of periods) {
    const counts = addUp(rows).get(worker);
    if (counts !== undefined) points.push({ at, values: { ...counts } });
  }
  return points;
}

function sumOf(workers: ReadonlyMap<string, WorkerCounts>): Record<string, number> {
  const sum = (name: keyof WorkerCounts) => [...workers.values()].reduce((total, counts) => total + counts[name], 0);
  return Object.fromEntries([...VERDICTS, "work" as const].map((name) => [name, sum(name)]));
}

/** Adds what is not written yet to the period that it will be written to. */
function withOpen(points: readonly Point[], open: readonly Tally[], resolutionS: number): Point[] {
  const byStart = new Map(points.map((point) => [point.at, point]));
  for (const { periodS, workers } of open) {
    const at = periodS - (periodS % resolutionS);
    const before = byStart.get(at)?.values ?? {};
    const more = sumOf(addUp(workers));
    const values = Object.fromEntries(Object.entries(more).map(([name, n]) => [name, n + (before[name] ?? 0)]));
    byStart.set(at, { at, values });
  }
  return [...byStart.values()].toSorted((a, b) => a.at - b.at);
}
