import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { AccountStats } from "./account-stats.ts";
import type { ApiConfig } from "./api-config.ts";
import { Cached } from "./cached.ts";
import { encodeJson } from "./json.ts";
import type { DatedBody } from "./pool-routes.ts";

/** Hashrate entries that one reading may catch up with beyond its first page. */
const BUDGET = 40_000;

/** One login's account as the API shows it, read from the ledger at most once per `statsCollectInterval`. */
export class AccountView {
  readonly #readings: Cached<DatedBody | null>;

  /** @param login lower-case `0x` address */
  constructor(config: ApiConfig, redis: RedisPort, login: string) {
    const stats = new AccountStats(config, login);
    this.#readings = new Cached(async (nowMs) => {
      const { account } = await stats.read(redis, nowMs, BUDGET);
      return account && { body: encodeJson(account), atMs: nowMs };
    }, config.api.statsCollectIntervalMs);
  }

  /**
   * Null for a login that the ledger does not know. The last one where the ledger cannot be asked.
   * @throws RedisUnreachableError when there is no last one either
   */
  async body(nowMs: number): Promise<DatedBody | null> {
    try {
      return await this.#readings.get(nowMs);
    } catch (error) {
      if (this.#readings.last !== null) return this.#readings.last;
      throw error;
    }
  }
}
