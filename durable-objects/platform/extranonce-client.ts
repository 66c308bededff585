import { type Logger, thrown } from "../../core/log.ts";
import type { LenderPort } from "../../core/session/extranonce-pool.ts";
import type { LeasedBlock } from "../../core/session/extranonce-lender.ts";
import type { DifficultyClass } from "../../core/shares/difficulty-classes.ts";
import type { Env } from "../env.ts";
import { atHome, idAtHome } from "./at-home.ts";

/** The way to the allocator. It being away costs logins that have no extranonces yet their start, and others nothing before a lease runs out. */
export class ExtranonceClient implements LenderPort {
  readonly #env: Env;
  readonly #log: Logger;

  constructor(env: Env, log: Logger) {
    this.#env = env;
    this.#log = log;
  }

  async lend(holder: string, wanted: DifficultyClass, count: number): Promise<readonly LeasedBlock[]> {
    return await this.#orElse([], "lent", () => this.#stub().lend(holder, wanted, count));
  }

  async renew(holder: string, firsts: readonly number[]): Promise<readonly number[] | null> {
    return await this.#orElse(null, "renewed", () => this.#stub().renew(holder, firsts));
  }

  async release(holder: string, firsts: readonly number[]): Promise<void> {
    // They run out by themselves.
    await this.#orElse(undefined, "released", () => this.#stub().release(holder, firsts));
  }

  async transfer(from: string, to: string, first: number): Promise<number | null> {
    return await this.#orElse(null, "transferred", () => this.#stub().transfer(from, to, first));
  }

  async takeOver(session: string, to: string, extranonce: number): Promise<number | null> {
    return await this.#orElse(null, "taken over", () => this.#stub().takeOver(session, to, extranonce));
  }

  /** @param owner a login, lower-case `0x` address */
  async resume(session: string, extranonce: number, owner: string | null): Promise<boolean> {
    const holder = owner === null ? null : idAtHome(this.#env, this.#env.MINER_SESSION, owner).toString();
    return await this.#orElse(false, "resumed", () => this.#stub().resume(session, extranonce, holder));
  }

  async forget(session: string): Promise<void> {
    await this.#orElse(undefined, "forgotten", () => this.#stub().forget(session));
  }

  async #orElse<T>(otherwise: T, what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.#log.warn(`extranonces could not be ${what}`, { error: thrown(error) });
      return otherwise;
    }
  }

  #stub() {
    return atHome(this.#env, this.#env.EXTRANONCE_ALLOCATOR, "main");
  }
}
