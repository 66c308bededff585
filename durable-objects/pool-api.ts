import type { DatedBody, PoolRoute } from "../core/api/pool-routes.ts";
import { PoolView } from "../core/api/pool-view.ts";
import type { Range } from "../core/history/definitions.ts";
import type { HealthReport } from "../core/health/judge.ts";
import type { PoolPart } from "../core/health/pool-parts.ts";
import type { PoolFigures } from "../core/health/pool-metrics.ts";
import { verifierName } from "../core/shares/shards.ts";
import { rootNames, ROOT_NAME, SOLO_NAME } from "../core/work/template-tree.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { partLog } from "./platform/part-log.ts";
import { verifierShard } from "./platform/peers.ts";
import { movedHome } from "./platform/started.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { PartRpc, PoolApiRpc } from "./rpc.ts";
import { atHome } from "./platform/at-home.ts";

const ASK_EVERY_MS = 8_000;

/**
 * What the pool shows of itself: see `core/api/pool-view.ts`. One object, `idFromName("main")`. No timer holds it: while there is a stream of
 * shares it asks the verifiers every eight seconds, by its alarm, and stays in memory unbilled; so it does while a page is open. Where neither is,
 * little has to be read again.
 */
export class PoolApi extends PoolObject implements PoolApiRpc {
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
      parts: partsOf(this, env),
      moved: () => movedHome(env),
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

const part = (
  name: string,
  script: PoolPart["script"],
  object: () => Pick<PartRpc, "about" | "dataCentre">,
): PoolPart => ({ name, script, about: () => object().about(), dataCentre: () => object().dataCentre() });

/** Objects of which there is one. Asking one that is not there yet makes it, at home. */
function partsOf(own: Pick<PartRpc, "about" | "dataCentre">, env: Env): PoolPart[] {
  const { work, verifier, ledger, unlocker, payer, notifications } = loadConfig(env);
  const shards = Array.from({ length: verifier.shards }, (_, shard) => shard);
  return [
    part("api", "page", () => own),
    part("operator", "page", () => atHome(env, env.POOL_ADMIN, "main")),
    ...(notifications === null ? [] : [part("notifier", "page", () => atHome(env, env.NOTIFIER, "main"))]),
    ...rootNames(work).map((name) =>
      part(name === ROOT_NAME ? "template" : `${name} template`, "sessions", () =>
        atHome(env, env.BLOCK_TEMPLATE, name),
      ),
    ),
    part("extranonces", "sessions", () => atHome(env, env.EXTRANONCE_ALLOCATOR, "main")),
    ...shards.map((shard) =>
      part(`shard ${shard}`, "verifiers", () => atHome(env, env.SHARE_VERIFIER, verifierName(shard))),
    ),
    ...(ledger.upstash === null ? [part("ledger", "verifiers", () => atHome(env, env.EMBEDDED_REDIS, "main"))] : []),
    ...(unlocker === null ? [] : [part("unlocker", "payouts", () => atHome(env, env.UNLOCKER, "main"))]),
    ...(payer === null ? [] : [part("payer", "payouts", () => atHome(env, env.PAYER, payer.settings.account))]),
  ];
}
