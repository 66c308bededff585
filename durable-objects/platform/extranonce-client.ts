import { type Logger, thrown } from "../../core/log.ts";
import type { ExtranoncePort } from "../../core/session/login-sessions.ts";
import { extranonceHex, type ExtranonceLease } from "../../core/stratum/extranonce.ts";
import type { Env } from "../env.ts";

/** The way to the allocator. It being away costs new sessions their start, and live ones nothing before a lease runs out. */
export class ExtranonceClient implements ExtranoncePort {
  readonly #env: Env;
  readonly #log: Logger;

  constructor(env: Env, log: Logger) {
    this.#env = env;
    this.#log = log;
  }

  /** Hex; null when the allocator cannot be reached. */
  async acquire(session: string): Promise<string | null> {
    try {
      return extranonceHex(await this.#stub().acquire(session));
    } catch (error) {
      this.#warn("given", error);
      return null;
    }
  }

  /** @returns values that were lost to another session; null when the allocator cannot be reached */
  async renew(leases: readonly ExtranonceLease[]): Promise<readonly number[] | null> {
    try {
      return await this.#stub().renew(leases);
    } catch (error) {
      this.#warn("renewed", error);
      return null;
    }
  }

  async release(lease: ExtranonceLease): Promise<void> {
    try {
      await this.#stub().release([lease]);
    } catch (error) {
      // It runs out by itself.
      this.#warn("released", error);
    }
  }

  #warn(what: string, error: unknown): void {
    this.#log.warn(`an extranonce could not be ${what}`, { error: thrown(error) });
  }

  #stub() {
    return this.#env.EXTRANONCE_ALLOCATOR.getByName("main");
  }
}
