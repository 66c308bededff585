import type { BanNotice } from "../policy/client-guard.ts";
import type { SqlPort } from "../sql-port.ts";

/** A ban that is in force. */
export interface ListedBan {
  readonly client: string;
  /** Null: the whole client. */
  readonly login: string | null;
  /** Unix time in ms. */
  readonly untilMs: number;
  readonly reason: string;
  readonly byHand: boolean;
}

/** An attack from very many addresses must not fill the object: what ends first makes way. */
const MOST = 10_000;

/** The bans of all guards, as they report them: each guard decides by itself, this is only where the operator can see them together. */
export class BanList {
  readonly #sql: SqlPort;
  readonly #nowMs: () => number;

  constructor(sql: SqlPort, nowMs: () => number) {
    this.#sql = sql;
    this.#nowMs = nowMs;
    // The empty login is the whole client.
    sql.exec(
      "CREATE TABLE IF NOT EXISTS ban (client TEXT, login TEXT, until_ms INTEGER, reason TEXT, by_hand INTEGER, PRIMARY KEY (client, login)) WITHOUT ROWID",
    );
  }

  take({ client, login, ban }: BanNotice): void {
    if (ban === null) {
      this.#sql.exec("DELETE FROM ban WHERE client = ? AND login = ?", client, login ?? "");
      return;
    }
    const { untilMs, reason, byHand } = ban;
    this.#sql.exec(
      "INSERT OR REPLACE INTO ban VALUES (?, ?, ?, ?, ?)",
      client,
      login ?? "",
      untilMs,
      reason,
      byHand ? 1 : 0,
    );
    if (this.#count() <= MOST) return;
    this.#sql.exec("DELETE FROM ban WHERE until_ms <= ?", this.#nowMs());
    if (this.#count() <= MOST) return;
    this.#sql.exec(
      "DELETE FROM ban WHERE (client, login) IN (SELECT client, login FROM ban ORDER BY until_ms LIMIT ?)",
      this.#count() - MOST,
    );
  }

  /** What is in force, what ends last first. */
  list(): ListedBan[] {
    return this.#sql
      .exec("SELECT * FROM ban WHERE until_ms > ? ORDER BY until_ms DESC", this.#nowMs())
      .map(({ client, login, until_ms, reason, by_hand }) => ({
        client: String(client),
        login: login === "" ? null : String(login),
        untilMs: Number(until_ms),
        reason: String(reason),
        byHand: by_hand === 1,
      }));
  }

  #count(): number {
    return Number(this.#sql.exec("SELECT count(*) AS n FROM ban")[0]?.["n"] ?? 0);
  }
}
