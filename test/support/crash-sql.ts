import type { SqlPort, SqlValue } from "../../core/sql-port.ts";
import type { Clock } from "../../core/clock.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";

/** Reaching the disk takes so long. */
const SYNC_MS = 5;

type Statement = readonly [statement: string, ...parameters: SqlValue[]];

/**
 * Durable SQL as a machine without output gates has it: what was written is read back at once, and is lost at a crash unless
 * {@link SqlPort.durable} had resolved after it.
 */
export class CrashSql {
  readonly #clock: Clock;
  #live = nodeSql();
  /** Every statement of the life under way and of those before, as far as they survived. */
  #written: Statement[] = [];
  #synced = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The port of the life under way. */
  port(): SqlPort {
    const live = this.#live;
    const written = this.#written;
    return {
      exec: (...statement) => {
        const rows = live.exec(...statement);
        if (!statement[0].startsWith("SELECT")) written.push(statement);
        return rows;
      },
      transaction: (work) => {
        const before = written.length;
        try {
          return live.transaction(work);
        } catch (error) {
          written.length = before;
          throw error;
        }
      },
      durable: async () => {
        const end = written.length;
        if (end <= this.#synced) return;
        await new Promise<void>((resolve) => void this.#clock.after(SYNC_MS, resolve));
        if (written === this.#written) this.#synced = Math.max(this.#synced, end);
      },
    };
  }

  /** The process is gone: the next life finds what was durable. */
  crash(): void {
    this.#written = this.#written.slice(0, this.#synced);
    this.#live = nodeSql();
    for (const statement of this.#written) this.#live.exec(...statement);
  }
}
