/** A cell. Integers beyond 2^53 are kept as text: SQLite in a Durable Object reads them back rounded. */
export type SqlValue = string | number | null;

/** Durable, synchronous SQL: a Durable Object's storage, or `node:sqlite` in tests. */
export interface SqlPort {
  exec(statement: string, ...parameters: SqlValue[]): Record<string, SqlValue>[];
  /** All of `work` or, when it throws, nothing. */
  transaction<T>(work: () => T): T;
  /** Resolves when everything written so far would survive the loss of the process. */
  durable(): Promise<void>;
}
