import { BoundedMap } from "../bounded-map.ts";
import type { Client } from "./client.ts";

/** How often a client may ask for something that costs. */
export interface TurnTerms {
  /** So many at once, and one more in this time. */
  readonly burst: number;
  readonly oneMoreMs: number;
}

/** Clients that are counted. */
const REMEMBERED = 4_096;

/** Turns of clients, in the memory of whoever counts: each client has so many at once, and they come back with time. */
export class ClientTurns {
  readonly #terms: TurnTerms;
  readonly #clients = new BoundedMap<string, { readonly left: number; readonly sinceMs: number }>(REMEMBERED);

  constructor(terms: TurnTerms) {
    this.#terms = terms;
  }

  /** Takes a turn. @returns false where the client has none left */
  take(client: Client, nowMs: number): boolean {
    const { burst, oneMoreMs } = this.#terms;
    const { left, sinceMs } = this.#clients.get(client) ?? { left: burst, sinceMs: nowMs };
    const now = Math.min(burst, left + (nowMs - sinceMs) / oneMoreMs);
    const may = now >= 1;
    this.#clients.set(client, { left: may ? now - 1 : now, sinceMs: nowMs });
    return may;
  }

  /** What a turn was taken for did not cost after all. */
  giveBack(client: Client): void {
    const counted = this.#clients.get(client);
    if (counted) this.#clients.set(client, { ...counted, left: Math.min(this.#terms.burst, counted.left + 1) });
  }
}
