/**
 * `npm run -s bench -- bench/ledger.ts`: shares a second and billed commands a share, for batches of K shares from L logins, on the embedded ledger
 * (node:sqlite in memory; rows written are what a Durable Object would bill) and on a real redis-server, beside the reference's commands; and
 * what a share costs the embedded ledger in workerd. `--workerd`: only that.
 */
import { cpus } from "node:os";
import { EmbeddedEngine } from "../core/ledger/engine/engine.ts";
import { answerRest } from "../core/ledger/engine/rest.ts";
import { startRedisServer } from "../devnet/gateway/redis-server.ts";
import { embeddedPort } from "../durable-objects/platform/ledger-ports.ts";
import { connectRedis } from "../scripts/ledger/node-redis.ts";
import { nodeSql } from "../scripts/ledger/node-sql.ts";
import { costsInWorkerd } from "./ledger/in-workerd.ts";
import { countedCommands, referenceSink, scriptSink, type ShareSink } from "./ledger/ledgers.ts";
import { ShareMaker } from "./ledger/share-maker.ts";

const SHAPES = [
  { k: 1, l: 1, batches: 2000 },
  { k: 100, l: 20, batches: 100 },
  { k: 1000, l: 1000, batches: 10 },
];
const ROUNDS = 5;
/** As batches are when a pool has so many shares a second: from one by one to 1,000 a second, and beyond. */
const IN_WORKERD = [1, 4, 15, 100].map((shares) => ({ shares, logins: 32 }));

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
  const maker = new ShareMaker();
  const batch = () => Array.from({ length: shape.k }, (_, i) => maker.share(i % shape.l));
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

/** Prints what Node sees of all ledgers. */
async function compareLedgers(): Promise<void> {
  const server = await startRedisServer();
  const redis = await connectRedis(`unix:${server.socketPath}`);
  const storage = nodeSql();
  // There is no further index, so the rows that SQLite changed are the rows that are billed.
  const rows = () => Number(storage.exec("SELECT total_changes() AS n")[0]?.["n"] ?? 0);
  const engine = new EmbeddedEngine({ sql: storage, nowMs: () => Date.now() });
  const embedded = embeddedPort({ rest: async (path, body) => answerRest(engine, path, body, false) }, 60_000);

  try {
    console.log(
      `${String(await redis.command(["INFO", "server"])).match(/redis_version:(\S+)/)?.[1]} redis-server on a Unix socket and node:sqlite in memory;`,
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
}

/** Prints what workerd takes for the embedded one. */
async function printWorkerd(): Promise<void> {
  console.log("embedded ledger in workerd, 32 logins; of a share, the median of five rounds\n");
  console.log("shares a batch   CPU, µs   statements   rows read   rows written");
  const costs = await costsInWorkerd(IN_WORKERD);
  for (const [at, { cpuUs, statements, rowsRead, rowsWritten }] of costs.entries())
    console.log(
      `${IN_WORKERD[at]?.shares}`.padStart(14) +
        cpuUs.toFixed(0).padStart(10) +
        statements.toFixed(2).padStart(13) +
        rowsRead.toFixed(2).padStart(12) +
        rowsWritten.toFixed(2).padStart(15),
    );
}

console.log(`${cpus()[0]?.model.trim()} x ${cpus().length}, Node ${process.version}`);
if (!process.argv.includes("--workerd")) await compareLedgers();
await printWorkerd();
