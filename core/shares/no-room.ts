import type { NoRoom } from "./share.ts";

/** How long it is told of on `/health`. */
const TOLD_FOR_MS = 3_600_000;
const PERIOD_MS = 60_000;

/** What isolates had no room for, as the shares after it told this verifier; since the object started. */
export class NoRoomTally {
  /** By the minute in which it was told. */
  readonly #minutes = new Map<number, NoRoom>();

  add({ shares, connections }: NoRoom, nowMs: number): void {
    const minute = Math.floor(nowMs / PERIOD_MS);
    const before = this.#minutes.get(minute);
    this.#minutes.set(minute, {
      shares: (before?.shares ?? 0) + shares,
      connections: (before?.connections ?? 0) + connections,
    });
    this.recent(nowMs);
  }

  /** That of the last hour. */
  recent(nowMs: number): NoRoom {
    for (const minute of this.#minutes.keys())
      if (minute * PERIOD_MS <= nowMs - TOLD_FOR_MS) this.#minutes.delete(minute);
    const all = [...this.#minutes.values()];
    return {
      shares: all.reduce((sum, { shares }) => sum + shares, 0),
      connections: all.reduce((sum, { connections }) => sum + connections, 0),
    };
  }
}
