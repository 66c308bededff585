import { BoundedMap } from "../bounded-map.ts";
import type { Clock } from "../clock.ts";
import type { Client } from "../policy/client.ts";
import { type Conduct, conductOf, type Guard, type GuardEvent, type GuardVerdict } from "../policy/guard.ts";
import type { ConnectionRecord, Unreported } from "./connection-record.ts";

/** A login that goes on earning is still known after a day's pause (core/policy/conduct.ts): it says so once an hour at least. */
const AGAIN_MS = 3_600_000;
/** Clients that poll over HTTP, whose connections keep nothing. */
const MAX_LOOSE = 1_024;
/** The first valid share is told at once: from then on a neighbour's ban does not touch the login. */
const FIRST: Unreported = { valid: 0, reportAt: 1, reportedAtMs: 0 };

/** A connection, as far as its conduct goes. */
export interface Reporter {
  readonly record: ConnectionRecord;
  readonly lasts: boolean;
  setUnreported(unreported: Unreported): void;
}

/**
 * Tells the guard what the connections of a login do. Valid shares are the many and each report is a billed request: they wait in the
 * connection's record, through hibernation, until a bundle is full, the ratio is due, or an invalid one goes and takes them along.
 */
export class ConductReports {
  readonly #guard: Guard;
  readonly #clock: Clock;
  readonly #loose = new BoundedMap<Client, Unreported>(MAX_LOOSE);

  constructor(guard: Guard, clock: Clock) {
    this.#guard = guard;
    this.#clock = clock;
  }

  /** @param live every connection of the login @returns false when the guard wants the client gone. Never rejects. */
  async report(reporter: Reporter, event: GuardEvent, live: () => readonly Reporter[]): Promise<boolean> {
    const { ip } = reporter.record;
    switch (event) {
      case "validShare":
        return await this.#valid(reporter);
      case "invalidShare": {
        // The ratio is the login's at this client: whatever its other rigs have earned counts.
        const rigs = [reporter, ...live().filter((other) => other !== reporter && other.record.ip === ip)];
        const valid = rigs.reduce((sum, rig) => sum + this.#take(rig), 0);
        return this.#heard(rigs, await this.#send(reporter, { valid, invalid: 1 }));
      }
      case "malformed":
      case "ban":
        return (await this.#send(reporter, conductOf(event))).allowed;
    }
  }

  /** A connection has gone. What it has not reported yet goes on with another of the same client. @returns what nobody is left to report */
  leave(reporter: Reporter, others: readonly Reporter[]): Conduct {
    if (this.#unreported(reporter).valid === 0) return {};
    const valid = this.#take(reporter);
    const [heir] = others;
    if (heir === undefined) return { valid };
    const waiting = this.#unreported(heir);
    this.#set(heir, { ...waiting, valid: waiting.valid + valid });
    return {};
  }

  async #valid(reporter: Reporter): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    const { valid, reportAt, reportedAtMs } = this.#unreported(reporter);
    const waiting = { valid: valid + 1, reportAt, reportedAtMs };
    this.#set(reporter, waiting);
    const isDue = waiting.valid >= reportAt || nowMs - reportedAtMs >= AGAIN_MS;
    if (!isDue) return true;
    const taken = this.#take(reporter);
    return this.#heard([reporter], await this.#send(reporter, { valid: taken }));
  }

  #heard(rigs: readonly Reporter[], { allowed, reportAt }: GuardVerdict): boolean {
    for (const rig of rigs) this.#set(rig, { ...this.#unreported(rig), reportAt });
    return allowed;
  }

  async #send({ record }: Reporter, conduct: Conduct): Promise<GuardVerdict> {
    return await this.#guard.report(record.ip, record.state.login, conduct);
  }

  /** Shares that come while the report is under way wait for the next one. */
  #take(reporter: Reporter): number {
    const { valid } = this.#unreported(reporter);
    this.#set(reporter, { valid: 0, reportAt: Infinity, reportedAtMs: this.#clock.nowMs() });
    return valid;
  }

  #unreported({ record, lasts }: Reporter): Unreported {
    return (lasts ? record.unreported : this.#loose.get(record.ip)) ?? FIRST;
  }

  #set(reporter: Reporter, unreported: Unreported): void {
    if (reporter.lasts) reporter.setUnreported(unreported);
    else this.#loose.set(reporter.record.ip, unreported);
  }
}
