/** A cell. Integers beyond 2^53 are kept as text: SQLite in a Durable Object reads them back rounded. */
export type SqlValue = string | number | null;

/** A row of results by column name. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Synchronous SQLite: a Durable Object's own storage, or `node:sqlite` in tests, tools and benchmarks. */
export interface SqlPort {
  /** Runs one statement. @returns its rows */
  exec(statement: string, ...parameters: SqlValue[]): SqlRow[];
  /** All of `work` or, when it throws, nothing. May be nested. */
  transaction<T>(work: () => T): T;
  /** Resolves when everything written so far would survive the loss of the process. */
  durable(): Promise<void>;
}
