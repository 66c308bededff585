import { DurableObject } from "cloudflare:workers";
import type { DatedBody, PoolRoute } from "../core/api/pool-routes.ts";
import { PoolView } from "../core/api/pool-view.ts";
import type { Range } from "../core/history/definitions.ts";
import type { HealthReport } from "../core/health/judge.ts";
import type { PoolFigures } from "../core/health/pool-metrics.ts";
import { ROOT_NAME, SOLO_NAME } from "../core/work/template-tree.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { partLog } from "./platform/part-log.ts";
import { verifierShard } from "./platform/peers.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { PoolApiRpc } from "./rpc.ts";
import { atHome } from "./platform/at-home.ts";

const ASK_EVERY_MS = 8_000;

/**
 * What the pool shows of itself: see `core/api/pool-view.ts`. One object, `idFromName("main")`. No timer holds it: while there is a stream of
 * shares it asks the verifiers every eight seconds, by its alarm, and stays in memory unbilled; so it does while a page is open. Where neither is,
 * little has to be read again.
 */
export class PoolApi extends DurableObject<Env> implements PoolApiRpc {
  readonly #view: PoolView;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = loadConfig(env);
    this.#view = new PoolView({
      config,
      redis: ledgerClient(env, config),
      sql: sqlPort(ctx.storage),
      log: partLog(env, "api"),
      nowMs: Date.now,
      work: () => atHome(env, env.BLOCK_TEMPLATE, ROOT_NAME).health(),
      soloWork: () => atHome(env, env.BLOCK_TEMPLATE, SOLO_NAME).health(),
      shard: async (number) => await verifierShard(env, number).health(),
      verdicts: async (number, seen) => await verifierShard(env, number).verdicts(seen),
      unlocker: async () => await atHome(env, env.UNLOCKER, "main").status(),
      payer: async (account) => await atHome(env, env.PAYER, account).status(account),
      notifications: async () => await atHome(env, env.NOTIFIER, "main").health(),
      payouts: async (account) => await atHome(env, env.PAYER, account).progress(account, null),
    });
  }

  async body(route: PoolRoute): Promise<DatedBody | null> {
    return await this.#view.body(route);
  }

  async credits(height: number, hash: string): Promise<DatedBody | null> {
    return await this.#view.credits(height, hash);
  }

  async payouts(): Promise<DatedBody | null> {
    return await this.#view.payouts();
  }

  async totals(): Promise<PoolFigures> {
    return await this.#view.figures();
  }

  async health(): Promise<HealthReport> {
    return await this.#view.health();
  }

  async formerShards(): Promise<number[]> {
    return this.#view.formerShards();
  }

  async history(range: Range): Promise<string> {
    return this.#view.history(range);
  }

  async tick(): Promise<void> {
    await this.#ask();
    await this.#view.tick();
  }

  override async alarm(): Promise<void> {
    await this.#ask();
  }

  /** Asks the verifiers, and again soon where something came: an object leaves memory after ten idle seconds, and this one has read a long window. */
  async #ask(): Promise<void> {
    const came = await this.#view.gather();
    if (came) await this.ctx.storage.setAlarm(Date.now() + ASK_EVERY_MS);
  }
}
