import { BoundedMap } from "../bounded-map.ts";
import { type Logger, thrown } from "../log.ts";
import type { AccessLists } from "./access-lists.ts";
import { addressOf, type Client } from "./client.ts";
import {
  CLEAN,
  connectionsAllowed,
  current,
  type GuardPolicy,
  isForgettable,
  isProven,
  judge,
  refusal,
  staleAtMs,
  type Ban,
  type Standing,
} from "./conduct.ts";
import { ConnectionCount } from "./connection-count.ts";
import type { Admission, Conduct, GuardVerdict, Opening } from "./guard.ts";
import type { ClientRow, StandingStore } from "./standing-store.ts";

/** Logins of one client that are remembered apart; beyond, strangers are only counted together. */
const MAX_LOGINS = 1_000;
/** After a failure to close connections it is tried again. */
const AGAIN_MS = 5_000;
/** A login's object that says goodbye may have another connection of the client on its way. */
const ON_ITS_WAY_MS = 60_000;

const ALLOWED: Admission = { allowed: true, reason: "" };
export const TOO_MANY = "Too many connections";

/** A ban, as the operator's list has it. */
export interface BanNotice {
  readonly client: Client;
  /** Null: the whole client. */
  readonly login: string | null;
  /** Null: lifted. */
  readonly ban: Pick<Ban, "untilMs" | "reason" | "byHand"> | null;
}

/** For the operator. */
export interface GuardOverview {
  readonly client: ClientRow;
  /** Logins that were judged apart. */
  readonly logins: ReadonlyMap<string, Standing>;
  /** Logins whose objects have connections of the client. */
  readonly holders: readonly string[];
}

export interface ClientGuardPorts {
  readonly policy: GuardPolicy;
  readonly store: StandingStore;
  readonly nowMs: () => number;
  readonly log: Logger;
  /** The operator's lists, as new as can be had. */
  lists(): Promise<AccessLists>;
  /** Ends the connections of a client at a login's object, and its work by HTTP. */
  disconnect(login: string, client: Client, reason: string): Promise<void>;
  /** How many connections of a client a login's object has. */
  connections(login: string, client: Client): Promise<number>;
  /** Tells the operator's list. */
  notice(notice: BanNotice): Promise<void>;
  /** Has {@link ClientGuard.wake} called at that time or before. */
  wakeAt(atMs: number): void;
  /** Work that must be outlived. */
  background(task: Promise<void>): void;
}

/** What one client has done, whether it may come, and where its connections are. */
export class ClientGuard {
  readonly #ports: ClientGuardPorts;
  readonly #logins = new BoundedMap<string, Standing>(MAX_LOGINS);
  readonly #admittedMs = new BoundedMap<string, number>(MAX_LOGINS);
  readonly #holders: Set<string>;
  readonly #count: ConnectionCount;
  #row: ClientRow;
  #enforcing: Promise<void> | null = null;

  constructor(client: Client, ports: ClientGuardPorts) {
    this.#ports = ports;
    const { store, nowMs } = ports;
    this.#row = store.client() ?? { client, seenMs: nowMs(), standing: CLEAN };
    this.#holders = new Set(store.holders());
    this.#count = new ConnectionCount(
      nowMs,
      () => [...this.#holders],
      (login) => ports.connections(login, client),
    );
  }

  get client(): Client {
    return this.#row.client;
  }

  /**
   * Lets a connection in, or does not.
   * @param login null where it comes in band and has not come yet
   */
  async admit(login: string | null, opening: Opening): Promise<Admission> {
    const { client } = this.#row;
    const lists = await this.#ports.lists();
    const welcome = isWelcome(lists, client, login);
    if (!welcome) {
      if (lists.isBlacklisted(addressOf(client)) || lists.isBlacklisted(client)) return refuse("Blacklisted");
      const ban = this.#refusal(login);
      if (ban !== null) return refuse(ban.reason);
    }
    if (opening === "request") return ALLOWED;
    if (opening === "login") this.#count.unfinishedGone();
    const owner = opening === "unfinished" ? null : login;
    if (!(await this.#count.enter(owner, welcome ? Infinity : this.#allowed()))) return refuse(TOO_MANY);
    if (owner !== null) this.#hold(owner);
    return ALLOWED;
  }

  /** What a client did. @param login that its connection has logged in */
  async report(login: string | null, conduct: Conduct): Promise<GuardVerdict> {
    const { policy, nowMs } = this.#ports;
    const against = (conduct.invalid ?? 0) + (conduct.malformed ?? 0) > 0 || conduct.ban === true;
    const welcome =
      (against || this.#refusal(login) !== null) && isWelcome(await this.#ports.lists(), this.#row.client, login);
    const counted = welcome ? { valid: conduct.valid ?? 0 } : conduct;
    // From here to the rows nothing is waited for: two reports never judge the same standing.
    const before = login === null ? null : this.#standingOf(login);
    const judged = judge(this.#row.standing, before, counted, policy, nowMs());
    const proved = judged.login?.provenUntilMs !== before?.provenUntilMs;
    const keep = !welcome && against;
    const { earned, provenUntilMs } = this.#row.standing;
    this.#row = { ...this.#row, standing: judged.client };
    const earning = policy.limits.enabled && judged.client.earned !== earned;
    if (keep || earning || judged.client.provenUntilMs !== provenUntilMs) this.#keepClient();
    if (login !== null && judged.login !== null) this.#setLogin(login, judged.login, keep || proved);
    if (judged.banned !== null) this.#onBan(judged.banned === "login" ? login : null);
    const ban = welcome ? null : this.#refusal(login);
    return { allowed: ban === null, reason: ban?.reason ?? "", reportAt: judged.reportAt };
  }

  /** A connection is gone. @param remaining how many of the client the login's object still has */
  async left(login: string | null, remaining: number, conduct: Conduct): Promise<void> {
    if (Object.keys(conduct).length > 0) await this.report(login, conduct);
    if (login === null) return this.#count.unfinishedGone();
    this.#count.set(login, remaining);
    if (remaining > 0) return;
    if (this.#isOnItsWay(login)) this.#ports.wakeAt(this.#ports.nowMs() + ON_ITS_WAY_MS);
    else this.#release(login);
  }

  /** By the operator's hand. @returns why not; null when it is done */
  async ban(login: string | null, untilMs: number, reason: string): Promise<string | null> {
    if (isWelcome(await this.#ports.lists(), this.#row.client, login))
      return "it is whitelisted: take it off that list first";
    const ban = { untilMs, reason, byHand: true, enforced: false };
    if (login === null) {
      this.#row = { ...this.#row, standing: { ...this.#row.standing, ban } };
      this.#keepClient();
    } else {
      this.#setLogin(login, { ...this.#standingOf(login), ban }, true);
    }
    this.#onBan(login);
    await this.#enforcing;
    return null;
  }

  /** Lifts a ban, and with it what had led to it. @param login null: the client's and those of all logins there */
  async lift(login: string | null): Promise<void> {
    const { store } = this.#ports;
    const lifted = login === null ? [...store.logins()].flatMap(([name, { ban }]) => (ban ? [name] : [])) : [login];
    for (const name of lifted) this.#setLogin(name, pardoned(this.#standingOf(name)), true);
    if (login === null) {
      this.#row = { ...this.#row, standing: pardoned(this.#row.standing) };
      this.#keepClient();
    }
    const { client } = this.#row;
    for (const name of login === null ? [null, ...lifted] : lifted) {
      await this.#ports.notice({ client, login: name, ban: null });
    }
  }

  /** For the operator. */
  overview(): GuardOverview {
    return { client: this.#row, logins: this.#ports.store.logins(), holders: [...this.#holders] };
  }

  /** Ends what was begun before a restart, and has itself woken for what is to come. */
  async wake(): Promise<void> {
    const { store, policy } = this.#ports;
    await this.#enforce();
    const kept = [...store.logins().values(), this.#row.standing].filter((standing) => standing !== CLEAN);
    if (kept.length > 0) this.#ports.wakeAt(Math.min(...kept.map((standing) => staleAtMs(standing, policy))));
  }

  /**
   * Forgets what is over: standings, and logins whose objects have no connection of the client any more.
   * @returns false when nothing is left to remember
   */
  async wakeAndForget(): Promise<boolean> {
    const { store, policy, nowMs } = this.#ports;
    await this.#enforce();
    await this.#count.recount();
    for (const login of this.#holders) {
      if (!this.#count.has(login) && !this.#isOnItsWay(login)) this.#release(login);
    }
    for (const [login, standing] of store.logins()) {
      if (!isForgettable(standing, policy, nowMs())) continue;
      store.forgetLogin(login);
      this.#logins.delete(login);
    }
    const rest = [...store.logins().values(), this.#row.standing].filter((it) => !isForgettable(it, policy, nowMs()));
    if (rest.length > 0) this.#ports.wakeAt(Math.min(...rest.map((standing) => staleAtMs(standing, policy))));
    return rest.length > 0 || this.#holders.size > 0;
  }

  /** A connection of the login may have been let in and not be there yet. */
  #isOnItsWay(login: string): boolean {
    return this.#ports.nowMs() - (this.#admittedMs.get(login) ?? -Infinity) < ON_ITS_WAY_MS;
  }

  #release(login: string): void {
    if (this.#holders.delete(login)) this.#ports.store.removeHolder(login);
  }

  #refusal(login: string | null): Ban | null {
    const own = login === null ? null : this.#standingOf(login);
    return refusal(this.#row.standing, own, this.#ports.nowMs());
  }

  #standingOf(login: string): Standing {
    return this.#logins.get(login) ?? this.#ports.store.login(login) ?? CLEAN;
  }

  #setLogin(login: string, standing: Standing, keep: boolean): void {
    const { store, policy } = this.#ports;
    this.#logins.set(login, standing);
    if (!keep || (store.login(login) === null && store.countLogins() >= MAX_LOGINS)) return;
    store.keepLogin(login, standing);
    this.#ports.wakeAt(staleAtMs(standing, policy));
  }

  #keepClient(): void {
    this.#ports.store.keepClient(this.#row);
    this.#ports.wakeAt(staleAtMs(this.#row.standing, this.#ports.policy));
  }

  #hold(login: string): void {
    this.#admittedMs.set(login, this.#ports.nowMs());
    if (this.#holders.has(login)) return;
    this.#holders.add(login);
    this.#ports.store.addHolder(login);
  }

  /** Connections that may be open at once. */
  #allowed(): number {
    const { policy, nowMs, store } = this.#ports;
    const { standing, seenMs } = this.#row;
    // When it came first must outlive this object, or every nap of it would begin the time of grace anew.
    if (policy.limits.enabled && store.client() === null) this.#keepClient();
    return connectionsAllowed(current(standing, policy, nowMs()), seenMs, policy, nowMs());
  }

  #onBan(login: string | null): void {
    const { client, standing } = this.#row;
    const { reason } = (login === null ? standing : this.#standingOf(login)).ban ?? { reason: "" };
    this.#ports.log.info("banned", { client, login, reason });
    // Should this object end before it has closed them: the row is written, and the alarm brings it back.
    this.#ports.wakeAt(this.#ports.nowMs() + AGAIN_MS);
    this.#ports.background(this.#enforce());
  }

  async #enforce(): Promise<void> {
    this.#enforcing ??= this.#closeBanned().finally(() => (this.#enforcing = null));
    await this.#enforcing;
  }

  async #closeBanned(): Promise<void> {
    const { store, log, nowMs } = this.#ports;
    const { client } = this.#row;
    const due = [...store.logins()].filter(([, { ban }]) => ban !== null && !ban.enforced);
    if (due.length === 0 && (this.#row.standing.ban?.enforced ?? true)) return;
    const lists = await this.#ports.lists();
    try {
      for (const [login, { ban }] of due) {
        if (ban === null) continue;
        if (!lists.isWhitelisted(login)) await this.#ports.disconnect(login, client, ban.reason);
        await this.#ports.notice({ client, login, ban });
        this.#setLogin(login, enforced(this.#standingOf(login)), true);
      }
      const { ban } = this.#row.standing;
      if (ban === null || ban.enforced) return;
      const closed = [...this.#holders].filter((login) => {
        const spared = isProven(this.#standingOf(login), nowMs()) && !ban.byHand;
        return !spared && !lists.isWhitelisted(login);
      });
      await Promise.all(closed.map((login) => this.#ports.disconnect(login, client, ban.reason)));
      await this.#ports.notice({ client, login: null, ban });
      this.#row = { ...this.#row, standing: enforced(this.#row.standing) };
      this.#keepClient();
    } catch (error) {
      log.warn("not every connection of a banned client is closed yet", { client, error: thrown(error) });
      this.#ports.wakeAt(nowMs() + AGAIN_MS);
    }
  }
}

function refuse(reason: string): Admission {
  return { allowed: false, reason };
}

function isWelcome(lists: AccessLists, client: Client, login: string | null): boolean {
  return (
    lists.isWhitelisted(client) ||
    lists.isWhitelisted(addressOf(client)) ||
    (login !== null && lists.isWhitelisted(login))
  );
}

function pardoned(standing: Standing): Standing {
  return { ...standing, ban: null, malformed: 0, valid: 0, invalid: 0 };
}

function enforced(standing: Standing): Standing {
  return standing.ban === null ? standing : { ...standing, ban: { ...standing.ban, enforced: true } };
}
