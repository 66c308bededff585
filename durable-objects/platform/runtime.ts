import type { Clock } from "../../core/clock.ts";
import type { SqlPort, SqlValue } from "../../core/ledger/contract/sql-port.ts";

/** The runtime's clock and timers. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A Durable Object's SQLite as core wants it. */
export function sqlPort(storage: DurableObjectStorage): SqlPort {
  return {
    exec: (statement, ...parameters) => storage.sql.exec<Record<string, SqlValue>>(statement, ...parameters).toArray(),
    transaction: (work) => storage.transactionSync(work),
    durable: () => storage.sync(),
  };
}
