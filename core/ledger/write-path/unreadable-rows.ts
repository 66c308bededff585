import * as v from "valibot";
import type { SqlPort, SqlRow } from "../../sql-port.ts";
import { ROW_VERSION } from "./store-tables.ts";

/** What `keep` has written. */
const KEPT = v.record(v.string(), v.union([v.string(), v.number(), v.null()]));

/** A durable row that this version of the pool cannot read: of a later version, or damaged. */
export interface UnreadableRow {
  readonly id: number;
  /** The table that it was found in. */
  readonly source: "outbox" | "held";
  readonly reason: string;
  /** The row as it was. */
  readonly row: SqlRow;
}

/** Rows that nobody can act on now. They are kept as they were, for a version of the pool that can. */
export class UnreadableRows {
  readonly #sql: SqlPort;
  readonly #onUnreadable: (row: UnreadableRow) => void;

  constructor(sql: SqlPort, onUnreadable: (row: UnreadableRow) => void = () => undefined) {
    this.#sql = sql;
    this.#onUnreadable = onUnreadable;
  }

  keep(source: UnreadableRow["source"], row: SqlRow, reason: string): void {
    const [made] = this.#sql.exec(
      "INSERT INTO unreadable (source, reason, body, version) VALUES (?, ?, ?, ?) RETURNING id",
      source,
      reason,
      JSON.stringify(row),
      ROW_VERSION,
    );
    this.#onUnreadable({ id: Number(made?.["id"]), source, reason, row });
  }

  drop(id: number): void {
    this.#sql.exec("DELETE FROM unreadable WHERE id = ?", id);
  }

  all(): UnreadableRow[] {
    return this.#sql.exec("SELECT id, source, reason, body FROM unreadable ORDER BY id").map((row) => ({
      id: Number(row["id"]),
      source: row["source"] === "held" ? "held" : "outbox",
      reason: String(row["reason"]),
      row: v.parse(KEPT, JSON.parse(String(row["body"]))),
    }));
  }

  /** How many there are, and what the first ones are. */
  summary(): { readonly count: number; readonly reasons: readonly string[] } {
    const rows = this.#sql.exec(
      "SELECT source, reason, count(*) AS n FROM unreadable GROUP BY source, reason ORDER BY n DESC",
    );
    return {
      count: rows.reduce((sum, row) => sum + Number(row["n"]), 0),
      reasons: rows.slice(0, 3).map((row) => `${row["n"]} in ${row["source"]}: ${row["reason"]}`),
    };
  }
}
