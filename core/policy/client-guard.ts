import type { RecentMap } from "../bounded-map.ts";
import { type Logger, thrown } from "../log.ts";
import { type AccessLists, isWelcome } from "./access-lists.ts";
import { addressOf, type Client } from "./client.ts";
import {
  type Ban,
  banByHand,
  CLEAN,
  connectionsAllowed,
  current,
  enforced,
  type GuardPolicy,
  isForgettable,
  isProven,
  judge,
  pardoned,
  refusal,
  type Standing,
  staleAtMs,
} from "./conduct.ts";
import { ConnectionCount } from "./connection-count.ts";
import type { Admission, Conduct, GuardVerdict, Opening } from "./guard.ts";
import type { ClientRow, ClientStore } from "./standing-store.ts";

/** Rows of one client's logins; beyond, strangers are only counted together. */
const MAX_LOGINS = 1_000;
/** A login's object is asked after this long whether it has connections of the client still. */
const HOLDS_MS = 24 * 3_600_000;
/** After a failure to close connections it is tried again. */
const AGAIN_MS = 5_000;
/** A login's object that says goodbye may have another connection of the client on its way. */
const ON_ITS_WAY_MS = 60_000;

/** So many logins without a row are not looked through yet. */
const FEW_HOLDERS = 64;

const ALLOWED: Admission = { allowed: true, reason: "" };
export const TOO_MANY = "Too many connections";

/** A login whose object has, or had, connections of the client. */
interface Holder {
  /** When the last one was let in, Unix time in ms. */
  readonly atMs: number;
  /** There is a row. */
  readonly kept: boolean;
  /** The last one has gone. */
  readonly gone: boolean;
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
  readonly store: ClientStore;
  /** Standings of logins at clients of late, by client and login: one memory for all clients of an object. */
  readonly logins: RecentMap<string, Standing>;
  readonly nowMs: () => number;
  readonly log: Logger;
  /** The operator's lists, as new as can be had. */
  lists(): Promise<AccessLists>;
  /** Ends the connections of a client at a login's object, and its work by HTTP. */
  disconnect(login: string, client: Client, reason: string): Promise<void>;
  /** How many connections of a client a login's object has. */
  connections(login: string, client: Client): Promise<number>;
  /** The guard of the bridge that vouches for this client; null where none does. */
  bridge(): ClientGuard | null;
  /** Ends connections of the miners that this client vouches for, as {@link ClientGuard.close}. */
  closeVouched(login: string | null, reason: string): Promise<void>;
  /** Has {@link ClientGuard.settle} called at that time or soon after. */
  wakeAt(atMs: number): void;
  /** Work that must be outlived. */
  background(task: Promise<void>): void;
}

/**
 * What one client has done, whether it may come, and where its connections are. Bans, proofs of logins and the logins that have connections
 * are rows; what is counted towards a ban is in memory only, so that an attacker's address costs none until it is banned.
 */
export class ClientGuard {
  readonly #ports: ClientGuardPorts;
  readonly #holders = new Map<string, Holder>();
  readonly #count: ConnectionCount;
  #row: ClientRow;
  #enforcing: Promise<void> | null = null;
  /** At so many holders they are looked through; null while that goes on. */
  #lookAt: number | null = FEW_HOLDERS;

  constructor(client: Client, ports: ClientGuardPorts) {
    this.#ports = ports;
    const { store, nowMs } = ports;
    let seenMs = nowMs();
    for (const [login, atMs] of store.holders()) {
      seenMs = Math.min(seenMs, atMs);
      this.#holders.set(login, { atMs, kept: true, gone: false });
    }
    this.#row = store.client() ?? { client, seenMs, standing: CLEAN };
    this.#count = new ConnectionCount(
      nowMs,
      () => this.#holding(),
      (login) => ports.connections(login, client),
    );
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
    if (opening === "login" || opening === "still") this.#count.unfinishedGone();
    const owner = opening === "unfinished" || opening === "still" ? null : login;
    if (!(await this.#count.enter(owner, welcome ? Infinity : this.#allowed()))) return refuse(TOO_MANY);
    if (owner !== null) this.#hold(owner, opening === "connection");
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
    const { earned, provenUntilMs } = this.#row.standing;
    this.#row = { ...this.#row, standing: judged.client };
    const earning = policy.limits.enabled && judged.client.earned !== earned;
    const isProof = judged.client.provenUntilMs !== provenUntilMs;
    if (judged.banned === "client" || earning || isProof) this.#keepClient();
    if (login !== null && judged.login !== null)
      this.#setLogin(login, judged.login, judged.banned === "login" || proved);
    if (judged.banned !== null) this.#onBan(judged.banned === "login" ? login : null);
    const ban = welcome ? null : this.#refusal(login);
    return { allowed: ban === null, reason: ban?.reason ?? "", reportAt: judged.reportAt };
  }

  /** A connection is gone. @param remaining how many of the client the login's object still has */
  async left(login: string | null, remaining: number, conduct: Conduct): Promise<void> {
    if (Object.keys(conduct).length > 0) await this.report(login, conduct);
    if (login === null) return this.#count.unfinishedGone();
    this.#count.set(login, remaining);
    // Its row stays for a day: most come back, and each change of it would cost one.
    if (remaining === 0 && !this.#isOnItsWay(login)) this.#gone(login);
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
  }

  /**
   * Ends the client's connections, and those of whom it vouches for, without a ban, but for those of whitelisted logins: it is on the blacklist now.
   * @param login only of this one
   */
  async close(reason: string, login: string | null = null): Promise<void> {
    const { client } = this.#row;
    const lists = await this.#ports.lists();
    const held = this.#holding().filter((one) => login === null || one === login);
    const closed = held.filter((one) => !isWelcome(lists, client, one));
    const closing = closed.map((one) => this.#ports.disconnect(one, client, reason));
    await Promise.all([...closing, this.#ports.closeVouched(login, reason)]);
  }

  /** A ban by hand that is in force. */
  banByHand(login: string | null): Ban | null {
    return banByHand(this.#row.standing, login === null ? null : this.#standingOf(login), this.#ports.nowMs());
  }

  /** For the operator. */
  overview(): GuardOverview {
    return { client: this.#row, logins: this.#ports.store.logins(), holders: this.#holding() };
  }

  /** Ends what was begun and forgets what is over: standings, and logins whose objects have no connection of the client any more. */
  async settle(): Promise<void> {
    await this.#settle();
    // What this version cannot read may be another's: it stays, and is looked at once a day.
    const { store, nowMs } = this.#ports;
    store.postpone(nowMs(), nowMs() + HOLDS_MS);
  }

  async #settle(): Promise<void> {
    const { store, policy, nowMs } = this.#ports;
    await this.#enforce();
    await this.#settleHolders();
    for (const login of store.logins().keys()) {
      const standing = this.#standingOf(login);
      if (!isForgettable(standing, policy, nowMs())) {
        this.#setLogin(login, standing, true);
        continue;
      }
      store.forgetLogin(login);
      this.#ports.logins.delete(this.#keyOf(login));
    }
    if (store.client() === null) return;
    if (isForgettable(this.#row.standing, policy, nowMs())) store.forgetClient();
    else this.#keepClient();
  }

  async #settleHolders(): Promise<void> {
    const { store, nowMs } = this.#ports;
    const old = [...store.holders()].filter(([, atMs]) => atMs + HOLDS_MS <= nowMs());
    for (const [login] of old) {
      const count = await this.#ports.connections(login, this.#row.client).catch(() => null);
      if (count === 0) store.forgetHolder(login);
      const { atMs } = this.#holders.get(login) ?? { atMs: nowMs() };
      this.#holders.set(login, { atMs, kept: false, gone: false });
      if (count !== 0) this.#keepHolder(login);
      else if (!this.#isOnItsWay(login)) this.#gone(login);
    }
  }

  /**
   * Forgets logins without a row whose connections are gone, as far as their objects say so: of one that came and went within a minute, or never
   * came, nobody tells it, and whoever makes up logins has no end of them.
   */
  async #lookThrough(): Promise<void> {
    this.#lookAt = null;
    const doubtful = [...this.#holders].filter(([login, { kept }]) => !kept && !this.#isOnItsWay(login));
    for (const [login] of doubtful) {
      const count = await this.#ports.connections(login, this.#row.client).catch(() => null);
      if (count === null || this.#isOnItsWay(login)) continue;
      this.#count.set(login, count);
      if (count === 0) this.#gone(login);
    }
    this.#lookAt = Math.max(FEW_HOLDERS, 2 * this.#holders.size);
  }

  /** Logins whose objects may have connections. */
  #holding(): string[] {
    return [...this.#holders].flatMap(([login, { gone }]) => (gone ? [] : [login]));
  }

  #gone(login: string): void {
    const holder = this.#holders.get(login);
    if (holder?.kept) this.#holders.set(login, { ...holder, gone: true });
    else this.#holders.delete(login);
  }

  /** A connection of the login may have been let in and not be there yet. */
  #isOnItsWay(login: string): boolean {
    return this.#ports.nowMs() - (this.#holders.get(login)?.atMs ?? -Infinity) < ON_ITS_WAY_MS;
  }

  #keyOf(login: string): string {
    return `${this.#row.client} ${login}`;
  }

  #refusal(login: string | null): Ban | null {
    const own = login === null ? null : this.#standingOf(login);
    return refusal(this.#row.standing, own, this.#ports.nowMs()) ?? this.#ports.bridge()?.banByHand(login) ?? null;
  }

  #standingOf(login: string): Standing {
    return this.#ports.logins.get(this.#keyOf(login)) ?? this.#ports.store.login(login) ?? CLEAN;
  }

  #setLogin(login: string, standing: Standing, keep: boolean): void {
    const { store, logins } = this.#ports;
    logins.set(this.#keyOf(login), standing);
    if (!keep || (store.login(login) === null && store.countLogins() >= MAX_LOGINS)) return;
    store.keepLogin(login, standing, this.#dueOf(standing));
  }

  #keepClient(): void {
    this.#ports.store.keepClient(this.#row, this.#dueOf(this.#row.standing));
  }

  /** Writes down that a login's object has connections. */
  #keepHolder(login: string): void {
    const { store, nowMs } = this.#ports;
    const holder = this.#holders.get(login);
    if (holder === undefined || holder.kept) return;
    const kept = [...this.#holders.values()].reduce((sum, other) => sum + Number(other.kept), 0);
    if (kept >= MAX_LOGINS) return;
    this.#holders.set(login, { ...holder, kept: true });
    store.keepHolder(login, nowMs(), this.#due(nowMs() + HOLDS_MS));
  }

  /** When a standing's row has to be looked at again: at once, while there are connections that its ban has not ended. */
  #dueOf(standing: Standing): number {
    const { policy, nowMs } = this.#ports;
    return this.#due(standing.ban?.enforced === false ? nowMs() + AGAIN_MS : staleAtMs(standing, policy));
  }

  #due(atMs: number): number {
    this.#ports.wakeAt(atMs);
    return atMs;
  }

  /** @param known the pool has credited the login before: only such ones may cost a row */
  #hold(login: string, known: boolean): void {
    const kept = this.#holders.get(login)?.kept === true;
    this.#holders.set(login, { atMs: this.#ports.nowMs(), kept, gone: false });
    if (known) this.#keepHolder(login);
    if (this.#lookAt !== null && this.#holders.size > this.#lookAt) this.#ports.background(this.#lookThrough());
  }

  /** Connections that may be open at once. */
  #allowed(): number {
    const { policy, nowMs } = this.#ports;
    const { standing, seenMs } = this.#row;
    return connectionsAllowed(current(standing, policy, nowMs()), seenMs, policy, nowMs());
  }

  #onBan(login: string | null): void {
    const { client, standing } = this.#row;
    const { reason } = (login === null ? standing : this.#standingOf(login)).ban ?? { reason: "" };
    this.#ports.log.info("banned", { client, login, reason });
    // Should this object end before it has closed them: the rows are written, and the alarm brings it back.
    if (login === null) for (const holder of this.#holding()) this.#keepHolder(holder);
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
        if (ban.byHand) await this.#ports.closeVouched(login, ban.reason);
        this.#setLogin(login, enforced(this.#standingOf(login)), true);
      }
      const { ban } = this.#row.standing;
      if (ban === null || ban.enforced) return;
      const closed = this.#holding().filter((login) => {
        const spared = isProven(this.#standingOf(login), nowMs()) && !ban.byHand;
        return !spared && !lists.isWhitelisted(login);
      });
      const closing = closed.map((login) => this.#ports.disconnect(login, client, ban.reason));
      await Promise.all([...closing, ...(ban.byHand ? [this.#ports.closeVouched(null, ban.reason)] : [])]);
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
