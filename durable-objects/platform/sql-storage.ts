import type { SqlPort, SqlValue } from "../../core/sql-port.ts";

/** {@link SqlPort} on a Durable Object's storage. */
export function sqlPort(storage: DurableObjectStorage): SqlPort {
  return {
    exec: (statement, ...parameters) => storage.sql.exec<Record<string, SqlValue>>(statement, ...parameters).toArray(),
    transaction: (work) => storage.transactionSync(work),
    durable: () => storage.sync(),
  };
}
