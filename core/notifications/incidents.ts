import type { SqlPort, SqlRow } from "../sql-port.ts";
import type { MessageData, NotificationKind } from "./messages.ts";

/** Something that is wrong now. */
export interface Finding {
  /** Of which there is one. */
  readonly key: string;
  readonly kind: NotificationKind;
  /** For how long it has to be so before anybody is told, ms. */
  readonly patienceMs: number;
  readonly data: MessageData;
}

/** What has become of an incident. */
export interface Turn {
  readonly kind: NotificationKind;
  readonly phase: "opened" | "closed";
  readonly incident: string;
  readonly data: MessageData;
  /** For how long it was open, ms; 0 at its opening. */
  readonly lastedMs: number;
}

/** What comes back within so long was not gone: something that flaps is one incident. */
const CALM_MS = 300_000;

/** Which incidents are open. One opens when it was seen for its patience and closes when it was not seen for five minutes; so it is told twice, however often it is seen. */
export class Incidents {
  readonly #sql: SqlPort;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS incident (key TEXT PRIMARY KEY, kind TEXT NOT NULL, first_ms INTEGER NOT NULL, opened_ms INTEGER, absent_ms INTEGER)",
    );
  }

  /** All that is wrong now, of everything that was looked at. In the transaction of the caller. @param looked whether a known incident could have been seen */
  observe(findings: readonly Finding[], nowMs: number, looked: (key: string) => boolean = () => true): Turn[] {
    const turns: Turn[] = [];
    for (const finding of findings) turns.push(...this.#seen(finding, nowMs));
    const seen = new Set(findings.map(({ key }) => key));
    for (const row of this.#sql.exec("SELECT * FROM incident"))
      if (!seen.has(String(row["key"])) && looked(String(row["key"]))) turns.push(...this.#absent(row, nowMs));
    return turns;
  }

  /** Keys of the incidents that are open. */
  open(): string[] {
    return this.#sql.exec("SELECT key FROM incident WHERE opened_ms IS NOT NULL").map(({ key }) => String(key));
  }

  #seen({ key, kind, patienceMs, data }: Finding, nowMs: number): Turn[] {
    const [row] = this.#sql.exec("SELECT * FROM incident WHERE key = ?", key);
    if (row === undefined)
      this.#sql.exec("INSERT INTO incident (key, kind, first_ms) VALUES (?, ?, ?)", key, kind, nowMs);
    else if (row["absent_ms"] !== null) this.#sql.exec("UPDATE incident SET absent_ms = NULL WHERE key = ?", key);
    const firstMs = Number(row?.["first_ms"] ?? nowMs);
    if ((row?.["opened_ms"] ?? null) !== null || nowMs - firstMs < patienceMs) return [];
    this.#sql.exec("UPDATE incident SET opened_ms = ? WHERE key = ?", nowMs, key);
    return [{ kind, phase: "opened", incident: `${key}@${firstMs}`, data, lastedMs: 0 }];
  }

  #absent(row: SqlRow, nowMs: number): Turn[] {
    const key = String(row["key"]);
    const absentMs = Number(row["absent_ms"] ?? nowMs);
    if (row["opened_ms"] !== null && nowMs - absentMs < CALM_MS) {
      if (row["absent_ms"] === null) this.#sql.exec("UPDATE incident SET absent_ms = ? WHERE key = ?", nowMs, key);
      return [];
    }
    this.#sql.exec("DELETE FROM incident WHERE key = ?", key);
    if (row["opened_ms"] === null) return [];
    const firstMs = Number(row["first_ms"]);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by #seen alone
    const kind = String(row["kind"]) as NotificationKind;
    const name = key.slice(key.indexOf(":") + 1);
    return [{ kind, phase: "closed", incident: `${key}@${firstMs}`, data: { name }, lastedMs: absentMs - firstMs }];
  }
}
