// What the API costs with 10,000 miners and 1,000 blocks in the ledger, at several numbers of shares kept: node bench/api.ts
// The ledger is a redis-server of its own. Beside each reading stands what open-ethereum-pool does for the same figures: it reads
// every hashrate entry of the window each time.
import { performance } from "node:perf_hooks";
import { AccountStats } from "../core/api/account-stats.ts";
import type { ApiConfig } from "../core/api/api-config.ts";
import { parseShare } from "../core/api/hashrate-buckets.ts";
import { encodeJson } from "../core/api/json.ts";
import { EncodedRoutes, type PoolRoute } from "../core/api/pool-routes.ts";
import { PoolStats } from "../core/api/pool-stats.ts";
import { UNKNOWN_NETWORK } from "../core/api/network.ts";
import { asScored } from "../core/api/replies.ts";
import { ledgerKeys } from "../core/ledger/contract/keys.ts";
import type { RedisCommand, RedisPort } from "../core/ledger/contract/redis-port.ts";
import { startRedisServer } from "../devnet/gateway/redis-server.ts";
import { connectRedis } from "../scripts/ledger/node-redis.ts";

const MINERS = 10_000;
const BLOCKS = 1_000;
const WINDOW_S = 1800;
/** As often as the API reads while somebody looks. */
const STEP_S = 5;
const STEPS = 12;
const START_S = 1_700_000_000;
const KEYS = ledgerKeys("eth");
const FARM = loginOf(0);
const FARM_WORKERS = 100;
const SURROUNDINGS = { network: UNKNOWN_NETWORK, poolCharts: [] };
const ROUTES: readonly PoolRoute[] = ["stats", "miners", "blocks", "payments"];
const CONFIG: ApiConfig = {
  coin: "eth",
  api: {
    statsCollectIntervalMs: STEP_S * 1000,
    purgeIntervalMs: 600_000,
    hashrateWindowMs: WINDOW_S * 1000,
    hashrateLargeWindowMs: 6 * WINDOW_S * 1000,
    luckWindows: [64, 128, 256],
    payments: 50,
    blocks: 50,
    metricsToken: null,
    explorer: null,
  },
};

function loginOf(i: number): string {
  return `0x${i.toString(16).padStart(40, "0")}`;
}

/** Counts what goes over a port: commands, which Upstash bills, and entries, which take the time. */
class Meter implements RedisPort {
  commands = 0;
  entries = 0;
  readonly #port: RedisPort;

  constructor(port: RedisPort) {
    this.#port = port;
  }

  async command(command: RedisCommand) {
    const reply = await this.#port.command(command);
    this.commands += 1;
    this.entries += Array.isArray(reply) ? reply.length / 2 : 0;
    return reply;
  }

  async pipeline(commands: readonly RedisCommand[]) {
    const replies = await this.#port.pipeline(commands);
    this.commands += commands.length;
    for (const reply of replies) this.entries += Array.isArray(reply) ? reply.length / 2 : 0;
    return replies;
  }
}

let serial = 0;
/** Shares of a stretch of time, spread over all miners; every tenth is the farm's and also in the farm's own set. */
async function writeShares(redis: RedisPort, fromS: number, seconds: number, count: number): Promise<void> {
  const pool: (string | number)[] = [];
  const farm: (string | number)[] = [];
  for (let i = 0; i < count; i++) {
    serial += 1;
    const ts = fromS + Math.floor((i * seconds) / count);
    const isFarm = i % 10 === 0;
    const worker = isFarm ? `rig${serial % FARM_WORKERS}` : "0";
    pool.push(ts, `4000000000:${isFarm ? FARM : loginOf(serial % MINERS)}:${worker}:${serial}`);
    if (isFarm) farm.push(ts, `4000000000:${worker}:${serial}`);
  }
  for (const [key, list] of [[KEYS.hashrate, pool] as const, [KEYS.hashrateOf(FARM), farm] as const]) {
    for (let i = 0; i < list.length; i += 20_000) await redis.command(["ZADD", key, ...list.slice(i, i + 20_000)]);
  }
}

async function writeBooks(redis: RedisPort): Promise<void> {
  const hash = `0x${"ab".repeat(32)}`;
  const blocks = (set: "candidates" | "immature" | "matured", from: number, count: number): RedisCommand => [
    ...(["ZADD", KEYS[set]] as const),
    ...Array.from({ length: count }, (_, i) => [
      from + i,
      set === "candidates"
        ? `0x${i}:${hash}:${hash}:${START_S}:3000000000000000:2900000000000000`
        : `0:0:0x${i}:${hash}:${START_S}:3000000000000000:2900000000000000:2560000000000000000`,
    ]).flat(),
  ];
  await redis.pipeline([
    blocks("matured", 1, BLOCKS - 100),
    blocks("immature", BLOCKS - 100, 90),
    blocks("candidates", BLOCKS - 10, 10),
    ["HSET", KEYS.stats, "roundShares", "2900000000000000", "lastBlockFound", START_S],
    ["HSET", KEYS.miner(FARM), "lastShare", START_S],
  ]);
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function timed<T>(work: () => Promise<T> | T): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  const value = await work();
  return { value, ms: performance.now() - start };
}

/** The same sums from every entry of the window, as the reference makes them at each collection. */
async function readAll(redis: RedisPort, nowS: number): Promise<number> {
  const entries = asScored(
    await redis.command(["ZRANGEBYSCORE", KEYS.hashrate, nowS - WINDOW_S, "+inf", "WITHSCORES"]),
  );
  const sums = new Map<string, number>();
  for (const { member, score } of entries) {
    const share = parseShare(member, score);
    if (share) sums.set(share.name, (sums.get(share.name) ?? 0) + share.difficulty);
  }
  return sums.size;
}

async function measure(shares: number): Promise<void> {
  const server = await startRedisServer();
  const redis = await connectRedis(`unix:${server.socketPath}`);
  await writeBooks(redis);
  await writeShares(redis, START_S - WINDOW_S, WINDOW_S, shares);
  const pool = new PoolStats(CONFIG);
  const farm = new AccountStats(CONFIG, FARM);
  const first = new Meter(redis);
  const cold = await timed(() => pool.read(first, START_S * 1000, Number.MAX_SAFE_INTEGER));
  await farm.read(redis, START_S * 1000, Number.MAX_SAFE_INTEGER);
  const readings: { ms: number; commands: number; entries: number }[] = [];
  const accounts: typeof readings = [];
  let snapshot = cold.value;
  for (let step = 1; step <= STEPS; step++) {
    const nowS = START_S + step * STEP_S;
    await writeShares(redis, nowS - STEP_S, STEP_S, Math.round((shares * STEP_S) / WINDOW_S));
    const meter = new Meter(redis);
    const { value, ms } = await timed(() => pool.read(meter, nowS * 1000, 40_000));
    snapshot = value;
    readings.push({ ms, commands: meter.commands, entries: meter.entries });
    const account = new Meter(redis);
    const read = await timed(async () => encodeJson((await farm.read(account, nowS * 1000, 40_000)).account ?? {}));
    accounts.push({ ms: read.ms, commands: account.commands, entries: account.entries });
  }
  const all = await timed(() => readAll(redis, START_S + STEPS * STEP_S));
  report(shares, cold.ms, first, readings, accounts, all.ms);
  for (const route of ROUTES) {
    const encoded = await timed(() => new EncodedRoutes(snapshot, SURROUNDINGS).body(route));
    const cached = new EncodedRoutes(snapshot, SURROUNDINGS);
    cached.body(route);
    const again = await timed(() => cached.body(route));
    const kilobytes = (encoded.value.length / 1000).toFixed(1).padStart(7);
    console.log(
      `  /api/${route.padEnd(9)} encode ${encoded.ms.toFixed(2)} ms, from cache ${again.ms.toFixed(3)} ms,${kilobytes} kB`,
    );
  }
  await redis.close();
  await server.stop();
}

type Reading = { readonly ms: number; readonly commands: number; readonly entries: number };

function report(
  shares: number,
  coldMs: number,
  cold: Meter,
  pool: readonly Reading[],
  account: readonly Reading[],
  allMs: number,
) {
  const line = (name: string, readings: readonly Reading[]) => {
    const most = Math.max(...readings.map(({ commands }) => commands));
    const entries = median(readings.map((reading) => reading.entries));
    const ms = median(readings.map((reading) => reading.ms));
    console.log(
      `  ${name.padEnd(28)} ${ms.toFixed(1).padStart(8)} ms, at most ${most} commands, ${entries} entries read`,
    );
  };
  console.log(`\n${shares} shares kept, ${shares / WINDOW_S} a second, ${MINERS} miners, ${BLOCKS} blocks`);
  console.log(
    `  ${"first reading after a start".padEnd(28)} ${coldMs.toFixed(1).padStart(8)} ms, ${cold.commands} commands, ${cold.entries} entries read`,
  );
  line(`reading, every ${STEP_S} s`, pool);
  line("account of a 100-rig farm", account);
  console.log(
    `  ${"all entries, as the reference".padEnd(28)} ${allMs.toFixed(1).padStart(7)} ms, ${shares} entries read`,
  );
}

for (const shares of [18_000, 180_000, 900_000]) await measure(shares);
