import { BoundedMap } from "../../../core/bounded-map.ts";
import { textOf, type JsonObject } from "../json.ts";
import type { MinerRequest } from "../miner-side/miner-line.ts";
import { keptLogins, sessionOf, type LeftSession } from "./kept-session.ts";
import { identityOf, type SessionState } from "./session-state.ts";

/** Logins, and sessions with nonces of their own, to remember; the oldest go first. */
const BOUND = 8_192;

/**
 * What pools have granted to miners of this site: a login that was good a minute ago is answered by the bridge itself
 * while no pool answers it, also after the bridge was started again.
 */
export class KnownSessions {
  /** By login: any number of connections may share what has no extranonce. */
  readonly #shared = new BoundedMap<string, SessionState>(BOUND);
  /** With an extranonce, by address on the LAN: each is for one connection at a time, and here while it has none. */
  readonly #parked = new BoundedMap<SessionState, string>(BOUND);
  /** With an extranonce, while a connection has it: the next run of the bridge finds them parked. */
  readonly #live = new BoundedMap<SessionState, string>(BOUND);

  /** A pool has granted this login. @param host the miner's address on the LAN */
  granted(request: MinerRequest, state: SessionState, host: string): void {
    const { extranonce, version2 } = state.nonces;
    // EthereumStratum/2 has an extranonce, which comes after the login.
    if (extranonce !== null || version2) {
      this.#live.set(state, host);
      return;
    }
    const identity = identityOf(request);
    this.#shared.delete(identity);
    this.#shared.set(identity, state);
  }

  /** The connection of a miner has ended. @param host its address on the LAN */
  park(state: SessionState, host: string): void {
    this.#live.delete(state);
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
      const next = state.forNextConnection();
      this.#live.set(next, host);
      return next;
    }
    return null;
  }

  /** All of it but the work, for {@link KnownSessions.restore}. */
  entries(): readonly JsonObject[] {
    const shared = new Set([...this.#shared].map(([, state]) => state));
    const own = [...this.#parked, ...this.#live].filter(([{ nonces }]) => nonces.extranonce !== null);
    return [
      ...[...shared].map((state) => keptLogins(state, null)),
      ...own.map(([state, host]) => keptLogins(state, host)),
    ];
  }

  /**
   * What an earlier run of the bridge knew.
   * @param left sessions that it left shares of: they are carried on, and with them their nonces
   */
  restore(entries: readonly JsonObject[], left: readonly LeftSession[]): void {
    const taken = new Set(left.map(({ state }) => state.nonces.session));
    for (const entry of entries) {
      const state = sessionOf(entry);
      const { session, extranonce } = state.nonces;
      if (extranonce === null) for (const request of state.requests) this.#shared.set(identityOf(request), state);
      else if (!taken.has(session)) this.#parked.set(state, textOf(entry["host"]));
    }
  }
}
