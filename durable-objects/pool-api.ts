import { DurableObject } from "cloudflare:workers";
import type { DatedBody, PoolRoute } from "../core/api/pool-routes.ts";
import { PoolView } from "../core/api/pool-view.ts";
import type { Range, SubmitCounts } from "../core/history/definitions.ts";
import type { HealthReport } from "../core/health/judge.ts";
import type { LoginVerdicts } from "../core/health/share-evidence.ts";
import type { PoolFigures } from "../core/health/pool-metrics.ts";
import { ROOT_NAME } from "../core/work/template-tree.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { partLog } from "./platform/part-log.ts";
import { verifierShard } from "./platform/peers.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import { StayAwake } from "./platform/stay-awake.ts";
import type { PoolApiRpc } from "./rpc.ts";

/**
 * While somebody mines the object stays in memory from one cron run to the next, so that it never has to read the whole window again:
 * at most $4.15 a month. That of an idle pool sleeps.
 */
const AWAKE_MS = 90_000;

/** What the pool shows of itself: see `core/api/pool-view.ts`. One object, `idFromName("main")`. */
export class PoolApi extends DurableObject<Env> implements PoolApiRpc {
  readonly #view: PoolView;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = loadConfig(env);
    const awake = new StayAwake(AWAKE_MS);
    this.#view = new PoolView({
      config,
      redis: ledgerClient(env, config),
      sql: sqlPort(ctx.storage),
      log: partLog(env, "api"),
      nowMs: Date.now,
      work: () => env.BLOCK_TEMPLATE.getByName(ROOT_NAME).health(),
      shard: async (number) => await verifierShard(env, number).health(),
      unlocker: async () => await env.UNLOCKER.getByName("main").status(),
      onMining: () => awake.renew(),
    });
  }

  async body(route: PoolRoute): Promise<DatedBody | null> {
    return await this.#view.body(route);
  }

  async credits(height: number, hash: string): Promise<DatedBody | null> {
    return await this.#view.credits(height, hash);
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

  async report(counts: SubmitCounts, logins?: LoginVerdicts): Promise<void> {
    this.#view.report(counts, logins);
  }

  async history(range: Range): Promise<string> {
    return this.#view.history(range);
  }

  async tick(): Promise<void> {
    await this.#view.tick();
  }
}
