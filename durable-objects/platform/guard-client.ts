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

/** What was said of a client with a login, until when it is taken for true. Data only: requests may share it. */
interface RememberedAdmission {
  readonly login: string | null;
  readonly untilMs: number;
  readonly admission: Admission;
}

/** Admissions of requests that are remembered, the last one of each client. */
export type RequestAdmissions = BoundedMap<Client, RememberedAdmission>;

export const requestAdmissions = (): RequestAdmissions => new BoundedMap(REMEMBERED_CLIENTS);

/** The guard as sessions see it: a few objects for all clients behind it. A guard that cannot be reached refuses nobody. */
export class GuardClient implements SessionGuard {
  readonly #env: Env;
  readonly #requests: RequestAdmissions;

  /** @param requests where there is one client for each request: what outlives it */
  constructor(env: Env, requests = requestAdmissions()) {
    this.#env = env;
    this.#requests = requests;
  }

  async admit(client: Client, login: string | null, opening: Opening): Promise<Admission> {
    if (opening !== "request") return await this.#ask(client, login, opening);
    const nowMs = Date.now();
    const known = this.#requests.get(client);
    if (known && known.login === login && nowMs < known.untilMs) return known.admission;
    const admission = await this.#ask(client, login, opening);
    this.#requests.set(client, { login, untilMs: nowMs + ADMISSION_MS, admission });
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
