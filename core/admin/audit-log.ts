import type { SqlPort } from "../sql-port.ts";

/** Where what is done for the operator is written down. */
interface AuditRows {
  begin(command: string, details: object): number | Promise<number>;
  end(id: number, outcome: string): void | Promise<void>;
}

/**
 * Does what is written down first, and writes down how it ended.
 * @param outcomeOf what the log says of the result
 */
export async function writtenDown<T>(
  log: AuditRows,
  command: string,
  details: object,
  work: () => Promise<T>,
  outcomeOf: (result: T) => string,
): Promise<T> {
  const id = await log.begin(command, details);
  const end = async (outcome: string): Promise<void> => {
    try {
      await log.end(id, outcome);
    } catch {
      // What is done is done, also where its end cannot be written down: then the row says `asked` for good.
    }
  };
  try {
    const result = await work();
    await end(outcomeOf(result));
    return result;
  } catch (error) {
    await end(`broke off, and may have been done: ${error instanceof Error ? error.message : String(error)}`);
    throw error;
  }
}

/** One change by the operator. */
export interface AuditEntry {
  readonly id: number;
  /** Unix time in ms. */
  readonly atMs: number;
  readonly command: string;
  /** JSON */
  readonly details: string;
  /** How it ended; `asked` where nothing is known of that: it may have been done. */
  readonly outcome: string;
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

  /** Writes down what is asked, before it is done. @returns the entry's id */
  begin(command: string, details: object): number {
    const [row] = this.#sql.exec(
      "INSERT INTO audit (version, at_ms, command, details) VALUES (1, ?, ?, ?) RETURNING id",
      this.#nowMs(),
      command,
      JSON.stringify(details),
    );
    return Number(row?.["id"]);
  }

  /** Writes down how it ended. */
  end(id: number, outcome: string): void {
    this.#sql.exec("UPDATE audit SET outcome = ? WHERE id = ?", outcome, id);
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
        outcome: typeof outcome === "string" ? outcome : "asked",
      }));
  }
}
