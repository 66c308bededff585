/** The embedded ledger's storage on `node:sqlite`, for tests, tools and benchmarks. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SqlPort, SqlValue } from "../../core/ledger/engine/sql-port.ts";
import { savepoints } from "./savepoints.ts";

/** @param path a file, or `:memory:` */
export function nodeSql(path = ":memory:"): SqlPort & { close(): void } {
  const database = new DatabaseSync(path);
  const statements = new Map<string, StatementSync>();
  const prepared = (text: string): StatementSync => {
    const known = statements.get(text);
    if (known) return known;
    const statement = database.prepare(text);
    statement.setReturnArrays(true);
    statements.set(text, statement);
    return statement;
  };
  return {
    query(statement: string, ...parameters: SqlValue[]) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- setReturnArrays; the types of node:sqlite only know objects
      return prepared(statement).all(...parameters) as unknown as SqlValue[][];
    },
    transaction: savepoints(database),
    close: () => database.close(),
  };
}
