import { BoundedMap } from "../bounded-map.ts";
import type { Clock } from "../clock.ts";
import type { Client } from "../policy/client.ts";
import { type Conduct, conductOf, type Guard, type GuardEvent, type GuardVerdict } from "../policy/guard.ts";
import type { ConnectionRecord, Unreported } from "./connection-record.ts";

/** A login that goes on earning is still known after a day's pause (core/policy/conduct.ts): it says so once an hour at least. */
const AGAIN_MS = 3_600_000;
/** A guard that could not be asked is told again with the first share after this: not at each one of a minute's outage. */
const UNHEARD_MS = 60_000;
/** Clients that poll over HTTP, whose connections keep nothing. */
const MAX_LOOSE = 1_024;
/** The first valid share is told at once: from then on a neighbour's ban does not touch the login. */
const FIRST: Unreported = { valid: 0, reportAt: 1, reportedAtMs: 0 };

/** What a report says of shares. */
type Shares = Pick<Conduct, "invalid"> & { readonly valid: number };

function together(one: Pick<Unreported, "valid" | "invalid">, other: Shares): Shares {
  const invalid = (one.invalid ?? 0) + (other.invalid ?? 0);
  return { valid: one.valid + other.valid, ...(invalid > 0 && { invalid }) };
}

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
        const told = rigs.map((rig) => this.#take(rig)).reduce(together, { valid: 0, invalid: 1 });
        return this.#answered(rigs, told, await this.#send(reporter, told));
      }
      case "malformed":
      case "ban":
        return (await this.#send(reporter, conductOf(event))).allowed;
    }
  }

  /** A connection has gone. What it has not reported yet goes on with another of the same client. @returns what nobody is left to report */
  leave(reporter: Reporter, others: readonly Reporter[]): Conduct {
    const { valid, invalid } = this.#unreported(reporter);
    if (valid === 0 && invalid === undefined) return {};
    const left = this.#take(reporter);
    const [heir] = others;
    if (heir === undefined) return left;
    this.#wait(heir, left);
    return {};
  }

  async #valid(reporter: Reporter): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    const before = this.#unreported(reporter);
    const waiting = { ...before, valid: before.valid + 1 };
    this.#set(reporter, waiting);
    const isDue = waiting.valid >= waiting.reportAt || nowMs - waiting.reportedAtMs >= AGAIN_MS;
    if (!isDue) return true;
    const told = this.#take(reporter);
    return this.#answered([reporter], told, await this.#send(reporter, told));
  }

  #answered(rigs: readonly Reporter[], told: Shares, { allowed, reportAt, unheard = false }: GuardVerdict): boolean {
    for (const rig of rigs) this.#set(rig, { ...this.#unreported(rig), reportAt });
    const [first] = rigs;
    if (unheard && first !== undefined) {
      this.#wait(first, told);
      const reportedAtMs = this.#clock.nowMs() - AGAIN_MS + UNHEARD_MS;
      this.#set(first, { ...this.#unreported(first), reportAt: Infinity, reportedAtMs });
    }
    return allowed;
  }

  #wait(reporter: Reporter, shares: Shares): void {
    const waiting = this.#unreported(reporter);
    this.#set(reporter, { ...waiting, ...together(waiting, shares) });
  }

  async #send({ record }: Reporter, conduct: Conduct): Promise<GuardVerdict> {
    return await this.#guard.report(record.ip, record.state.login, conduct);
  }

  /** Shares that come while the report is under way wait for the next one. */
  #take(reporter: Reporter): Shares {
    const taken = together(this.#unreported(reporter), { valid: 0 });
    this.#set(reporter, { valid: 0, reportAt: Infinity, reportedAtMs: this.#clock.nowMs() });
    return taken;
  }

  #unreported({ record, lasts }: Reporter): Unreported {
    return (lasts ? record.unreported : this.#loose.get(record.ip)) ?? FIRST;
  }

  #set(reporter: Reporter, unreported: Unreported): void {
    if (reporter.lasts) reporter.setUnreported(unreported);
    else this.#loose.set(reporter.record.ip, unreported);
  }
}
