import { BoundedMap } from "../bounded-map.ts";
import { type Clock, within } from "../clock.ts";
import { ledgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { ClientTurns } from "./client-turns.ts";

/** Logins that are remembered, of either kind. */
const REMEMBERED = 16_384;
/** Questions of one client about logins that are not remembered. */
const QUESTIONS = { burst: 120, oneMoreMs: 500 };
/** Nobody waits longer than this to be told apart from a stranger. */
const PATIENCE_MS = 1_000;
/** A ledger that did not answer is left alone for this long. */
const SICK_MS = 5_000;

/** What is known of a login. `unasked`: its client has asked for too many that nobody knows. */
export type Acquaintance = "known" | "unknown" | "unasked";

/**
 * Which logins the pool has ever credited. Whoever names another one is given nothing that costs: no object, no storage, no timer. One
 * command to the ledger tells, and what it told is remembered; where it cannot be asked everybody counts as known.
 */
export class KnownLogins {
  readonly #clock: Clock;
  /** An account never goes away again. */
  readonly #known = new BoundedMap<string, true>(REMEMBERED);
  readonly #unknownUntilMs = new BoundedMap<string, number>(REMEMBERED);
  readonly #questions = new ClientTurns(QUESTIONS);
  #sickUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Never rejects.
   * @param login lower-case `0x` address
   * @param ip of the client that names it
   * @param unknownForMs how long an unknown login is remembered as one
   */
  async find(redis: RedisPort, coin: string, login: string, ip: string, unknownForMs: number): Promise<Acquaintance> {
    const nowMs = this.#clock.nowMs();
    if (this.#known.has(login) || nowMs < this.#sickUntilMs) return "known";
    if (nowMs < (this.#unknownUntilMs.get(login) ?? 0)) return "unknown";
    if (!this.#questions.take(ip, nowMs)) return "unasked";
    const asked = redis.command(["EXISTS", ledgerKeys(coin).miner(login)]).catch(() => null);
    const answer = await within(this.#clock, PATIENCE_MS, asked, null);
    if (answer === null) {
      this.#sickUntilMs = this.#clock.nowMs() + SICK_MS;
      return "known";
    }
    if (Number(answer) > 0) {
      this.#known.set(login, true);
      return "known";
    }
    this.#unknownUntilMs.set(login, this.#clock.nowMs() + unknownForMs);
    return "unknown";
  }
}
