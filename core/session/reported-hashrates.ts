import { RecentMap } from "../bounded-map.ts";

/** A worker, the hashes a second that it says it does, and when it said so (Unix time in ms). */
export type ReportedRow = readonly [worker: string, rate: number, atMs: number];

/** A worker that has not repeated its report for this long has stopped, or its program has; they report every one to five minutes. */
const GOOD_FOR_MS = 600_000;
/** Workers of one connection: a proxy that carries more of them is told apart by its shares only. The attachment has little room. */
const MOST_A_CONNECTION = 16;
/** Workers of HTTP getwork, which has no connections. */
const MOST_LOOSE = 256;

/** One more report on a connection; the latest of a worker counts. */
export function withReport(
  rows: readonly ReportedRow[] | undefined,
  worker: string,
  rate: number,
  nowMs: number,
): readonly ReportedRow[] {
  const others = (rows ?? []).filter(([name, , atMs]) => name !== worker && nowMs - atMs < GOOD_FOR_MS);
  return [...others, [worker, rate, nowMs] as const].slice(-MOST_A_CONNECTION);
}

/** What the workers of one login say of themselves. Never written down: it lives in the connections' records, and for getwork in memory. */
export class ReportedHashrates {
  readonly #loose = new RecentMap<string, ReportedRow>(MOST_LOOSE);

  /** By HTTP getwork. */
  noteLoose(worker: string, rate: number, nowMs: number): void {
    this.#loose.set(worker, [worker, rate, nowMs]);
  }

  /** By worker, over all connections: several rigs may have one name. @param connections reports of each connection that counts */
  sums(connections: readonly (readonly ReportedRow[])[], nowMs: number): ReportedRow[] {
    const sums = new Map<string, ReportedRow>();
    for (const [worker, rate, atMs] of [...connections.flat(), ...this.#loose.values()]) {
      if (nowMs - atMs >= GOOD_FOR_MS) continue;
      const [, before, heardMs] = sums.get(worker) ?? [worker, 0, 0];
      sums.set(worker, [worker, before + rate, Math.max(heardMs, atMs)]);
    }
    return [...sums.values()];
  }
}
