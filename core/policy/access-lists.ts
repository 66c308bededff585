import type { RedisCommand, RedisPort, RedisValue } from "../ledger/redis-port.ts";
import { RedisReplyError } from "../ledger/redis-port.ts";

/** The operator's lists, `<coin>:blacklist` and `<coin>:whitelist`: logins and IPs. */
export interface AccessLists {
  /** True when the login may not mine. */
  isBlacklisted(login: string): boolean;
  /** True for an IP that no policy touches. */
  isWhitelisted(ip: string): boolean;
}

/**
 * Keeps both lists in memory and reads them anew after the refresh interval. The last good lists stay in force when Redis cannot
 * be read: the reference empties them, so that an outage lets everyone in.
 */
export class AccessListCache implements AccessLists {
  readonly #redis: RedisPort;
  readonly #commands: readonly RedisCommand[];
  readonly #refreshIntervalMs: number;
  #blacklist: ReadonlySet<string> = new Set();
  #whitelist: ReadonlySet<string> = new Set();
  #dueMs = 0;
  #reading: Promise<void> | null = null;

  constructor(redis: RedisPort, coin: string, refreshIntervalMs: number) {
    this.#redis = redis;
    this.#commands = [
      ["SMEMBERS", `${coin}:blacklist`],
      ["SMEMBERS", `${coin}:whitelist`],
    ];
    this.#refreshIntervalMs = refreshIntervalMs;
  }

  isBlacklisted(login: string): boolean {
    return this.#blacklist.has(login);
  }

  isWhitelisted(ip: string): boolean {
    return this.#whitelist.has(ip);
  }

  /**
   * Reads the lists if they are due; calls that overlap share one request. Never rejects.
   * @returns the error when they could not be read, for the log
   */
  async refresh(nowMs: number): Promise<Error | null> {
    if (nowMs < this.#dueMs) return null;
    try {
      this.#reading ??= this.#read(nowMs).finally(() => (this.#reading = null));
      await this.#reading;
      return null;
    } catch (error) {
      // Asked again after an interval and not with every login: a sick Redis is not helped by more requests.
      this.#dueMs = nowMs + this.#refreshIntervalMs;
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  async #read(nowMs: number): Promise<void> {
    const [blacklist, whitelist] = await this.#redis.pipeline(this.#commands);
    // Both or none: a half refreshed pair could let in whom the operator has just moved from one to the other.
    const [black, white] = [members(blacklist), members(whitelist)];
    this.#blacklist = black;
    this.#whitelist = white;
    this.#dueMs = nowMs + this.#refreshIntervalMs;
  }
}

function members(reply: RedisValue | RedisReplyError | undefined): ReadonlySet<string> {
  if (reply instanceof RedisReplyError) throw reply;
  if (!Array.isArray(reply)) throw new TypeError("SMEMBERS did not answer with a list");
  return new Set(reply.map((member) => String(member).toLowerCase()));
}
