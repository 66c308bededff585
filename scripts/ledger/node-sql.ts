import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SqlPort, SqlRow } from "../../core/sql-port.ts";

/** {@link SqlPort} on `node:sqlite`, for tests, tools and benchmarks. @param path a file, or `:memory:`: then it lasts as long as the port */
export function nodeSql(path = ":memory:"): SqlPort & { close(): void } {
  const database = new DatabaseSync(path);
  const statements = new Map<string, StatementSync>();
  const prepared = (text: string): StatementSync => {
    const statement = statements.get(text) ?? database.prepare(text);
    statements.set(text, statement);
    return statement;
  };
  let depth = 0;
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only text, numbers and null are ever bound; the types know blobs and bigint too
    exec: (statement, ...parameters) => prepared(statement).all(...parameters) as SqlRow[],
    transaction(work) {
      const name = `level${depth++}`;
      database.exec(`SAVEPOINT ${name}`);
      try {
        const result = work();
        database.exec(`RELEASE ${name}`);
        return result;
      } catch (error) {
        database.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
        throw error;
      } finally {
        depth--;
      }
    },
    durable: () => Promise.resolve(),
    close: () => database.close(),
  };
}
