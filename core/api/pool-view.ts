import { POOL_SERIES, RANGES, VERDICTS, type Range, type VerdictColumns } from "../history/definitions.ts";
import { Series } from "../history/series.ts";
import { PoolParts, type PartsReport, type PoolPart } from "../health/pool-parts.ts";
import { CronWatch } from "../health/cron-watch.ts";
import { judgeHealth, type HealthReport, type WorkHealth } from "../health/judge.ts";
import type { ShardHealth } from "../health/shard-health.ts";
import { ShareEvidence } from "../health/share-evidence.ts";
import type { PoolFigures } from "../health/pool-metrics.ts";
import { ledgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { thrown, type Logger } from "../log.ts";
import type { NotificationsHealth } from "../notifications/notifications-health.ts";
import type { PayoutProgress } from "../payouts/payer/payer-view.ts";
import type { PayerStatus } from "../payouts/payer/payer-status.ts";
import type { UnlockerStatus } from "../payouts/unlocker-status.ts";
import type { PoolConfig } from "../pool-config.ts";
import { FormerShards } from "../shares/former-shards.ts";
import type { VerdictReport } from "../shares/verdict-tally.ts";
import type { SqlPort } from "../sql-port.ts";
import { chainIdOf } from "../work/chain-identity.ts";
import { seconds } from "./api-config.ts";
import { Cached } from "./cached.ts";
import type { BlockEntry } from "./entries.ts";
import { BoundedMap } from "../bounded-map.ts";
import { readCredits, type BlockCredits } from "./block-credits.ts";
import { encodeJson } from "./json.ts";
import { NetworkWatch } from "./network.ts";
import { payoutsBody } from "./payouts-view.ts";
import { EncodedRoutes, type DatedBody, type PoolRoute, type PoolSurroundings } from "./pool-routes.ts";
import { EMPTY_SNAPSHOT, PoolStats, type PoolSnapshot } from "./pool-stats.ts";
import { VerdictInbox } from "./verdict-inbox.ts";

/** How long a judgement of the pool's health is good: whoever asks for it all the time must not cost more. */
const HEALTH_MAX_AGE_MS = 5000;

/** Where and of which version the parts are is asked no more often: it wakes some that sleep. */
const PARTS_MAX_AGE_MS = 60_000;

/** Hashrate entries that one reading may catch up with: a viewer must not wait long, cron may work longer. */
const VIEWER_BUDGET = 40_000;
const CRON_BUDGET = 240_000;

/** open-etc-pool's `poolCharts` has a point every ten minutes for a day; its newest is as old as this at most. */
const CHARTS_MAX_AGE_MS = 60_000;
const CHART_STEP_S = 600;
const CHART_SPAN_S = 86_400;

/** Payments go on every 15 seconds. */
const PAYOUTS_MAX_AGE_MS = 15_000;

/** Credits of blocks that are kept in memory, and for how long: those of an immature block go when it matures. */
const REMEMBERED_CREDITS = 32;
const CREDITS_MAX_AGE_MS = 60_000;

/** `/api/history`: one array a column, all of one length. */
export interface PoolHistory extends VerdictColumns {
  readonly range: Range;
  /** Seconds between two points. */
  readonly resolution: number;
  /** Start of each period, Unix time in seconds. */
  readonly at: readonly number[];
  /** Hashes per second. */
  readonly hashrate: readonly number[];
  /** Of the network, in hashes. */
  readonly difficulty: readonly number[];
  readonly miners: readonly number[];
  readonly blocks: readonly number[];
}

/** What the view asks of the rest of the pool. */
export interface PoolViewDeps {
  readonly config: PoolConfig;
  readonly redis: RedisPort;
  /** Keeps the pool's history. */
  readonly sql: SqlPort;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly work: () => Promise<WorkHealth>;
  /** Objects of which there is one. */
  readonly parts: readonly PoolPart[];
  /** What is wrong with where `home` leads; null for nothing. */
  readonly moved: () => Promise<string | null>;
  /** Of the nodes of solo work; asked where there are some. */
  readonly soloWork: () => Promise<WorkHealth>;
  /** A verifier by its number, which may be beyond the configured ones. */
  readonly shard: (number: number) => Promise<ShardHealth>;
  /** What a verifier judged since its last report. @param seen number of the last one that arrived, 0 for none */
  readonly verdicts: (number: number, seen: number) => Promise<VerdictReport | null>;
  /** Null: switched off. */
  readonly unlocker: () => Promise<UnlockerStatus | null>;
  /** @param account that pays */
  readonly payer: (account: string) => Promise<PayerStatus>;
  /** Asked where somebody is to be told of something; null: switched off meanwhile. */
  readonly notifications: () => Promise<NotificationsHealth | null>;
  /** What that account has paid and is about to pay. */
  readonly payouts: (account: string) => Promise<PayoutProgress | null>;
}

/** Logins that the ledger is asked about for one look at `/health`. */
const MOST_ASKED = 64;

interface Reading {
  readonly pool: PoolSnapshot;
  readonly encoded: EncodedRoutes;
}

/**
 * What the pool shows of itself: the API's bodies, read from the ledger at most once per `statsCollectInterval` for however many viewers,
 * the pool's history, and its health. It holds nothing that the ledger needs.
 */
export class PoolView {
  readonly #deps: PoolViewDeps;
  readonly #stats: PoolStats;
  readonly #readings: Cached<Reading>;
  readonly #health: Cached<HealthReport>;
  readonly #series: Series;
  readonly #network: NetworkWatch;
  readonly #payouts: Cached<{ readonly progress: PayoutProgress | null; readonly atMs: number }>;
  readonly #charts: Cached<PoolSurroundings["poolCharts"]>;
  readonly #credits = new BoundedMap<string, Cached<BlockCredits>>(REMEMBERED_CREDITS);
  readonly #former: FormerShards;
  readonly #evidence: ShareEvidence;
  readonly #inbox: VerdictInbox;
  readonly #parts: Cached<PartsReport>;
  /** Submits since the last tick, and since this view began. */
  readonly #unsaved = new Map<string, number>();
  readonly #totals = new Map<string, number>();
  readonly #cron: CronWatch;

  constructor(deps: PoolViewDeps) {
    this.#deps = deps;
    this.#cron = new CronWatch(deps.sql, deps.nowMs());
    this.#stats = new PoolStats(deps.config);
    this.#readings = new Cached((nowMs) => this.#read(nowMs, VIEWER_BUDGET), deps.config.api.statsCollectIntervalMs);
    this.#health = new Cached(() => this.#judge(), HEALTH_MAX_AGE_MS);
    this.#series = new Series(deps.sql, POOL_SERIES);
    this.#network = new NetworkWatch(deps.config.chain.name, deps.config.unlocker?.rules ?? null);
    this.#charts = new Cached(async (nowMs) => this.#chart(seconds(nowMs)), CHARTS_MAX_AGE_MS);
    this.#payouts = new Cached(async (atMs) => ({ progress: await this.#askPayer(), atMs }), PAYOUTS_MAX_AGE_MS);
    this.#evidence = new ShareEvidence(deps.sql);
    this.#former = new FormerShards(deps.sql, deps.config.verifier.shards, deps.nowMs());
    const parts = new PoolParts(deps.parts, deps.nowMs, deps.moved);
    this.#parts = new Cached(() => parts.look(), PARTS_MAX_AGE_MS);
    this.#inbox = new VerdictInbox(deps.sql, deps.verdicts);
  }

  /** Numbers of the verifiers that are no longer configured and may still hold something. */
  formerShards(): number[] {
    return this.#former.list();
  }

  /** A route; the last figures while the ledger cannot be read, null where it never could: empty lists would say that nothing was ever paid. */
  async body(route: PoolRoute): Promise<DatedBody | null> {
    const latest = await this.#latest();
    return latest && { body: latest.encoded.body(route), atMs: latest.pool.takenAtMs };
  }

  /**
   * Who was credited what for a block; null for one that is not in the lists of `/api/blocks`: a stranger's numbers cost no command.
   * @throws RedisUnreachableError
   */
  async credits(height: number, hash: string): Promise<DatedBody | null> {
    const latest = await this.#latest();
    if (latest === null) return null;
    const { immature, matured, takenAtMs } = latest.pool;
    const isIt = (block: BlockEntry) => block.height === height && block.hash === hash && !block.orphan;
    const block = immature.find(isIt) ?? matured.find(isIt);
    if (block === undefined) return null;
    const isImmature = immature.includes(block);
    const key = `${isImmature}:${height}:${hash}`;
    const { redis, config } = this.#deps;
    const credits =
      this.#credits.get(key) ??
      new Cached(() => {
        const hidden = this.#readings.last?.pool.hidden ?? latest.pool.hidden;
        return readCredits(redis, config.coin, block, isImmature, hidden);
      }, CREDITS_MAX_AGE_MS);
    this.#credits.set(key, credits);
    return { body: encodeJson(await credits.get(this.#deps.nowMs())), atMs: takenAtMs };
  }

  /** What is paid and when more is; null where this pool pays nobody itself, or where it is not known who is hidden. */
  async payouts(): Promise<DatedBody | null> {
    const latest = await this.#latest();
    const known = await this.#payouts.get(this.#deps.nowMs()).catch(() => this.#payouts.last);
    if (latest === null || known === null || known.progress === null) return null;
    return { body: encodeJson(payoutsBody(known.progress, latest.pool.hidden)), atMs: known.atMs };
  }

  async #askPayer(): Promise<PayoutProgress | null> {
    const { payer } = this.#deps.config;
    return payer === null ? null : await this.#deps.payouts(payer.settings.account);
  }

  /** For `/metrics`. */
  async figures(): Promise<PoolFigures> {
    await this.gather();
    const pool = (await this.#latest())?.pool ?? EMPTY_SNAPSHOT;
    return {
      hashrate: pool.hashrate,
      miners: pool.minersTotal,
      candidates: pool.candidatesTotal,
      immature: pool.immatureTotal,
      matured: pool.maturedTotal,
      submits: Object.fromEntries([...VERDICTS, "blocks"].map((name) => [name, this.#totals.get(name) ?? 0])),
    };
  }

  /** Asks every part and judges; at most every few seconds, however often it is called. */
  async health(): Promise<HealthReport> {
    return await this.#health.get(this.#deps.nowMs());
  }

  /** Asks the verifiers what they have judged. @returns whether there was something */
  async gather(): Promise<boolean> {
    const reports = await this.#inbox.gather([...this.#shards(), ...this.formerShards()]);
    for (const { counts, logins } of reports) {
      this.#evidence.heard(logins, this.#deps.nowMs());
      for (const [name, count] of Object.entries(counts)) {
        this.#unsaved.set(name, (this.#unsaved.get(name) ?? 0) + count);
        this.#totals.set(name, (this.#totals.get(name) ?? 0) + count);
      }
    }
    return reports.length > 0;
  }

  #shards(): number[] {
    return Array.from({ length: this.#deps.config.verifier.shards }, (_, shard) => shard);
  }

  /** JSON text of `/api/history`: one array a column. */
  history(range: Range): string {
    const { spanS, poolResolutionS } = RANGES[range];
    const nowS = seconds(this.#deps.nowMs());
    const points = this.#series.points(poolResolutionS, nowS - spanS, nowS + 1);
    const column = (name: string) => points.map(({ values }) => Math.round(values[name] ?? 0));
    const history: PoolHistory = {
      range,
      resolution: poolResolutionS,
      at: points.map(({ at }) => at),
      hashrate: column("hashrate"),
      difficulty: column("difficulty"),
      miners: column("miners"),
      accepted: column("accepted"),
      duplicate: column("duplicate"),
      invalid: column("invalid"),
      stale: column("stale"),
      blocks: column("blocks"),
    };
    return JSON.stringify(history);
  }

  /** Cron: writes this minute into the history, if anyone mines. */
  async tick(): Promise<void> {
    const atMs = this.#deps.nowMs();
    this.#cron.came(atMs);
    const work = await this.#deps.work();
    if (work.subscribers === 0 && this.#unsaved.size === 0 && this.#isAsleep(atMs)) return;
    const { pool } = await this.#read(atMs, CRON_BUDGET);
    const values = {
      ...Object.fromEntries(this.#unsaved),
      hashrate: pool.hashrate,
      difficulty: Number(work.networkDifficulty ?? 0),
      miners: pool.minersTotal,
    };
    this.#unsaved.clear();
    this.#inbox.save();
    this.#series.add(seconds(atMs), values);
  }

  async #judge(): Promise<HealthReport> {
    const { redis, config, shard: ask } = this.#deps;
    const formerShards = this.formerShards();
    const configured = this.#shards();
    const gathered = Promise.all([this.#parts.get(this.#deps.nowMs()), this.gather()]);
    const askedAtMs = this.#deps.nowMs();
    let ledgerTripMs: number | null = null;
    const ping = redis.command(["PING"]).then(() => (ledgerTripMs = this.#deps.nowMs() - askedAtMs));
    const [work, soloWork, ledger, unlocker, payer, notifications, ...answers] = await Promise.allSettled([
      this.#deps.work(),
      config.work.soloUpstreams.length === 0 ? null : this.#deps.soloWork(),
      ping,
      config.unlocker === null ? null : this.#deps.unlocker(),
      config.payer === null ? null : this.#deps.payer(config.payer.settings.account),
      config.notifications === null ? null : this.#deps.notifications(),
      ...[...configured, ...formerShards].map((shard) => ask(shard)),
    ]);
    const shards = answers.map((shard) => (shard.status === "fulfilled" ? shard.value : String(shard.reason)));
    const former = shards.slice(configured.length);
    for (const [at, shard] of formerShards.entries()) this.#forgetIfEmpty(shard, former[at]);
    const [{ places, problems: misplaced }] = await gathered;
    const tripTo = (name: string) => places.find(({ part }) => part === name)?.roundTripMs ?? null;
    return judgeHealth({
      work: work.status === "fulfilled" ? work.value : String(work.reason),
      soloWork: soloWork.status === "fulfilled" ? soloWork.value : String(soloWork.reason),
      embedded: config.ledger.upstash === null ? this.#embedded() : null,
      ledgerError: ledger.status === "fulfilled" ? null : String(ledger.reason),
      shards: shards.slice(0, configured.length),
      formerShards: formerShards.map((shard, at) => [shard, former[at] ?? "no answer"]),
      maxWorkAgeMs: config.work.maxAgeMs,
      unlocker: config.unlocker && {
        status: unlocker.status === "fulfilled" ? (unlocker.value ?? "it is switched off") : String(unlocker.reason),
        intervalMs: config.unlocker.intervalMs,
      },
      payer: payer.status === "fulfilled" ? payer.value : String(payer.reason),
      notifications: notifications.status === "fulfilled" ? notifications.value : String(notifications.reason),
      invalidShares: this.#evidence.found(minedOn(config), this.#deps.nowMs(), await this.#credited()),
      place: {
        home: config.home,
        roundTripsMs: {
          template: tripTo("template"),
          ledger: ledgerTripMs,
          shards: configured.map((shard) => tripTo(`shard ${shard}`)),
        },
        parts: places,
      },
      misplaced,
      cron: this.#cron.beat,
      nowMs: this.#deps.nowMs(),
    });
  }

  /** Which of the logins whose shares are invalid have earned something before; null where nobody ever has. Asks only where it matters. */
  async #credited(): Promise<ReadonlySet<string> | null> {
    const { suspects } = this.#evidence;
    if (suspects.length === 0) return null;
    const keys = ledgerKeys(this.#deps.config.coin);
    const asked = suspects.slice(0, MOST_ASKED);
    const commands = [keys.stats, ...asked.map((login) => keys.miner(login))].map((key) => ["EXISTS", key] as const);
    // Where the ledger cannot be asked, all of them count.
    const answers = await this.#deps.redis.pipeline(commands).catch(() => commands.map(() => 1));
    const [anybody, ...known] = answers.map((answer) => Number(answer) > 0);
    return anybody === true ? new Set(asked.filter((_, at) => known[at])) : null;
  }

  #embedded() {
    return { shares: this.#readings.last?.pool.sharesKept ?? 0, windowMs: this.#deps.config.api.hashrateWindowMs };
  }

  #forgetIfEmpty(shard: number, health: ShardHealth | string | undefined): void {
    if (typeof health !== "object") return;
    const { outboxDepth, waitingShares, unresolvedShares, unreadableRows } = health;
    if (outboxDepth + waitingShares + unresolvedShares + unreadableRows === 0)
      this.#former.empty(shard, this.#deps.nowMs());
  }

  /** Nobody mines and the chart already shows it: an idle pool asks Redis nothing and writes nothing. */
  #isAsleep(nowMs: number): boolean {
    const nowS = seconds(nowMs);
    const windowS = seconds(this.#deps.config.api.hashrateWindowMs);
    return !this.#series.points(60, nowS - windowS, nowS + 1).some(({ values }) => (values["hashrate"] ?? 0) > 0);
  }

  async #latest(): Promise<Reading | null> {
    try {
      return await this.#readings.get(this.#deps.nowMs());
    } catch (error) {
      // The ledger's troubles are on /health; whoever looks at the page keeps seeing the last figures.
      this.#deps.log.warn("the ledger could not be read", { error: thrown(error) });
      return this.#readings.last;
    }
  }

  async #read(nowMs: number, budget: number): Promise<Reading> {
    const { redis, log } = this.#deps;
    const pool = await this.#stats.read(redis, nowMs, budget);
    log.debug("statistics read", { commands: pool.commands, miners: pool.minersTotal });
    const network = this.#network.figures(pool.nodes, nowMs);
    return { pool, encoded: new EncodedRoutes(pool, { network, poolCharts: await this.#charts.get(nowMs) }) };
  }

  #chart(nowS: number): PoolSurroundings["poolCharts"] {
    return this.#series.points(CHART_STEP_S, nowS - CHART_SPAN_S, nowS + 1).map(({ at, values }) => ({
      x: at,
      hashrate: Math.round(values["hashrate"] ?? 0),
      minersOnline: Math.round(values["miners"] ?? 0),
    }));
  }
}

/** What the pool's miners should be mining. */
function minedOn({ chain, chainId }: PoolConfig) {
  const algorithm = chain.ecip1099Block === null ? "Ethash" : "Etchash";
  return { chain: chain.name, algorithm, chainId: chainIdOf(chain.name) ?? chainId };
}
