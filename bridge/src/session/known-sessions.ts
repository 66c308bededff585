import { BoundedMap } from "../../../core/bounded-map.ts";
import type { MinerRequest } from "../miner-side/miner-line.ts";
import { identityOf, type SessionState } from "./session-state.ts";

/** Logins, and sessions with nonces of their own, to remember; the oldest go first. */
const BOUND = 8_192;

/**
 * What pools have granted to miners of this site: a login that was good a minute ago is answered by the bridge itself
 * while no pool answers it.
 */
export class KnownSessions {
  /** By login: any number of connections may share what has no extranonce. */
  readonly #shared = new BoundedMap<string, SessionState>(BOUND);
  /** With an extranonce, by address on the LAN: each is for one connection at a time, and here while it has none. */
  readonly #parked = new BoundedMap<SessionState, string>(BOUND);

  /** A pool has granted this login. */
  granted(request: MinerRequest, state: SessionState): void {
    if (state.nonces.extranonce !== null) return;
    const identity = identityOf(request);
    this.#shared.delete(identity);
    this.#shared.set(identity, state);
  }

  /** The connection of a miner has ended. @param host its address on the LAN */
  park(state: SessionState, host: string): void {
    if (state.nonces.extranonce === null) return;
    this.#parked.set(state, host);
  }

  /** A session that goes on with this login; from now on it is the caller's alone. */
  resume(request: MinerRequest, host: string): SessionState | null {
    const shared = this.#shared.get(identityOf(request));
    if (shared !== undefined) return shared.forNextConnection();
    for (const [state, parkedHost] of [...this.#parked].toReversed()) {
      if (parkedHost !== host || state.answerTo(request) === null) continue;
      this.#parked.delete(state);
      return state.forNextConnection();
    }
    return null;
  }
}
