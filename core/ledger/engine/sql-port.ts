/** What a column holds. Integers stay below 2^53; larger ones are kept as decimal text. */
export type SqlValue = string | number | null;

/** SQLite as the embedded ledger needs it: a Durable Object's storage, or `node:sqlite` in tests and tools. Synchronous. */
export interface SqlPort {
  /** Runs one statement. @returns its rows, each as the values in the order of the columns */
  query(statement: string, ...parameters: SqlValue[]): SqlValue[][];
  /** Runs `work`; what it wrote is taken back when it throws. May be nested. */
  transaction<T>(work: () => T): T;
}
