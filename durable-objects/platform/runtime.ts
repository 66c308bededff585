import type { Clock } from "../../core/clock.ts";
import type { SqlPort, SqlValue } from "../../core/sql-port.ts";

/** The runtime's clock and timers. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};

/** {@link SqlPort} on a Durable Object's storage. */
export function sqlPort(storage: DurableObjectStorage): SqlPort {
  return {
    exec: (statement, ...parameters) => storage.sql.exec<Record<string, SqlValue>>(statement, ...parameters).toArray(),
    transaction: (work) => storage.transactionSync(work),
    durable: () => storage.sync(),
  };
}
