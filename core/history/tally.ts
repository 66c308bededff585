import * as v from "valibot";
import { LOGIN_SERIES, VERDICTS, type Verdict, type VerdictCounts } from "./definitions.ts";

/** What one worker has submitted: submits by verdict, and the accepted share difficulties added up. */
export type WorkerCounts = VerdictCounts & { readonly work: number };

/**
 * Submits of one connection since its last settlement. Small and plain, because it rides in the connection's hibernation attachment:
 * keeping it there costs nothing, where a row a share would be the dearest part of the pool.
 */
export interface Tally {
  /** Start of the period that it belongs to, Unix time in seconds. */
  readonly periodS: number;
  /** `[worker, accepted, duplicate, invalid, stale, work]`; names are values here, so none can be special. */
  readonly workers: readonly TallyRow[];
}
export type TallyRow = readonly [
  worker: string,
  accepted: number,
  duplicate: number,
  invalid: number,
  stale: number,
  work: number,
];

/** A tally that is read back from storage. */
export const tallySchema = v.object({
  periodS: v.number(),
  workers: v.array(v.tuple([v.string(), v.number(), v.number(), v.number(), v.number(), v.number()])),
});

/** Workers that one tally holds: a proxy that carries more has them added up under the name `…`. */
export const MAX_TALLY_WORKERS = 32;
const THE_OTHERS = "…";
/** Six numbers, their commas and the brackets, and then some. */
const ROOM_FOR_THE_OTHERS = 200;

/** Length of a period of a login's history: how often at most a row is written for it. */
export const PERIOD_S = LOGIN_SERIES.resolutions[0]?.seconds ?? 600;

/** Start of the period that holds a moment. @param nowMs Unix time in ms */
export function periodAt(nowMs: number): number {
  return Math.floor(nowMs / 1000 / PERIOD_S) * PERIOD_S;
}

const NO_COUNTS: WorkerCounts = { accepted: 0, duplicate: 0, invalid: 0, stale: 0, work: 0 };

function rowOf(worker: string, { accepted, duplicate, invalid, stale, work }: WorkerCounts): TallyRow {
  return [worker, accepted, duplicate, invalid, stale, work];
}

function countsOf([, accepted, duplicate, invalid, stale, work]: TallyRow): WorkerCounts {
  return { accepted, duplicate, invalid, stale, work };
}

/** Adds counts up by worker. */
export function addUp(rows: Iterable<TallyRow>): Map<string, WorkerCounts> {
  const sums = new Map<string, WorkerCounts>();
  for (const row of rows) {
    const before = sums.get(row[0]) ?? NO_COUNTS;
    const counts = countsOf(row);
    sums.set(row[0], {
      accepted: before.accepted + counts.accepted,
      duplicate: before.duplicate + counts.duplicate,
      invalid: before.invalid + counts.invalid,
      stale: before.stale + counts.stale,
      work: before.work + counts.work,
    });
  }
  return sums;
}

/** The rows of sums, for storage. */
export function rowsOf(sums: ReadonlyMap<string, WorkerCounts>): TallyRow[] {
  return [...sums].map(([worker, counts]) => rowOf(worker, counts));
}

/**
 * Rows whose JSON text is not longer than `maxLength`: where they are too many, the ones with the fewest accepted shares are added up
 * under the name `…`.
 */
export function fittedRows(rows: readonly TallyRow[], maxLength: number): readonly TallyRow[] {
  if (JSON.stringify(rows).length <= maxLength) return rows;
  const kept: TallyRow[] = [];
  const others: TallyRow[] = [];
  let length = ROOM_FOR_THE_OTHERS;
  for (const row of rows.toSorted((a, b) => b[1] - a[1])) {
    length += JSON.stringify(row).length + 1;
    if (row[0] !== THE_OTHERS && length <= maxLength) kept.push(row);
    else others.push(rowOf(THE_OTHERS, countsOf(row)));
  }
  return [...kept, ...rowsOf(addUp(others))];
}

/** One more submit. @param work difficulty of an accepted share, else 0 */
export function tallied(tally: Tally | null, nowMs: number, worker: string, verdict: Verdict, work: number): Tally {
  const workers = tally?.workers ?? [];
  const known = workers.some(([name]) => name === worker);
  const name = known || workers.length < MAX_TALLY_WORKERS ? worker : THE_OTHERS;
  const one = rowOf(name, { ...NO_COUNTS, [verdict]: 1, work });
  return { periodS: tally?.periodS ?? periodAt(nowMs), workers: rowsOf(addUp([...workers, one])) };
}

/** Reads rows back from text that this module's rows were written as; what is not one is left out. */
export function parseRows(text: string): TallyRow[] {
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? parsed.filter(isRow) : [];
}

function isRow(value: unknown): value is TallyRow {
  return (
    Array.isArray(value) &&
    value.length === VERDICTS.length + 2 &&
    value.every((member, i) => typeof member === (i === 0 ? "string" : "number"))
  );
}
