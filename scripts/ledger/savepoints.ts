import type { DatabaseSync } from "node:sqlite";

/** Transactions that may stand in each other, as the SQL ports want them: what throws leaves nothing behind. */
export function savepoints(database: DatabaseSync): <T>(work: () => T) => T {
  let depth = 0;
  return (work) => {
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
  };
}
