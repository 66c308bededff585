import type { SqlPort, SqlRow, SqlValue } from "../../sql-port.ts";

/** A Durable Object binds so many parameters to a statement. */
const MOST_PARAMETERS = 100;

/**
 * One statement for many rows of parameters. They are VALUES, which SQLite reads as they come: json_each, and a list behind IN, would be billed
 * as rows that are read, and JSON does not bring every number back as it was.
 */
export class ManyRows {
  readonly #row: string;
  readonly #most: number;
  readonly #textOf: (rows: string) => string;
  /** By how many rows it takes: SQLite keeps what it has prepared by its text. */
  readonly #texts = new Map<number, string>();

  /** @param width parameters a row @param textOf the statement around the rows, which stand behind VALUES */
  constructor(width: number, textOf: (rows: string) => string) {
    this.#row = `(${Array.from({ length: width }, () => "?").join(", ")})`;
    this.#most = Math.floor(MOST_PARAMETERS / width);
    this.#textOf = textOf;
  }

  /** Runs it as often as the rows need. @returns what all of it gave */
  run(sql: SqlPort, rows: readonly (readonly SqlValue[])[]): SqlRow[] {
    if (rows.length <= this.#most) return rows.length === 0 ? [] : sql.exec(this.#text(rows.length), ...rows.flat());
    const found: SqlRow[] = [];
    for (let from = 0; from < rows.length; from += this.#most)
      found.push(...this.run(sql, rows.slice(from, from + this.#most)));
    return found;
  }

  #text(count: number): string {
    const known = this.#texts.get(count);
    if (known !== undefined) return known;
    const text = this.#textOf(Array.from({ length: count }, () => this.#row).join(", "));
    this.#texts.set(count, text);
    return text;
  }
}
