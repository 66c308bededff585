import type { Client } from "../policy/client.ts";

/** Connections that an isolate carries in front of their login's object, some 6 KB of heap each: a tenth of what an isolate has. */
export const MOST_STRANGERS = 2_048;

/** Of what is free, one client may have so much: however many are greedy, something is left for the next. */
const OF_THE_FREE = 1 / 4;

/** Longer than a connection may be a stranger: whatever still has its place then has gone without a word. */
const GONE_MS = 45 * 60_000;

/** The place of one connection. */
export interface StrangersPlace {
  readonly client: Client;
  readonly sinceMs: number;
}

/**
 * Room for connections that have not named a login, or one that the pool has never credited. Each costs its sender a socket and a line, and
 * may stay for half an hour: without a bound one laptop fills the isolate, which then loses every connection in it, those on their way to a
 * known login's object as well.
 */
export class StrangersRoom {
  /** The oldest first. */
  readonly #places = new Set<StrangersPlace>();
  readonly #ofClient = new Map<Client, number>();

  /** Whether {@link StrangersRoom.take} would give a place. */
  hasRoom(client: Client, nowMs: number): boolean {
    for (const one of this.#places) {
      if (nowMs - one.sinceMs < GONE_MS) break;
      this.giveBack(one);
    }
    return (this.#ofClient.get(client) ?? 0) < (MOST_STRANGERS - this.#places.size) * OF_THE_FREE;
  }

  /** @returns null where there is no room: the client may come again */
  take(client: Client, nowMs: number): StrangersPlace | null {
    if (!this.hasRoom(client, nowMs)) return null;
    const place = { client, sinceMs: nowMs };
    this.#places.add(place);
    this.#ofClient.set(client, (this.#ofClient.get(client) ?? 0) + 1);
    return place;
  }

  /** The connection has gone, or is its login's object's. May be called again. */
  giveBack(place: StrangersPlace): void {
    if (!this.#places.delete(place)) return;
    const left = (this.#ofClient.get(place.client) ?? 0) - 1;
    if (left > 0) this.#ofClient.set(place.client, left);
    else this.#ofClient.delete(place.client);
  }
}
