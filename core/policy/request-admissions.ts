import { BoundedMap } from "../bounded-map.ts";
import type { Client } from "./client.ts";
import type { Admission } from "./guard.ts";

/** An HTTP miner asks twice a second; its guard is not asked again before this. */
const ADMISSION_MS = 10_000;
/** Clients whose admissions are remembered. */
const REMEMBERED_CLIENTS = 1_024;
/** Logins of one client that its guard is asked about one by one: the rigs of a site have few, whoever makes them up has no end of them. */
const LOGINS_APART = 8;

/** What was said of a client with a login, until when it is taken for true. */
interface RememberedAdmission {
  readonly untilMs: number;
  readonly admission: Admission;
}

/** The name under which a client is remembered without a login. */
const NO_LOGIN = "";

/**
 * What guards have said of requests, for a while: each is a call to another object. A client that names more logins than
 * {@link LOGINS_APART} in that time is asked about as a whole from then on, whatever it names; a ban of one of those logins alone is then seen
 * with its next report. Data only: requests may share it.
 */
export class RequestAdmissions {
  readonly #byClient = new BoundedMap<Client, Map<string, RememberedAdmission>>(REMEMBERED_CLIENTS);

  /** @returns what is remembered, or the login that the guard is to be asked about: the one that was named, or none */
  find(client: Client, login: string | null, nowMs: number): Admission | { readonly ask: string | null } {
    const known = this.#byClient.get(client) ?? new Map<string, RememberedAdmission>();
    for (const [name, { untilMs }] of known) if (nowMs >= untilMs) known.delete(name);
    const isApart = login !== null && (known.has(login) || known.size < LOGINS_APART);
    const ask = isApart ? login : null;
    return known.get(ask ?? NO_LOGIN)?.admission ?? { ask };
  }

  keep(client: Client, login: string | null, admission: Admission, nowMs: number): void {
    const known = this.#byClient.get(client) ?? new Map<string, RememberedAdmission>();
    known.set(login ?? NO_LOGIN, { untilMs: nowMs + ADMISSION_MS, admission });
    this.#byClient.set(client, known);
  }

  /** The client has done something: what it was admitted for is over. */
  forget(client: Client): void {
    this.#byClient.delete(client);
  }
}
