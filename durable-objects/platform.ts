import type { Clock } from "../core/clock.ts";
import type { SqlPort, SqlValue } from "../core/ledger/sql-port.ts";

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

/** The one alarm of an object, for whoever asks for the earliest time. An alarm that is already earlier is left: each costs a row. */
export class AlarmBell {
  readonly #storage: DurableObjectStorage;
  #atMs = Infinity;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** @param atMs Unix time in ms */
  ringAt(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.#atMs = atMs;
    void this.#storage.setAlarm(atMs);
  }

  /** It rang: the next request sets it again. */
  rang(): void {
    this.#atMs = Infinity;
  }
}
