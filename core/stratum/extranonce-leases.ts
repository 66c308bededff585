import type { SqlPort } from "../sql-port.ts";
import { EXTRANONCES, type ExtranonceLease, LEASE_MS, RESUME_MS } from "./extranonce.ts";

/** Leases that ran out are swept when this many have been given since. */
const SWEEP_EVERY = 4_096;

/** Where the leases are kept. */
export interface LeaseStore {
  readonly sql: Pick<SqlPort, "exec">;
  /** The value that is tried first next time; undefined before the first. */
  readonly next: { load(): number | undefined; save(value: number): void };
}

/**
 * Which session has which nonces. Leases are rows, so that they hold over restarts; those of sessions that vanished without a word (a
 * deploy, a crash) run out. Numbers are given round and round, so that one returns as late as can be.
 */
export class ExtranonceLeases {
  readonly #sql: Pick<SqlPort, "exec">;
  readonly #next: LeaseStore["next"];

  constructor({ sql, next }: LeaseStore) {
    this.#sql = sql;
    this.#next = next;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS lease (value INTEGER PRIMARY KEY, session TEXT NOT NULL, until_ms INTEGER NOT NULL)",
    );
    sql.exec("CREATE INDEX IF NOT EXISTS lease_session ON lease (session)");
  }

  /**
   * An extranonce that no live session has; the one that this session has or lately had, if it did.
   * @throws when all of them are in use
   */
  acquire(session: string, nowMs: number): number {
    const untilMs = nowMs + LEASE_MS;
    const [held] = this.#sql.exec("UPDATE lease SET until_ms = ? WHERE session = ? RETURNING value", untilMs, session);
    if (held) return Number(held["value"]);
    let value = this.#next.load() ?? 0;
    if (value % SWEEP_EVERY === 0) this.#sql.exec("DELETE FROM lease WHERE until_ms < ?", nowMs);
    for (let tried = 0; this.#heldUntilMs(value) >= nowMs; tried++) {
      if (tried === EXTRANONCES) throw new Error("every extranonce is in use");
      value = (value + 1) % EXTRANONCES;
    }
    this.#next.save((value + 1) % EXTRANONCES);
    this.#sql.exec("INSERT OR REPLACE INTO lease VALUES (?, ?, ?)", value, session, untilMs);
    return value;
  }

  /** Keeps extranonces for another lease. @returns those that belong to someone else by now */
  renew(leases: readonly ExtranonceLease[], nowMs: number): number[] {
    return leases.filter((lease) => !this.#keepUntil(lease, nowMs + LEASE_MS)).map(({ value }) => value);
  }

  /** Gives back what a session no longer needs; for a short while nobody else gets it, as the session may come back. */
  release(leases: readonly ExtranonceLease[], nowMs: number): void {
    for (const lease of leases) this.#keepUntil(lease, nowMs + RESUME_MS);
  }

  /** @returns whether the lease is the session's */
  #keepUntil({ value, session }: ExtranonceLease, untilMs: number): boolean {
    const kept = "UPDATE lease SET until_ms = ? WHERE value = ? AND session = ? RETURNING value";
    return this.#sql.exec(kept, untilMs, value, session).length > 0;
  }

  /** Unix time in ms; long ago for a free one. */
  #heldUntilMs(value: number): number {
    return Number(this.#sql.exec("SELECT until_ms FROM lease WHERE value = ?", value)[0]?.["until_ms"] ?? -Infinity);
  }
}
