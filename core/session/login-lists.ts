import type { AccessListCache } from "../policy/access-lists.ts";
import type { KeptValue } from "./extranonce-pool.ts";

export interface LoginListPorts {
  /** The operator's lists, as new as can be had. */
  lists(): Promise<Pick<AccessListCache, "loaded" | "isBlacklisted" | "isSolo">>;
  /** Whether the login was blacklisted when the lists last said anything of it; outlives memory. */
  readonly blacklisted: { get(): boolean; set(blacklisted: boolean): void };
  /** Values that outlive memory, by name. */
  kept(name: string): KeptValue;
}

/** What the lists say of one login; what they last said of it where an isolate that has just started cannot read them. */
export class LoginLists {
  readonly #ports: LoginListPorts;
  readonly #hasSolo: boolean;

  /** @param hasSolo there is solo work that a login may choose */
  constructor(ports: LoginListPorts, hasSolo: boolean) {
    this.#ports = ports;
    this.#hasSolo = hasSolo;
  }

  async isBlacklisted(login: string): Promise<boolean> {
    const { blacklisted } = this.#ports;
    const lists = await this.#ports.lists();
    const before = blacklisted.get();
    if (!lists.loaded) return before;
    const now = lists.isBlacklisted(login);
    if (now !== before) blacklisted.set(now);
    return now;
  }

  /** Whether it mines solo. */
  async isSolo(login: string): Promise<boolean> {
    if (!this.#hasSolo) return false;
    const kept = this.#ports.kept("solo");
    const lists = await this.#ports.lists();
    const before = kept.get() === true;
    if (!lists.loaded) return before;
    const now = lists.isSolo(login);
    if (now !== before) kept.set(now);
    return now;
  }
}
