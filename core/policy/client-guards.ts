import { RecentMap } from "../bounded-map.ts";
import { shardOf } from "../shares/shards.ts";
import { addressOf, type Client } from "./client.ts";
import { ClientGuard, type ClientGuardPorts } from "./client-guard.ts";
import type { Standing } from "./conduct.ts";
import type { ListedBan, StandingStore } from "./standing-store.ts";

/** Objects that guard all clients among them, however many those are. Another number would forget every ban. */
const GUARDS = 16;
/**
 * Clients that one object has in memory, and logins at them. One that makes way comes back with its rows, and its counts begin anew.
 * All objects may share one isolate, beside its light caches: some 1 KB a client and 200 bytes a login make 11 MB of it.
 */
const IN_MEMORY = { clients: 512, logins: 1_024 } as const;
/** Rows are looked after together, so that many bans that end at different moments wake the object few times. */
const TOGETHER_MS = 600_000;

/** Name of the object that guards a client. */
export function guardNameOf(client: Client): string {
  return `guard-${shardOf(client, GUARDS)}`;
}

/** Those that have to hear what the operator does to a client: of an address each one, as the miners that a bridge vouches for are of any. */
export function guardNamesFor(client: Client): string[] {
  return addressOf(client) === client ? guardNames() : [guardNameOf(client)];
}

/** All of them. */
export function guardNames(): string[] {
  return Array.from({ length: GUARDS }, (_, guard) => `guard-${guard}`);
}

/** What all guards of an object share; see {@link ClientGuardPorts}. */
export type ClientGuardsPorts = Omit<ClientGuardPorts, "store" | "logins" | "bridge" | "closeVouched"> & {
  readonly store: StandingStore;
};

/** The guards of the clients of one object: bounded in memory by what was seen last, in rows by what was earned or banned. */
export class ClientGuards {
  readonly #ports: ClientGuardsPorts;
  readonly #clients = new RecentMap<Client, ClientGuard>(IN_MEMORY.clients);
  readonly #logins = new RecentMap<string, Standing>(IN_MEMORY.logins);
  /** Those that are at something, and at how much: of one client there are never two, even where the first has made way. */
  readonly #busy = new Map<Client, { readonly guard: ClientGuard; tasks: number }>();

  constructor(ports: ClientGuardsPorts) {
    this.#ports = ports;
  }

  of(client: Client): ClientGuard {
    const guard = this.#clients.get(client) ?? this.#busyOrNew(client);
    this.#clients.set(client, guard);
    return guard;
  }

  /** Bans that are in force, what ends last first. */
  bans(): ListedBan[] {
    return this.#ports.store.bans(this.#ports.nowMs());
  }

  /** Looks after every row that is due. @returns false when there are no rows left */
  async wake(): Promise<boolean> {
    const { store, nowMs } = this.#ports;
    for (const client of store.due(nowMs())) {
      // One that is not in memory is not to push out another that is.
      const guard = this.#clients.has(client) ? this.of(client) : this.#busyOrNew(client);
      await this.#whileBusy(client, guard, guard.settle());
    }
    const nextMs = store.nextDueMs();
    if (nextMs !== null) this.#wakeAt(nextMs);
    return nextMs !== null;
  }

  /** No row is left. */
  isEmpty(): boolean {
    return this.#ports.store.nextDueMs() === null;
  }

  /** All rows were deleted, tables and all; whoever is at something writes into new ones. */
  deleted(): void {
    this.#ports.store.deleted();
  }

  #busyOrNew(client: Client): ClientGuard {
    return this.#busy.get(client)?.guard ?? this.#created(client);
  }

  #created(client: Client): ClientGuard {
    const guard: ClientGuard = new ClientGuard(client, {
      ...this.#ports,
      store: this.#ports.store.of(client),
      logins: this.#logins,
      bridge: () => (addressOf(client) === client ? null : this.of(addressOf(client))),
      closeVouched: (login, reason) => this.#closeVouched(client, login, reason),
      wakeAt: (atMs) => this.#wakeAt(atMs),
      background: (task) => this.#ports.background(this.#whileBusy(client, guard, task)),
    });
    return guard;
  }

  async #closeVouched(bridge: Client, login: string | null, reason: string): Promise<void> {
    const seen = [...this.#clients.keys()].filter((client) => client !== bridge && addressOf(client) === bridge);
    const vouched = new Set([...seen, ...this.#ports.store.vouchedBy(bridge)]);
    await Promise.all(
      [...vouched].map((client) => {
        const guard = this.#clients.get(client) ?? this.#busyOrNew(client);
        return this.#whileBusy(client, guard, guard.close(reason, login));
      }),
    );
  }

  async #whileBusy(client: Client, guard: ClientGuard, task: Promise<void>): Promise<void> {
    const busy = this.#busy.get(client) ?? { guard, tasks: 0 };
    this.#busy.set(client, busy);
    busy.tasks += 1;
    await task.finally(() => {
      busy.tasks -= 1;
      if (busy.tasks === 0) this.#busy.delete(client);
    });
  }

  #wakeAt(atMs: number): void {
    const soon = atMs - this.#ports.nowMs() < TOGETHER_MS;
    this.#ports.wakeAt(soon ? atMs : Math.ceil(atMs / TOGETHER_MS) * TOGETHER_MS);
  }
}
