import { DurableObject } from "cloudflare:workers";
import { AccountStats } from "../core/api/account-stats.ts";
import { Cached } from "../core/api/cached.ts";
import { encodeJson } from "../core/api/json.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import type { AccountApiRpc } from "./rpc.ts";
import { StayAwake } from "./platform/stay-awake.ts";

/** Hashrate entries that one reading may catch up with beyond its first page. */
const BUDGET = 40_000;

/** A page that is open asks again within this time and finds the window folded. */
const AWAKE_MS = 60_000;

/** One login's account as the API shows it, read at most once per `statsCollectInterval`. One object a login, `idFromName(login)`; it stores nothing. */
export class AccountApi extends DurableObject<Env> implements AccountApiRpc {
  #readings: Cached<string | null> | null = null;
  readonly #awake = new StayAwake(AWAKE_MS);

  async body(login: string): Promise<string | null> {
    this.#readings ??= this.#start(login);
    this.#awake.renew();
    try {
      return await this.#readings.get(Date.now());
    } catch (error) {
      if (this.#readings.last !== null) return this.#readings.last;
      throw error;
    }
  }

  #start(login: string): Cached<string | null> {
    const config = loadConfig(this.env);
    const redis = ledgerClient(this.env, config);
    const stats = new AccountStats(config, login);
    return new Cached(async (nowMs) => {
      const { account } = await stats.read(redis, nowMs, BUDGET);
      return account && encodeJson(account);
    }, config.api.statsCollectIntervalMs);
  }
}
