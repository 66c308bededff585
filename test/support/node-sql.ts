import { DatabaseSync } from "node:sqlite";
import type { SqlPort, SqlValue } from "../../core/ledger/sql-port.ts";

function cell(value: unknown): SqlValue {
  if (typeof value === "string" || typeof value === "number" || value === null) return value;
  throw new TypeError("the pool keeps text and numbers only");
}

/** Durable SQL on SQLite in Node. @param path a file, or `:memory:`: then it lasts as long as the port */
export function nodeSql(path = ":memory:"): SqlPort & { close(): void } {
  const database = new DatabaseSync(path);
  let depth = 0;
  return {
    exec(statement, ...parameters) {
      return database
        .prepare(statement)
        .all(...parameters)
        .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(value)])));
    },
    transaction(work) {
      const name = `nested${depth++}`;
      database.exec(`SAVEPOINT ${name}`);
      try {
        const result = work();
        database.exec(`RELEASE ${name}`);
        return result;
      } catch (error) {
        database.exec(`ROLLBACK TO ${name}`);
        database.exec(`RELEASE ${name}`);
        throw error;
      } finally {
        depth--;
      }
    },
    durable: () => Promise.resolve(),
    close: () => database.close(),
  };
}
