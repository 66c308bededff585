import { backOffMs, type BackOffLimits } from "../../back-off.ts";
import type { OutboxStore, RefusedLogin } from "./outbox-store.ts";

/** Somebody has to mend a key: there is no haste, and each attempt is a request. */
const BACK_OFF: BackOffLimits = { firstMs: 15_000, longestMs: 600_000 };

interface Waiting extends RefusedLogin {
  failures: number;
  nextAttemptAtMs: number;
}

/** Which logins' records wait apart, because Redis refuses them for what those logins' own keys hold, and when each is tried again. */
export class RefusedLogins {
  readonly #store: OutboxStore;
  readonly #random: () => number;
  readonly #logins = new Map<string, Waiting>();

  /** Takes up what an earlier life left; all of it is tried again at once. */
  constructor(store: OutboxStore, random: () => number) {
    this.#store = store;
    this.#random = random;
    for (const one of store.refusedLogins()) this.#logins.set(one.login, { ...one, failures: 0, nextAttemptAtMs: 0 });
  }

  has(login: string): boolean {
    return this.#logins.has(login);
  }

  /** The oldest first. */
  list(): RefusedLogin[] {
    return [...this.#logins.values()].map(({ login, reason, sinceMs }) => ({ login, reason, sinceMs }));
  }

  /** Redis has refused the login, for the first time or again. */
  refused(login: string, reason: string, nowMs: number): void {
    const known = this.#logins.get(login);
    const sinceMs = known?.sinceMs ?? nowMs;
    if (known?.reason !== reason) this.#store.refuse({ login, reason, sinceMs });
    // Not an attempt of its own: behind an outage each write that waits has some of its records, and all are refused in one moment.
    if (known && nowMs < known.nextAttemptAtMs) return void this.#logins.set(login, { ...known, reason });
    const failures = (known?.failures ?? 0) + 1;
    this.#logins.set(login, { login, reason, sinceMs, failures, nextAttemptAtMs: this.#afterMs(failures, nowMs) });
  }

  /** It could not be asked whether the login is still refused. */
  postponed(login: string, nowMs: number): void {
    const known = this.#logins.get(login);
    if (known) known.nextAttemptAtMs = this.#afterMs(Math.max(1, known.failures), nowMs);
  }

  /** All of the login's records are in the ledger. */
  readmitted(login: string): void {
    this.#store.readmit(login);
    this.#logins.delete(login);
  }

  /** Unix time in ms at which the next one is due; infinite when there is none. */
  get nextAttemptAtMs(): number {
    return Math.min(...[...this.#logins.values()].map((one) => one.nextAttemptAtMs));
  }

  /** The one that has been due for longest. */
  due(nowMs: number): string | null {
    const [first] = [...this.#logins.values()].toSorted((a, b) => a.nextAttemptAtMs - b.nextAttemptAtMs);
    return first && first.nextAttemptAtMs <= nowMs ? first.login : null;
  }

  #afterMs(failures: number, nowMs: number): number {
    return nowMs + backOffMs(failures, this.#random(), BACK_OFF);
  }
}
