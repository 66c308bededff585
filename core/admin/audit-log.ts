import type { SqlPort } from "../sql-port.ts";

/** One change by the operator. */
export interface AuditEntry {
  readonly id: number;
  /** Unix time in ms. */
  readonly atMs: number;
  readonly command: string;
  /** JSON */
  readonly details: string;
  /** Null: it was begun and nothing is known of its end. */
  readonly outcome: string | null;
}

const PAGE = 200;

/** What the operator changed, from the first day on: nothing is ever cut. A row stands before its effect. */
export class AuditLog {
  readonly #sql: SqlPort;
  readonly #nowMs: () => number;

  constructor(sql: SqlPort, nowMs: () => number) {
    this.#sql = sql;
    this.#nowMs = nowMs;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER, at_ms INTEGER, command TEXT, details TEXT, outcome TEXT)",
    );
  }

  /** Does what is written down first, and writes down how it ended. */
  async run<T>(command: string, details: object, work: () => Promise<T>, outcomeOf: (result: T) => string): Promise<T> {
    const [row] = this.#sql.exec(
      "INSERT INTO audit (version, at_ms, command, details) VALUES (1, ?, ?, ?) RETURNING id",
      this.#nowMs(),
      command,
      JSON.stringify(details),
    );
    const id = Number(row?.["id"]);
    try {
      const result = await work();
      this.#end(id, outcomeOf(result));
      return result;
    } catch (error) {
      this.#end(id, `failed: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  /** The latest entries, newest first. @param before only those with a smaller id; null for the newest */
  list(before: number | null): AuditEntry[] {
    return this.#sql
      .exec(
        "SELECT id, at_ms, command, details, outcome FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
        before ?? Number.MAX_SAFE_INTEGER,
        PAGE,
      )
      .map(({ id, at_ms, command, details, outcome }) => ({
        id: Number(id),
        atMs: Number(at_ms),
        command: String(command),
        details: String(details),
        outcome: typeof outcome === "string" ? outcome : null,
      }));
  }

  #end(id: number, outcome: string): void {
    this.#sql.exec("UPDATE audit SET outcome = ? WHERE id = ?", outcome, id);
  }
}
