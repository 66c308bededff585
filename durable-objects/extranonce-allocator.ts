import { DurableObject } from "cloudflare:workers";
import { EXTRANONCES, type ExtranonceLease, LEASE_MS, RESUME_MS } from "../core/stratum/extranonce.ts";
import type { Env } from "./env.ts";
import type { ExtranonceAllocatorRpc } from "./rpc.ts";

/** Leases that ran out are swept when this many have been given since. */
const SWEEP_EVERY = 4_096;

/**
 * Gives every live session of the pool nonces of its own: one object (`idFromName("main")`), because uniqueness across login
 * objects needs one place that decides. Leases are rows, so that they hold over restarts of this object; those of sessions that
 * vanished without a word (a deploy, a crash) run out. Numbers are given round and round, so that one returns as late as can be.
 */
export class ExtranonceAllocator extends DurableObject<Env> implements ExtranonceAllocatorRpc {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS lease (value INTEGER PRIMARY KEY, session TEXT NOT NULL, until_ms INTEGER NOT NULL);
       CREATE INDEX IF NOT EXISTS lease_session ON lease (session)`,
    );
  }

  async acquire(session: string): Promise<number> {
    const nowMs = Date.now();
    const { kv, sql } = this.ctx.storage;
    const [held] = sql
      .exec<{ value: number }>(
        "UPDATE lease SET until_ms = ? WHERE session = ? RETURNING value",
        nowMs + LEASE_MS,
        session,
      )
      .toArray();
    if (held) return held.value;
    let value = kv.get<number>("next") ?? 0;
    if (value % SWEEP_EVERY === 0) sql.exec("DELETE FROM lease WHERE until_ms < ?", nowMs);
    for (let tried = 0; this.#heldUntil(value) >= nowMs; tried++) {
      if (tried === EXTRANONCES) throw new Error("every extranonce is in use");
      value = (value + 1) % EXTRANONCES;
    }
    kv.put("next", (value + 1) % EXTRANONCES);
    sql.exec("INSERT OR REPLACE INTO lease VALUES (?, ?, ?)", value, session, nowMs + LEASE_MS);
    return value;
  }

  async renew(leases: readonly ExtranonceLease[]): Promise<number[]> {
    const untilMs = Date.now() + LEASE_MS;
    return leases
      .filter(({ value, session }) => {
        const changed = this.ctx.storage.sql.exec(
          "UPDATE lease SET until_ms = ? WHERE value = ? AND session = ?",
          untilMs,
          value,
          session,
        );
        return changed.rowsWritten === 0;
      })
      .map(({ value }) => value);
  }

  async release(leases: readonly ExtranonceLease[]): Promise<void> {
    const untilMs = Date.now() + RESUME_MS;
    for (const { value, session } of leases) {
      this.ctx.storage.sql.exec(
        "UPDATE lease SET until_ms = ? WHERE value = ? AND session = ?",
        untilMs,
        value,
        session,
      );
    }
  }

  /** Unix time in ms; 0 for a free one. */
  #heldUntil(value: number): number {
    const [row] = this.ctx.storage.sql
      .exec<{ until_ms: number }>("SELECT until_ms FROM lease WHERE value = ?", value)
      .toArray();
    return row?.until_ms ?? 0;
  }
}
