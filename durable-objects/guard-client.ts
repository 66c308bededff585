import type { Guard, GuardEvent, GuardVerdict } from "../core/policy/guard.ts";
import type { Env } from "../worker/env.ts";

/** Valid shares of a client without invalid ones that are reported together: each report is a billed request. */
const VALID_SHARES_A_REPORT = 32;

const CONTENT: GuardVerdict = { allowed: true, reason: "", watch: false };

/** The guard as sessions see it: one object per client IP behind it. A guard that cannot be reached refuses nobody. */
export class GuardClient implements Guard {
  readonly #env: Env;
  readonly #unreported = new Map<string, number>();
  readonly #watched = new Set<string>();

  constructor(env: Env) {
    this.#env = env;
  }

  async admit(ip: string): Promise<{ readonly allowed: boolean; readonly reason: string }> {
    try {
      return await this.#stub(ip).admit();
    } catch {
      return CONTENT;
    }
  }

  async report(ip: string, event: GuardEvent, times = 1): Promise<GuardVerdict> {
    const waiting = this.#unreported.get(ip) ?? 0;
    if (event === "validShare" && !this.#watched.has(ip) && waiting + times < VALID_SHARES_A_REPORT) {
      this.#unreported.set(ip, waiting + times);
      return CONTENT;
    }
    this.#unreported.delete(ip);
    try {
      if (waiting > 0 && event !== "validShare") await this.#stub(ip).report("validShare", waiting);
      const verdict = await this.#stub(ip).report(event, event === "validShare" ? waiting + times : times);
      if (verdict.watch) this.#watched.add(ip);
      else this.#watched.delete(ip);
      return verdict;
    } catch {
      return CONTENT;
    }
  }

  /** Reports what waits for a client whose last connection is gone. */
  async flush(ip: string): Promise<void> {
    const waiting = this.#unreported.get(ip);
    this.#unreported.delete(ip);
    this.#watched.delete(ip);
    if (waiting === undefined) return;
    try {
      await this.#stub(ip).report("validShare", waiting);
    } catch {
      // Counts of a well-behaved client: nothing depends on them.
    }
  }

  #stub(ip: string) {
    return this.#env.IP_GUARD.getByName(ip);
  }
}
