import type { Client } from "../../core/policy/client.ts";
import type { Admission, Conduct, GuardVerdict, Opening } from "../../core/policy/guard.ts";
import { RequestAdmissions } from "../../core/policy/request-admissions.ts";
import type { SessionGuard } from "../../core/session/login-ports.ts";
import type { Env } from "../env.ts";
import { guardOf } from "./peers.ts";

const ADMITTED: Admission = { allowed: true, reason: "" };
/** What a session goes by while the guard is away; what it reported it tells again soon (core/session/conduct-reports.ts). */
const CONTENT: GuardVerdict = { allowed: true, reason: "", reportAt: 256, unheard: true };

/** The guard as sessions see it: a few objects for all clients behind it. A guard that cannot be reached refuses nobody. */
export class GuardClient implements SessionGuard {
  readonly #env: Env;
  readonly #requests: RequestAdmissions;

  /** @param requests where there is one client for each request: what outlives it */
  constructor(env: Env, requests = new RequestAdmissions()) {
    this.#env = env;
    this.#requests = requests;
  }

  async admit(client: Client, login: string | null, opening: Opening): Promise<Admission> {
    if (opening !== "request") return await this.#ask(client, login, opening);
    const nowMs = Date.now();
    const found = this.#requests.find(client, login, nowMs);
    if (!("ask" in found)) return found;
    const admission = await this.#ask(client, found.ask, opening);
    this.#requests.keep(client, found.ask, admission, nowMs);
    return admission;
  }

  async report(client: Client, login: string | null, conduct: Conduct): Promise<GuardVerdict> {
    try {
      const verdict = await guardOf(this.#env, client).report(client, login, conduct);
      if (!verdict.allowed) this.forget(client);
      return verdict;
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
    this.#requests.forget(client);
  }

  async #ask(client: Client, login: string | null, opening: Opening): Promise<Admission> {
    try {
      return await guardOf(this.#env, client).admit(client, login, opening);
    } catch {
      return ADMITTED;
    }
  }
}
