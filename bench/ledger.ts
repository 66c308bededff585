/**
 * `npm run -s bench -- bench/ledger.ts`: shares a second and billed commands a share, for batches of K shares from L logins, on the embedded ledger
 * (node:sqlite in memory; rows written are what a Durable Object would bill) and on a real redis-server, beside the reference's commands.
 */
import { cpus } from "node:os";
import { EmbeddedEngine } from "../core/ledger/engine/engine.ts";
import { answerRest } from "../core/ledger/engine/rest.ts";
import type { ShareRecord } from "../core/ledger/contract/records.ts";
import { startRedisServer } from "../devnet/gateway/redis-server.ts";
import { embeddedPort } from "../durable-objects/platform/ledger-ports.ts";
import { connectRedis } from "../scripts/ledger/node-redis.ts";
import { nodeSql } from "../scripts/ledger/node-sql.ts";
import { countedCommands, referenceSink, scriptSink, type ShareSink } from "./ledger/ledgers.ts";

const SHAPES = [
  { k: 1, l: 1, batches: 2000 },
  { k: 100, l: 20, batches: 100 },
  { k: 1000, l: 1000, batches: 10 },
];
const ROUNDS = 5;

let serial = 0;
function share(login: number): ShareRecord {
  serial += 1;
  return {
    login: `0x${login.toString(16).padStart(40, "0")}`,
    worker: "rig-1",
    nonce: `0x${serial.toString(16).padStart(16, "0")}`,
    header: `0x${"01".repeat(32)}`,
    mixDigest: `0x${"02".repeat(32)}`,
    height: 20_000_000,
    shareDifficulty: 4_000_000_000n,
    timestampMs: Date.now() + serial,
  };
}

interface Measured {
  readonly sharesPerSecond: number;
  /** Billed per share: commands on a Redis, rows on SQLite. */
  readonly billed: number;
}

/** The median of several rounds after one to warm up: the machine is not ours alone. */
async function measure(
  sink: ShareSink,
  shape: (typeof SHAPES)[number],
  count: () => Promise<number>,
  clear: () => Promise<void>,
): Promise<Measured> {
  const speeds: number[] = [];
  let billed = 0;
  const batch = () => Array.from({ length: shape.k }, (_, i) => share(i % shape.l));
  await clear();
  await sink.write(batch());
  for (let round = 0; round <= ROUNDS; round++) {
    const batches = Array.from({ length: shape.batches }, batch);
    const before = await count();
    const started = performance.now();
    for (const shares of batches) await sink.write(shares);
    const seconds = (performance.now() - started) / 1000;
    billed = ((await count()) - before) / (shape.k * shape.batches);
    if (round > 0) speeds.push((shape.k * shape.batches) / seconds);
  }
  return { sharesPerSecond: speeds.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0, billed };
}

const server = await startRedisServer();
const redis = await connectRedis(`unix:${server.socketPath}`);
const storage = nodeSql();
// There is no further index, so the rows that SQLite changed are the rows that are billed.
const rows = () => Number(storage.exec("SELECT total_changes() AS n")[0]?.["n"] ?? 0);
const engine = new EmbeddedEngine({ sql: storage, nowMs: () => Date.now() });
const embedded = embeddedPort({ rest: async (path, body) => answerRest(engine, path, body, false) }, 60_000);

try {
  const [cpu] = cpus();
  console.log(
    `${cpu?.model.trim()} x ${cpus().length}, Node ${process.version}, ${String(await redis.command(["INFO", "server"])).match(/redis_version:(\S+)/)?.[1]} redis-server on a Unix socket`,
  );
  console.log(
    "median of five rounds; billed: commands a share on Redis (Upstash's prices), rows written a share on SQLite (Durable Objects')\n",
  );
  console.log(
    ["K / L", "ledger", "shares/s", "billed/share"].map((text, i) => text.padEnd([12, 44, 12, 0][i] ?? 0)).join(""),
  );
  for (const shape of SHAPES) {
    const onRedis = () => countedCommands(redis);
    const flush = async () => void (await redis.command(["FLUSHALL"]));
    const onRows = async () => rows();
    const flushEmbedded = async () => void (await embedded.command(["FLUSHALL"]));
    const measured: [string, Measured][] = [
      [
        "reference's commands, pipelined, redis-server",
        await measure(referenceSink("reference", redis), shape, onRedis, flush),
      ],
      ["record-shares, redis-server", await measure(scriptSink("script", redis), shape, onRedis, flush)],
      ["record-shares, embedded ledger", await measure(scriptSink("twin", embedded), shape, onRows, flushEmbedded)],
    ];
    for (const [name, { sharesPerSecond, billed }] of measured)
      console.log(
        `${`${shape.k} / ${shape.l}`.padEnd(12)}${name.padEnd(46)}${Math.round(sharesPerSecond).toString().padStart(8)}  ${billed.toFixed(2).padStart(12)}`,
      );
  }
} finally {
  await redis.close();
  await server.stop();
  storage.close();
}
