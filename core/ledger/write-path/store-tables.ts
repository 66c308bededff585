import type { SqlPort } from "../../sql-port.ts";

/** Version of the rows that this code writes. Rows of a later one are not touched but set aside; those from before versions count as 1. */
export const ROW_VERSION = 1;

const TABLES: Readonly<Record<string, string>> = {
  outbox:
    "id INTEGER PRIMARY KEY, kind TEXT NOT NULL, uncertain INTEGER NOT NULL, shares INTEGER NOT NULL, body TEXT NOT NULL",
  held: "id INTEGER PRIMARY KEY, stage TEXT NOT NULL, body TEXT NOT NULL",
  unresolved: "id INTEGER PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL",
  outbox_state: "name TEXT PRIMARY KEY, value INTEGER NOT NULL",
  refused_login: "login TEXT PRIMARY KEY, reason TEXT NOT NULL, since INTEGER NOT NULL",
  unreadable: "id INTEGER PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL",
  settlement:
    "id INTEGER PRIMARY KEY, action TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL",
};

/** Columns that came later. An older pool that is rolled back to writes rows without them and leaves them alone in others. */
const LATER: readonly (readonly [table: string, column: string, definition: string])[] = [
  ...["outbox", "held", "unresolved", "refused_login", "unreadable", "settlement"].map(
    (table) => [table, "version", `INTEGER NOT NULL DEFAULT ${ROW_VERSION}`] as const,
  ),
  ["outbox", "refused_login", "TEXT"],
  ["unresolved", "kind", "TEXT NOT NULL DEFAULT 'share'"],
];

/** Makes a verifier's tables, or brings those of an earlier version of the pool to this one's. */
export function openTables(sql: SqlPort): void {
  for (const [table, columns] of Object.entries(TABLES)) sql.exec(`CREATE TABLE IF NOT EXISTS ${table} (${columns})`);
  for (const [table, column, definition] of LATER) {
    const [made] = sql.exec("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", table);
    if (!new RegExp(`\\b${column}\\b`).test(String(made?.["sql"])))
      sql.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${definition}`);
  }
}
