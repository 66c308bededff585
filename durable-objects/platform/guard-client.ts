import { BoundedMap } from "../../core/bounded-map.ts";
import type { GuardEvent, GuardVerdict } from "../../core/policy/guard.ts";
import type { SessionGuard } from "../../core/session/login-sessions.ts";
import type { Env } from "../env.ts";

/** Events of a kind that are reported together where nothing hangs on them: each report is a billed request. */
const EVENTS_A_REPORT = 32;
/** An HTTP miner asks twice a second; its guard is not asked again before this. */
const ADMISSION_MS = 10_000;
/** Clients whose admission is remembered. */
const REMEMBERED_CLIENTS = 1_024;

const CONTENT: GuardVerdict = { allowed: true, reason: "", watch: false };

interface Admission {
  readonly allowed: boolean;
  readonly reason: string;
}

/** The guard as sessions see it: one object per client IP behind it. A guard that cannot be reached refuses nobody. */
export class GuardClient implements SessionGuard {
  readonly #env: Env;
  readonly #admissions = new BoundedMap<string, { readonly untilMs: number; readonly admission: Admission }>(
    REMEMBERED_CLIENTS,
  );
  readonly #unreported = { validShare: new Map<string, number>(), staleShare: new Map<string, number>() };
  readonly #watched = new Set<string>();

  constructor(env: Env) {
    this.#env = env;
  }

  async admit(ip: string): Promise<Admission> {
    const nowMs = Date.now();
    const known = this.#admissions.get(ip);
    if (known && nowMs < known.untilMs) return known.admission;
    const admission = await this.#ask(ip);
    this.#admissions.set(ip, { untilMs: nowMs + ADMISSION_MS, admission });
    return admission;
  }

  async report(ip: string, event: GuardEvent, times = 1): Promise<GuardVerdict> {
    if (event === "staleShare" || (event === "validShare" && !this.#watched.has(ip))) {
      const waiting = (this.#unreported[event].get(ip) ?? 0) + times;
      this.#unreported[event].set(ip, waiting);
      return waiting < EVENTS_A_REPORT ? CONTENT : await this.#send(ip, event, this.#take(ip, event));
    }
    const valid = this.#take(ip, "validShare");
    if (event === "validShare") return await this.#send(ip, event, valid + times);
    // The ratio is judged over all shares: the valid ones that wait go first.
    if (valid > 0) await this.#send(ip, "validShare", valid);
    return await this.#send(ip, event, times);
  }

  async flush(ip: string): Promise<void> {
    for (const event of ["validShare", "staleShare"] as const) {
      const waiting = this.#take(ip, event);
      if (waiting > 0) await this.#send(ip, event, waiting);
    }
    this.#watched.delete(ip);
  }

  #take(ip: string, event: "validShare" | "staleShare"): number {
    const waiting = this.#unreported[event].get(ip) ?? 0;
    this.#unreported[event].delete(ip);
    return waiting;
  }

  async #ask(ip: string): Promise<Admission> {
    try {
      return await this.#env.IP_GUARD.getByName(ip).admit();
    } catch {
      return CONTENT;
    }
  }

  async #send(ip: string, event: GuardEvent, times: number): Promise<GuardVerdict> {
    try {
      const verdict = await this.#env.IP_GUARD.getByName(ip).report(event, times);
      if (verdict.watch) this.#watched.add(ip);
      else this.#watched.delete(ip);
      return verdict;
    } catch {
      return CONTENT;
    }
  }
}
