import { DurableObject } from "cloudflare:workers";
import { Cached } from "../core/api/cached.ts";
import { EncodedRoutes, type PoolRoute } from "../core/api/pool-routes.ts";
import { EMPTY_SNAPSHOT, PoolStats, type PoolSnapshot } from "../core/api/pool-stats.ts";
import { POOL_SERIES, RANGES, VERDICTS, type Range } from "../core/history/definitions.ts";
import { Series } from "../core/history/series.ts";
import { judgeHealth, type HealthReport } from "../core/health/judge.ts";
import type { RedisPort } from "../core/ledger/contract/redis-port.ts";
import { createLogger, type Logger } from "../core/log.ts";
import type { PoolConfig } from "../core/pool-config.ts";
import { ROOT_NAME } from "../core/work/template-tree.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { consoleSink } from "./platform/log-sink.ts";
import { verifierShards } from "./platform/peers.ts";
import { sqlPort } from "./platform/runtime.ts";
import { StayAwake } from "./platform/stay-awake.ts";
import type { PoolApiRpc, PoolTotals } from "./rpc.ts";
import type { SubmitCounts } from "../core/shares/verdict-reporter.ts";

/** How long a judgement of the pool's health is good: whoever asks for it all the time must not cost more. */
const HEALTH_MAX_AGE_MS = 5000;

/** Hashrate entries that one reading may catch up with: a viewer must not wait long, cron may work longer. */
const VIEWER_BUDGET = 40_000;
const CRON_BUDGET = 240_000;

/**
 * While somebody mines the board stays in memory from one cron run to the next, so that it never has to read the whole window again:
 * at most $4.15 a month. An idle pool's board sleeps.
 */
const AWAKE_MS = 90_000;

interface Reading {
  readonly pool: PoolSnapshot;
  readonly encoded: EncodedRoutes;
}

const NOTHING: Reading = { pool: EMPTY_SNAPSHOT, encoded: new EncodedRoutes(EMPTY_SNAPSHOT) };

/**
 * What the pool shows: the API's bodies, read from the ledger at most once per `statsCollectInterval` for however many viewers, and the
 * pool's history. One object, `idFromName("main")`. It holds nothing that the ledger needs.
 */
export class PoolApi extends DurableObject<Env> implements PoolApiRpc {
  readonly #config: PoolConfig;
  readonly #log: Logger;
  readonly #redis: RedisPort;
  readonly #stats: PoolStats;
  readonly #readings: Cached<Reading>;
  readonly #health: Cached<HealthReport>;
  readonly #series: Series;
  readonly #awake = new StayAwake(AWAKE_MS);
  /** Submits since the last tick, and since this object started. */
  readonly #unsaved = new Map<string, number>();
  readonly #totals = new Map<string, number>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#config = loadConfig(env);
    this.#log = createLogger({ level: this.#config.log.level, sink: consoleSink, now: Date.now }).with({
      part: "board",
    });
    this.#redis = ledgerClient(env, this.#config);
    this.#stats = new PoolStats(this.#config);
    this.#readings = new Cached((nowMs) => this.#read(nowMs, VIEWER_BUDGET), this.#config.api.statsCollectIntervalMs);
    this.#health = new Cached(() => this.#judge(), HEALTH_MAX_AGE_MS);
    this.#series = new Series(sqlPort(ctx.storage), POOL_SERIES);
  }

  async body(route: PoolRoute): Promise<string> {
    const { encoded } = await this.#latest();
    return encoded.body(route, Date.now());
  }

  async totals(): Promise<PoolTotals> {
    const { pool } = await this.#latest();
    return {
      hashrate: pool.hashrate,
      miners: pool.minersTotal,
      candidates: pool.candidatesTotal,
      immature: pool.immatureTotal,
      matured: pool.maturedTotal,
      submits: Object.fromEntries([...VERDICTS, "blocks"].map((name) => [name, this.#totals.get(name) ?? 0])),
    };
  }

  async health(): Promise<HealthReport> {
    return await this.#health.get(Date.now());
  }

  async report(counts: SubmitCounts): Promise<void> {
    this.#awake.renew();
    for (const [name, count] of Object.entries(counts)) {
      this.#unsaved.set(name, (this.#unsaved.get(name) ?? 0) + count);
      this.#totals.set(name, (this.#totals.get(name) ?? 0) + count);
    }
  }

  async history(range: Range): Promise<string> {
    const { spanS, poolResolutionS } = RANGES[range];
    const nowS = Math.floor(Date.now() / 1000);
    const points = this.#series.points(poolResolutionS, nowS - spanS, nowS + 1);
    const columns = [...POOL_SERIES.means, ...POOL_SERIES.sums];
    return JSON.stringify({
      range,
      resolution: poolResolutionS,
      at: points.map(({ at }) => at),
      ...Object.fromEntries(columns.map((name) => [name, points.map(({ values }) => Math.round(values[name] ?? 0))])),
    });
  }

  async tick(): Promise<void> {
    const nowMs = Date.now();
    const work = await this.env.BLOCK_TEMPLATE.getByName(ROOT_NAME).health();
    if (work.subscribers === 0 && this.#unsaved.size === 0 && this.#sleeping(nowMs)) return;
    this.#awake.renew();
    const { pool } = await this.#read(nowMs, CRON_BUDGET);
    const values = {
      ...Object.fromEntries(this.#unsaved),
      hashrate: pool.hashrate,
      difficulty: Number(work.networkDifficulty ?? 0),
      miners: pool.minersTotal,
    };
    this.#unsaved.clear();
    this.#series.add(Math.floor(nowMs / 1000), values);
  }

  async #judge(): Promise<HealthReport> {
    const { verifier, work: settings } = this.#config;
    const [work, ledger, ...shards] = await Promise.allSettled([
      this.env.BLOCK_TEMPLATE.getByName(ROOT_NAME).health(),
      this.#redis.command(["PING"]),
      ...verifierShards(this.env, verifier.shards).map(async (shard) => await shard.health()),
    ]);
    return judgeHealth({
      work: work.status === "fulfilled" ? work.value : String(work.reason),
      ledgerError: ledger.status === "fulfilled" ? null : String(ledger.reason),
      shards: shards.map((shard) => (shard.status === "fulfilled" ? shard.value : String(shard.reason))),
      maxWorkAgeMs: settings.maxAgeMs,
    });
  }

  /** Nobody mines and the chart already shows it: an idle pool asks Redis nothing and writes nothing. */
  #sleeping(nowMs: number): boolean {
    const nowS = Math.floor(nowMs / 1000);
    const window = this.#config.api.hashrateWindowMs / 1000;
    return !this.#series.points(60, nowS - window, nowS + 1).some(({ values }) => (values["hashrate"] ?? 0) > 0);
  }

  async #latest(): Promise<Reading> {
    try {
      return await this.#readings.get(Date.now());
    } catch (error) {
      // The ledger's troubles are on /health; whoever looks at the page keeps seeing the last figures.
      this.#log.warn("the ledger could not be read", { error: error instanceof Error ? error : String(error) });
      return this.#readings.last ?? NOTHING;
    }
  }

  async #read(nowMs: number, budget: number): Promise<Reading> {
    const pool = await this.#stats.read(this.#redis, nowMs, budget);
    this.#log.debug("statistics read", { commands: pool.commands, miners: pool.minersTotal });
    return { pool, encoded: new EncodedRoutes(pool) };
  }
}
