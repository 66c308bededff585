import type { SqlPort, SqlRow } from "../../sql-port.ts";

/** Why a login above its threshold is not paid. */
export interface LoginWait {
  readonly login: string;
  /** What it should get, or what is pending of it, Shannon. */
  readonly amount: bigint;
  readonly reason: string;
  /** The ledger has forgotten payments of it: `mend` writes them again. */
  readonly forgotten: boolean;
}

/** The same as it is kept. */
export interface KeptWait extends LoginWait {
  /** Since when it is not paid, Unix time in ms. */
  readonly sinceMs: number;
}

/** All logins that the last planning did not pay, and why: kept, because a planning takes hours where many are paid, and the object may begin anew meanwhile. */
export class LoginWaits {
  readonly #sql: SqlPort;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS login_wait (login TEXT PRIMARY KEY, amount TEXT, reason TEXT, forgotten INTEGER, since_ms INTEGER) WITHOUT ROWID",
    );
  }

  /** Writes only what is new. */
  say({ login, amount, reason, forgotten }: LoginWait, nowMs: number): void {
    const before = this.of(login);
    if (before?.amount === amount && before.reason === reason) return;
    this.#sql.exec(
      "INSERT OR REPLACE INTO login_wait VALUES (?, ?, ?, ?, ?)",
      login,
      String(amount),
      reason,
      forgotten ? 1 : 0,
      before?.sinceMs ?? nowMs,
    );
  }

  drop(login: string): void {
    this.#sql.exec("DELETE FROM login_wait WHERE login = ?", login);
  }

  /** A planning has come to its end: nobody else waits. */
  keepOnly(logins: ReadonlySet<string>): void {
    for (const { login } of this.#sql.exec("SELECT login FROM login_wait"))
      if (!logins.has(String(login))) this.drop(String(login));
  }

  of(login: string): KeptWait | null {
    const [row] = this.#sql.exec("SELECT * FROM login_wait WHERE login = ?", login);
    return row === undefined ? null : waitIn(row);
  }

  /** The longest first. @param most null: all */
  list(most: number | null): KeptWait[] {
    return this.#sql.exec("SELECT * FROM login_wait ORDER BY since_ms, login LIMIT ?", most ?? -1).map(waitIn);
  }

  /** @returns how many there are, and of how many the ledger has forgotten something */
  count(): { readonly all: number; readonly forgotten: number } {
    const [row] = this.#sql.exec("SELECT COUNT(*) AS n, COALESCE(SUM(forgotten), 0) AS gone FROM login_wait");
    return { all: Number(row?.["n"]), forgotten: Number(row?.["gone"]) };
  }
}

const waitIn = (row: SqlRow): KeptWait => ({
  login: String(row["login"]),
  amount: BigInt(String(row["amount"])),
  reason: String(row["reason"]),
  forgotten: row["forgotten"] === 1,
  sinceMs: Number(row["since_ms"]),
});
