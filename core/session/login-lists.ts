import type { AccessListCache } from "../policy/access-lists.ts";
import type { KeptValue } from "./extranonce-pool.ts";

type Lists = Pick<AccessListCache, "loaded" | "isBlacklisted" | "isSolo">;

export interface LoginListPorts {
  /** The operator's lists, as new as can be had. */
  lists(): Promise<Lists>;
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
    return await this.#said("blacklisted", (lists) => lists.isBlacklisted(login));
  }

  /** Whether it mines solo. */
  async isSolo(login: string): Promise<boolean> {
    return this.#hasSolo && (await this.#said("solo", (lists) => lists.isSolo(login)));
  }

  /** @param name of what is kept: what was said last */
  async #said(name: string, says: (lists: Lists) => boolean): Promise<boolean> {
    const last = this.#ports.kept(name);
    const lists = await this.#ports.lists();
    const before = last.get() === true;
    if (!lists.loaded) return before;
    const now = says(lists);
    if (now !== before) last.set(now);
    return now;
  }
}
