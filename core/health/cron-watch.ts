import { duration } from "../units.ts";
import type { SqlPort } from "../sql-port.ts";

/** What the API's object has seen of the cron trigger, which fires every minute. Unix times in ms. */
export interface CronBeat {
  /** Null: never yet. */
  readonly lastMs: number | null;
  /** When it began to look. */
  readonly sinceMs: number;
}

/** Cron fires every minute; so long without one is no delay any more. */
const MISSED_MS = 180_000;

/**
 * When cron came last, in a row: the object leaves memory while nobody asks, and in one that has just come back a trigger that has been gone for a
 * month would look like one that is about to come.
 */
export class CronWatch {
  readonly #sql: SqlPort;
  #beat: CronBeat;

  constructor(sql: SqlPort, nowMs: number) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS cron_beat (id INTEGER PRIMARY KEY, since_ms INTEGER, last_ms INTEGER)");
    sql.exec("INSERT OR IGNORE INTO cron_beat VALUES (1, ?, NULL)", nowMs);
    const [row] = sql.exec("SELECT since_ms, last_ms FROM cron_beat");
    const last = row?.["last_ms"] ?? null;
    this.#beat = { sinceMs: Number(row?.["since_ms"]), lastMs: last === null ? null : Number(last) };
  }

  get beat(): CronBeat {
    return this.#beat;
  }

  came(atMs: number): void {
    this.#beat = { ...this.#beat, lastMs: atMs };
    this.#sql.exec("UPDATE cron_beat SET last_ms = ?", atMs);
  }
}

/** What an operator is told of a trigger that does not come. */
export function cronNotices({ lastMs, sinceMs }: CronBeat, nowMs: number): string[] {
  const missedMs = nowMs - (lastMs ?? sinceMs);
  if (missedMs < MISSED_MS) return [];
  return [
    `the cron trigger has not come for ${duration(missedMs / 1000, true)}, and it should every minute: a poll loop that died is not revived, and nothing is purged. See that [triggers] crons = ["* * * * *"] was deployed (the Worker's page, Settings, Trigger Events); a new one takes up to 15 minutes`,
  ];
}
