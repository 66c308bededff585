import { BoundedMap } from "../bounded-map.ts";
import type { Client } from "../policy/client.ts";
import type { StratumConnection } from "./stratum-connection.ts";

/** A connection that the guard let in just before it banned the client may only now arrive. */
const ON_ITS_WAY_MS = 10_000;
const MOST = 256;

/** Clients that were sent away a moment ago. */
export class TurnedAway {
  readonly #known = new BoundedMap<Client, { readonly untilMs: number; readonly reason: string }>(MOST);

  note(client: Client, reason: string, nowMs: number): void {
    this.#known.set(client, { untilMs: nowMs + ON_ITS_WAY_MS, reason });
  }

  /** Closes who was let in before its ban and comes after it. */
  greet(connection: StratumConnection, nowMs: number): void {
    const known = this.#known.get(connection.record.ip);
    if (known && nowMs < known.untilMs) connection.close(known.reason);
  }
}
