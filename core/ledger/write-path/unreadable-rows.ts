import * as v from "valibot";
import type { SqlPort, SqlRow } from "../../sql-port.ts";
import { ROW_VERSION } from "./store-tables.ts";

/** What `keep` has written. */
const KEPT = v.object({
  id: v.number(),
  source: v.picklist(["outbox", "held"]),
  reason: v.string(),
  body: v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.union([v.string(), v.number(), v.null()]))),
});

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

  /** Those that may be readable by now. What a later version set aside, or was damaged since, stays where it is. */
  all(): UnreadableRow[] {
    return this.#sql.exec("SELECT * FROM unreadable WHERE version <= ? ORDER BY id", ROW_VERSION).flatMap((row) => {
      const kept = v.safeParse(KEPT, row);
      if (!kept.success) return [];
      const { id, source, reason, body } = kept.output;
      return [{ id, source, reason, row: body }];
    });
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
