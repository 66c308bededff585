import type { SqlPort } from "../sql-port.ts";

/** So long after a change sessions of before may still be sending to a shard that is no longer configured. */
const SETTLED_MS = 600_000;

const VERSION = 1;

/**
 * Remembers every shard that was ever configured, until it holds nothing: after `verifier.shards` was made smaller nobody would know of
 * what still waits in the others. Kept by the one object that speaks for the pool.
 */
export class FormerShards {
  readonly #sql: Pick<SqlPort, "exec">;
  readonly #configured: number;
  readonly #sinceMs: number;

  /** @param configured how many shards there are now @param nowMs when this life began */
  constructor(sql: Pick<SqlPort, "exec">, configured: number, nowMs: number) {
    this.#sql = sql;
    this.#configured = configured;
    this.#sinceMs = nowMs;
    sql.exec("CREATE TABLE IF NOT EXISTS shard (number INTEGER PRIMARY KEY, version INTEGER NOT NULL)");
    const known = new Set(this.#known());
    for (let shard = 0; shard < configured; shard += 1)
      if (!known.has(shard)) sql.exec("INSERT INTO shard (number, version) VALUES (?, ?)", shard, VERSION);
  }

  /** Numbers of the shards beyond the configured ones that may hold something. */
  list(): number[] {
    return this.#known().filter((shard) => shard >= this.#configured);
  }

  /** A former shard was found empty. */
  empty(shard: number, nowMs: number): void {
    if (shard < this.#configured || nowMs - this.#sinceMs < SETTLED_MS) return;
    this.#sql.exec("DELETE FROM shard WHERE number = ?", shard);
  }

  #known(): number[] {
    return this.#sql.exec("SELECT number FROM shard ORDER BY number").map((row) => Number(row["number"]));
  }
}
