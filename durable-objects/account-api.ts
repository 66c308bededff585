import {
  AccountSettings,
  settingsTerms,
  type SettingsBody,
  type SettingsOutcome,
} from "../core/accounts/account-settings.ts";
import { AccountView, type AccountRoute } from "../core/api/account-view.ts";
import type { DatedBody } from "../core/api/pool-routes.ts";
import { createNodeRpc } from "../core/work/node-rpc.ts";
import { PoolObject } from "./pool-object.ts";
import { loadConfig } from "./platform/config.ts";
import { httpPost } from "./platform/http-post.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import type { AccountApiRpc } from "./rpc.ts";
import { atHome, ofLogin } from "./platform/at-home.ts";

/**
 * One login's account: see `core/api/account-view.ts`. One object a login, `idFromName(login)`; it stores which credits it has looked up,
 * in one row that may be lost. A page that is open asks every five seconds and finds the window folded, as an object leaves memory after ten.
 */
export class AccountApi extends PoolObject implements AccountApiRpc {
  #view: AccountView | null = null;
  #settings: AccountSettings | null = null;

  async body(login: string, route: AccountRoute = "account"): Promise<DatedBody | null> {
    this.#view ??= this.#open(login);
    return await this.#view.body(Date.now(), route);
  }

  async settings(login: string, pool: string): Promise<SettingsBody> {
    return await this.#settingsOf(login).shown(pool);
  }

  async changeSettings(login: string, body: string, pool: string): Promise<SettingsOutcome> {
    return await this.#settingsOf(login).change(body, pool);
  }

  #settingsOf(login: string): AccountSettings {
    const config = loadConfig(this.env);
    this.#settings ??= new AccountSettings(settingsTerms(config), login, {
      redis: ledgerClient(this.env, config),
      nodes: config.work.upstreams.map((upstream) => createNodeRpc(upstream, httpPost)),
      nowMs: Date.now,
      notified: (test, pool) => {
        if (config.notifications === null) return;
        const told = atHome(this.env, this.env.NOTIFIER, "main").signed(login, pool, test);
        this.ctx.waitUntil(told.catch(() => undefined));
      },
      paused: async () => (await atHome(this.env, this.env.POOL_ADMIN, "main").pauseState()).paused,
    });
    return this.#settings;
  }

  #open(login: string): AccountView {
    const config = loadConfig(this.env);
    const { kv } = this.ctx.storage;
    return new AccountView(config, login, {
      redis: ledgerClient(this.env, config),
      store: { read: () => kv.get("credits"), write: (kept) => kv.put("credits", kept) },
      payout: async () => {
        const account = config.payer?.settings.account;
        return account === undefined ? null : await atHome(this.env, this.env.PAYER, account).progress(account, login);
      },
      session: () => ofLogin(this.env, this.env.MINER_SESSION, login).figures(),
    });
  }
}
