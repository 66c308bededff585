import { ledgerKeys } from "../ledger/contract/keys.ts";
import type { RedisCommand, RedisPort, RedisValue } from "../ledger/contract/redis-port.ts";
import { RedisReplyError } from "../ledger/contract/redis-port.ts";
import { addressOf, type Client, clientOf } from "./client.ts";

/** The operator's lists, `<coin>:blacklist` and `<coin>:whitelist`: logins and IPs; and `<coin>:solo`: logins that mine solo. */
export interface AccessLists {
  /** True for a login that may not mine, and for a client that may not come. */
  isBlacklisted(who: string): boolean;
  /** True for a login or a client that no policy touches. */
  isWhitelisted(who: string): boolean;
}

/** Whether no policy touches a client, or a login there. */
export function isWelcome(lists: AccessLists, client: Client, login: string | null): boolean {
  return [client, addressOf(client), login].some((who) => who !== null && lists.isWhitelisted(who));
}

/** What the lists are read by. */
export interface ListSettings {
  readonly coin: string;
  readonly refreshIntervalMs: number;
  /** There is solo work that a login may choose. */
  readonly solo: boolean;
}

/**
 * Keeps the lists in memory and reads them anew after the refresh interval. The last good lists stay in force when Redis cannot
 * be read: the reference empties them, so that an outage lets everyone in.
 */
export class AccessListCache implements AccessLists {
  #blacklist: ReadonlySet<string> = new Set();
  #whitelist: ReadonlySet<string> = new Set();
  #solo: ReadonlySet<string> = new Set();
  #loaded = false;
  #dueMs = 0;

  /** False until the lists have been read once. */
  get loaded(): boolean {
    return this.#loaded;
  }

  isBlacklisted(who: string): boolean {
    return this.#blacklist.has(who);
  }

  isWhitelisted(who: string): boolean {
    return this.#whitelist.has(who);
  }

  /** True for a login that has chosen solo. False for all where nobody may. */
  isSolo(login: string): boolean {
    return this.#solo.has(login);
  }

  /**
   * Reads the lists if they are due. While one caller reads, others go on with the lists of before. Never rejects.
   * @param ledger made only where they are due
   * @returns the error when they could not be read, for the log
   */
  async refresh(
    ledger: () => RedisPort,
    { coin, refreshIntervalMs, solo }: ListSettings,
    nowMs: number,
  ): Promise<Error | null> {
    if (nowMs < this.#dueMs) return null;
    // Taken before the answer: a sick Redis is asked once an interval, not with every login. Without any list everyone asks.
    if (this.#loaded) this.#dueMs = nowMs + refreshIntervalMs;
    try {
      await this.#read(ledger(), coin, solo);
      this.#dueMs = nowMs + refreshIntervalMs;
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  async #read(redis: RedisPort, coin: string, withSolo: boolean): Promise<void> {
    const keys = ledgerKeys(coin);
    const commands: RedisCommand[] = [
      ["SMEMBERS", keys.blacklist],
      ["SMEMBERS", keys.whitelist],
      ...(withSolo ? [["SMEMBERS", keys.soloLogins] as const] : []),
    ];
    const [blacklist, whitelist, solo] = await redis.pipeline(commands);
    // All or none: a half refreshed pair could let in whom the operator has just moved from one to the other.
    const [black, white] = [members(blacklist), members(whitelist)];
    if (withSolo) this.#solo = members(solo);
    this.#blacklist = black;
    this.#whitelist = white;
    this.#loaded = true;
  }
}

function members(reply: RedisValue | RedisReplyError | undefined): ReadonlySet<string> {
  if (reply instanceof RedisReplyError) throw reply;
  if (!Array.isArray(reply)) throw new TypeError("SMEMBERS did not answer with a list");
  // An IPv6 address stands for its client, as connections from it do.
  return new Set(reply.map((member) => clientOf(String(member))));
}
