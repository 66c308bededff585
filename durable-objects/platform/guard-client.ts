import { BoundedMap } from "../../core/bounded-map.ts";
import type { Client } from "../../core/policy/client.ts";
import type { Admission, Conduct, GuardVerdict, Opening } from "../../core/policy/guard.ts";
import type { SessionGuard } from "../../core/session/login-sessions.ts";
import type { Env } from "../env.ts";
import { guardOf } from "./peers.ts";

/** An HTTP miner asks twice a second; its guard is not asked again before this. */
const ADMISSION_MS = 10_000;
/** Clients whose admission is remembered. */
const REMEMBERED_CLIENTS = 1_024;

const ADMITTED: Admission = { allowed: true, reason: "" };
/** Valid shares that wait until a guard that was away is told again. */
const CONTENT: GuardVerdict = { allowed: true, reason: "", reportAt: 256 };

/** The guard as sessions see it: a few objects for all clients behind it. A guard that cannot be reached refuses nobody. */
export class GuardClient implements SessionGuard {
  readonly #env: Env;
  readonly #requests = new BoundedMap<Client, { readonly untilMs: number; readonly admission: Admission }>(
    REMEMBERED_CLIENTS,
  );

  constructor(env: Env) {
    this.#env = env;
  }

  async admit(client: Client, login: string | null, opening: Opening): Promise<Admission> {
    if (opening !== "request") return await this.#ask(client, login, opening);
    const nowMs = Date.now();
    // Who asks is one object of one login: the client alone tells the requests apart.
    const known = this.#requests.get(client);
    if (known && nowMs < known.untilMs) return known.admission;
    const admission = await this.#ask(client, login, opening);
    this.#requests.set(client, { untilMs: nowMs + ADMISSION_MS, admission });
    return admission;
  }

  async report(client: Client, login: string | null, conduct: Conduct): Promise<GuardVerdict> {
    try {
      return await guardOf(this.#env, client).report(client, login, conduct);
    } catch {
      return CONTENT;
    }
  }

  async left(client: Client, login: string | null, remaining: number, conduct: Conduct): Promise<void> {
    try {
      await guardOf(this.#env, client).left(client, login, remaining, conduct);
    } catch {
      // It counts the connections itself before it refuses anybody.
    }
  }

  forget(client: Client): void {
    this.#requests.delete(client);
  }

  async #ask(client: Client, login: string | null, opening: Opening): Promise<Admission> {
    try {
      return await guardOf(this.#env, client).admit(client, login, opening);
    } catch {
      return ADMITTED;
    }
  }
}
