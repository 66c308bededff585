import { BoundedMap } from "../bounded-map.ts";
import type { Clock } from "../clock.ts";

/** Shares that one client of a login may have in flight: few until one of them was valid. */
export const IN_FLIGHT = { unproven: 8, proven: 128 } as const;
/** Above so many that wait, a submit of HTTP getwork is refused: each is a request that is held open. */
const MOST_WAITING = 256;
/** An invalid share keeps its place for so long: junk is read as slowly as this lets it, and costs its sender no more than it costs us. */
export const INVALID_KEEPS_MS = 500;

/**
 * Lets the shares that one client (an IP) sends for one login in a few at a time. Whoever has no place waits, and the next line of its connection
 * with it: nothing is refused for coming too fast, and nobody's junk fills the verifier's queue.
 */
export class ShareGate {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #proven: boolean;

  constructor(clock: Clock, proven: boolean) {
    this.#clock = clock;
    this.#proven = proven;
  }

  /** A share of the client's was valid. */
  get proven(): boolean {
    return this.#proven;
  }

  /** A share of the client's was valid: more of them may be in flight. */
  prove(): void {
    if (this.#proven) return;
    this.#proven = true;
    this.#letIn();
  }

  /**
   * Waits for a place.
   * @param isPatient asked where many wait already; false for one that takes no for an answer then
   * @returns whether it has one
   */
  async enter(isPatient: () => boolean): Promise<boolean> {
    if (this.#inFlight < this.#most) {
      this.#inFlight += 1;
      return true;
    }
    if (this.#waiting.length >= MOST_WAITING && !isPatient()) return false;
    // Whoever lets it in has counted it.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return true;
  }

  /** A verdict has come. @param invalid the share was none */
  leave(invalid: boolean): void {
    if (invalid) this.#clock.after(INVALID_KEEPS_MS, () => this.#free());
    else this.#free();
  }

  #free(): void {
    this.#inFlight -= 1;
    this.#letIn();
  }

  get #most(): number {
    return this.#proven ? IN_FLIGHT.proven : IN_FLIGHT.unproven;
  }

  #letIn(): void {
    while (this.#inFlight < this.#most) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#inFlight += 1;
      next();
    }
  }
}

/** Clients of a login whose shares are told apart; of more of them the first ones begin anew. */
const REMEMBERED_CLIENTS = 4_096;

/** The gates of a login's clients. */
export class ShareGates {
  readonly #clock: Clock;
  readonly #gates = new BoundedMap<string, ShareGate>(REMEMBERED_CLIENTS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param isProven asked for a client that is not remembered: whether it has had a valid share */
  of(client: string, isProven: () => boolean): ShareGate {
    const known = this.#gates.get(client);
    if (known) return known;
    const gate = new ShareGate(this.#clock, isProven());
    this.#gates.set(client, gate);
    return gate;
  }
}
