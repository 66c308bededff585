import { BoundedMap } from "../bounded-map.ts";
import { type Clock, within } from "../clock.ts";
import { ledgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { ClientTurns } from "./client-turns.ts";

/** Logins that are remembered, of either kind. */
const REMEMBERED = 16_384;
/** Questions of one client about logins that turn out to be known to nobody. */
const QUESTIONS = { burst: 120, oneMoreMs: 500 };
/** Nobody waits longer than this to be told apart from a stranger. */
const PATIENCE_MS = 1_000;
/** Another request's question is waited for so long: it is never answered where that request's client has gone. */
const ANOTHERS_MS = 250;
/** A ledger that did not answer is left alone for this long. */
const SICK_MS = 5_000;

/** What is known of a login. `unasked`: its client has asked for too many that nobody knows. */
export type Acquaintance = "known" | "unknown" | "unasked";

/** A question that is under way. It never rejects. */
interface Question {
  readonly answered: Promise<void>;
  readonly sinceMs: number;
}

/**
 * Which logins the pool has ever credited. Whoever names another one is given nothing that costs: no object, no storage, no timer. One
 * command to the ledger tells, and what it told is remembered; where it cannot be asked everybody counts as known. A client is bounded in
 * strangers only: a fleet behind one address that comes back after a deploy is known by one question a login, however many sockets it has.
 */
export class KnownLogins {
  readonly #clock: Clock;
  /** An account never goes away again. */
  readonly #known = new BoundedMap<string, true>(REMEMBERED);
  readonly #unknownUntilMs = new BoundedMap<string, number>(REMEMBERED);
  readonly #questions = new ClientTurns(QUESTIONS);
  /** By login, and by client its newest one. */
  readonly #asking = new BoundedMap<string, Question>(REMEMBERED);
  #sickUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Never rejects.
   * @param ledger made only where it has to be asked: most often what was told before is enough
   * @param login lower-case `0x` address
   * @param ip of the client that names it
   * @param unknownForMs how long an unknown login is remembered as one
   */
  async find(
    ledger: () => RedisPort,
    coin: string,
    login: string,
    ip: string,
    unknownForMs: number,
  ): Promise<Acquaintance> {
    const untilMs = this.#clock.nowMs() + PATIENCE_MS;
    for (;;) {
      const remembered = this.#remembered(login);
      if (remembered !== null) return remembered;
      const nowMs = this.#clock.nowMs();
      const asking = this.#asking.get(login);
      const others = this.#asking.get(ip);
      if (asking && nowMs - asking.sinceMs < ANOTHERS_MS) await within(this.#clock, ANOTHERS_MS, asking.answered, null);
      else if (this.#questions.take(ip, nowMs)) await this.#ask(ledger(), coin, login, ip, unknownForMs);
      // What it has asked already may turn out to be known, and then counts no more.
      else if (others && nowMs < untilMs) await within(this.#clock, ANOTHERS_MS, others.answered, null);
      else return "unasked";
    }
  }

  /** A login has just been credited. */
  credited(login: string): void {
    this.#known.set(login, true);
  }

  #remembered(login: string): Exclude<Acquaintance, "unasked"> | null {
    const nowMs = this.#clock.nowMs();
    if (this.#known.has(login) || nowMs < this.#sickUntilMs) return "known";
    return nowMs < (this.#unknownUntilMs.get(login) ?? 0) ? "unknown" : null;
  }

  /** Afterwards the login is remembered, or the ledger left alone. */
  async #ask(redis: RedisPort, coin: string, login: string, ip: string, unknownForMs: number): Promise<void> {
    const asked = redis.command(["EXISTS", ledgerKeys(coin).miner(login)]).catch(() => null);
    const question = { answered: this.#answer(asked, login, ip, unknownForMs), sinceMs: this.#clock.nowMs() };
    for (const name of [login, ip]) this.#asking.set(name, question);
    await question.answered;
    for (const name of [login, ip]) if (this.#asking.get(name) === question) this.#asking.delete(name);
  }

  async #answer(asked: Promise<unknown>, login: string, ip: string, unknownForMs: number): Promise<void> {
    const answer = await within(this.#clock, PATIENCE_MS, asked, null);
    const nowMs = this.#clock.nowMs();
    if (answer === null) this.#sickUntilMs = nowMs + SICK_MS;
    else if (Number(answer) > 0) this.#known.set(login, true);
    else this.#unknownUntilMs.set(login, nowMs + unknownForMs);
    if (answer === null || Number(answer) > 0) this.#questions.giveBack(ip);
  }
}
