import type { StratumConnection } from "./stratum-connection.ts";

/** Connections of a login that have not logged in yet: beyond, the oldest makes way for the newest. */
const MOST_UNFINISHED = 1_024;

/** The connections of a login's URL that have not logged in. A login costs nothing, so that anybody may keep sockets to it open. */
export class UnfinishedLogins {
  readonly #connections = new Set<StratumConnection>();

  add(connection: StratumConnection): void {
    this.#connections.add(connection);
    if (this.#connections.size <= MOST_UNFINISHED) return;
    for (const other of this.#connections)
      if (other.state.login !== null || other.state.closed) this.#connections.delete(other);
    if (this.#connections.size <= MOST_UNFINISHED) return;
    // One that is at it, waiting for an answer of ours, is no idler.
    [...this.#connections].find(({ state }) => state.waiting === null)?.close("No login");
  }

  /** It is gone. */
  delete(connection: StratumConnection): void {
    this.#connections.delete(connection);
  }
}
