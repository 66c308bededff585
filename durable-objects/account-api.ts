import { DurableObject } from "cloudflare:workers";
import { AccountView } from "../core/api/account-view.ts";
import type { DatedBody } from "../core/api/pool-routes.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { StayAwake } from "./platform/stay-awake.ts";
import type { AccountApiRpc } from "./rpc.ts";

/** A page that is open asks again within this time and finds the window folded. */
const AWAKE_MS = 60_000;

/** One login's account: see `core/api/account-view.ts`. One object a login, `idFromName(login)`; it stores nothing. */
export class AccountApi extends DurableObject<Env> implements AccountApiRpc {
  #view: AccountView | null = null;
  readonly #awake = new StayAwake(AWAKE_MS);

  async body(login: string): Promise<DatedBody | null> {
    const config = loadConfig(this.env);
    this.#view ??= new AccountView(config, ledgerClient(this.env, config), login);
    this.#awake.renew();
    return await this.#view.body(Date.now());
  }
}
