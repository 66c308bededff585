import { DurableObject } from "cloudflare:workers";
import { AccountView, type AccountRoute } from "../core/api/account-view.ts";
import type { DatedBody } from "../core/api/pool-routes.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import type { AccountApiRpc } from "./rpc.ts";

/**
 * One login's account: see `core/api/account-view.ts`. One object a login, `idFromName(login)`; it stores which credits it has looked up,
 * in one row that may be lost. A page that is open asks every five seconds and finds the window folded, as an object leaves memory after ten.
 */
export class AccountApi extends DurableObject<Env> implements AccountApiRpc {
  #view: AccountView | null = null;

  async body(login: string, route: AccountRoute = "account"): Promise<DatedBody | null> {
    this.#view ??= this.#open(login);
    return await this.#view.body(Date.now(), route);
  }

  #open(login: string): AccountView {
    const config = loadConfig(this.env);
    const { kv } = this.ctx.storage;
    return new AccountView(config, login, {
      redis: ledgerClient(this.env, config),
      store: { read: () => kv.get("credits"), write: (kept) => kv.put("credits", kept) },
      session: () => this.env.MINER_SESSION.getByName(login).figures(),
    });
  }
}
