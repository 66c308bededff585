import { DatabaseSync } from "node:sqlite";
import type { SqlPort, SqlValue } from "../../core/ledger/contract/sql-port.ts";
import { savepoints } from "../../scripts/ledger/savepoints.ts";

function cell(value: unknown): SqlValue {
  if (typeof value === "string" || typeof value === "number" || value === null) return value;
  throw new TypeError("the pool keeps text and numbers only");
}

/** Durable SQL on SQLite in Node. @param path a file, or `:memory:`: then it lasts as long as the port */
export function nodeSql(path = ":memory:"): SqlPort & { close(): void } {
  const database = new DatabaseSync(path);
  return {
    exec(statement, ...parameters) {
      return database
        .prepare(statement)
        .all(...parameters)
        .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(value)])));
    },
    transaction: savepoints(database),
    durable: () => Promise.resolve(),
    close: () => database.close(),
  };
}
