import type { PoolConfig } from "../pool-config.ts";
import { patienceMs } from "../stratum/patience.ts";
import type { StratumConnection } from "./stratum-connection.ts";

/** While the template has pushed within so long, its pushes look after deadlines, and no alarm is paid for. */
const PUSHES_REACH_MS = 60_000;

/** Until when connections must have been heard of, and what wakes the object of a login to look (docs/decisions/0021-deadlines-by-one-alarm.md). */
export class Deadlines {
  readonly #stratum: Pick<PoolConfig["stratum"], "timeoutMs" | "loginTimeoutMs">;
  #pushedAtMs = -Infinity;

  constructor(stratum: Pick<PoolConfig["stratum"], "timeoutMs" | "loginTimeoutMs">) {
    this.#stratum = stratum;
  }

  /** The template has woken the object, and will again. */
  pushed(nowMs: number): void {
    this.#pushedAtMs = nowMs;
  }

  /** @returns when an alarm must ring for a connection that begins now, Unix time in ms; null where pushes come anyway */
  ofEntry(nowMs: number): number | null {
    return this.#isPushed(nowMs) ? null : nowMs + this.#stratum.loginTimeoutMs;
  }

  /** Closes who is too late. @returns when an alarm must ring next; null when nobody is left, or pushes come anyway */
  sweep(connections: readonly StratumConnection[], nowMs: number): number | null {
    let next: number | null = null;
    for (const connection of connections) {
      const deadlineMs = this.#of(connection);
      if (deadlineMs > nowMs) next = Math.min(next ?? deadlineMs, deadlineMs);
      else connection.close(connection.state.login === null ? "No login" : "Silent for too long");
    }
    return this.#isPushed(nowMs) ? null : next;
  }

  #isPushed(nowMs: number): boolean {
    return nowMs - this.#pushedAtMs < PUSHES_REACH_MS;
  }

  #of({ record, state }: StratumConnection): number {
    const { timeoutMs, loginTimeoutMs } = this.#stratum;
    return state.login === null
      ? record.openedAtMs + loginTimeoutMs
      : record.heardAtMs + patienceMs(state, timeoutMs, record.heardAtMs);
  }
}
