/**
 * How large the hashrate set of a login with 2,000 rigs becomes in a real Redis, with and without its old entries summed up, and how long that
 * holds Redis up: `npm run -s bench -- bench/hashrate-sets.ts [--every 30] [--hours 4] [--only folded]`. Needs redis-server.
 */
import { parseArgs } from "node:util";
import { foldAfterMs } from "../core/ledger/write-path/evidence.ts";
import { createLedgerWriter } from "../core/ledger/write-path/ledger-writer.ts";
import type { RedisPort } from "../core/ledger/contract/redis-port.ts";
import { startRedisServer } from "../devnet/gateway/redis-server.ts";
import { connectRedis } from "../scripts/ledger/node-redis.ts";

const { values } = parseArgs({
  options: {
    every: { type: "string", default: "30" },
    hours: { type: "string", default: "4" },
    only: { type: "string" },
  },
});
const everyS = Number(values.every);
const RIGS = 2_000;
const LOGIN = `0x${"ab".repeat(20)}`;
const WINDOW_MS = 3 * 3_600_000;
const FOLD_AFTER_MS = foldAfterMs({
  api: { hashrateWindowMs: 1_800_000 },
  verifier: { queueTimeoutMs: 30_000 },
  ledger: { timeoutMs: 10_000 },
});

/** Lets the rigs mine for some hours of a clock of their own. */
async function mine(redis: RedisPort, folds: boolean) {
  let nowMs = 1_795_334_400_000;
  const writer = createLedgerWriter({
    redis,
    coin: "eth",
    hashrateExpirationMs: WINDOW_MS,
    nowMs: () => nowMs,
    ...(folds ? { foldAfterMs: FOLD_AFTER_MS } : {}),
  });
  const steps = (Number(values.hours) * 3_600) / everyS;
  let most = 0;
  for (let step = 0; step < steps; step += 1) {
    for (let from = 0; from < RIGS; from += 1_000) {
      nowMs += (everyS * 1_000) / 2;
      const batch = Array.from({ length: 1_000 }, (_, i) => ({
        login: LOGIN,
        worker: `rig-${from + i}`,
        nonce: `0x${(step * RIGS + from + i).toString(16).padStart(16, "0")}`,
        header: `0x${"01".repeat(32)}`,
        mixDigest: `0x${"02".repeat(32)}`,
        height: Math.floor(nowMs / 13_000),
        shareDifficulty: 8_589_934_592n,
        timestampMs: nowMs + i,
      }));
      await writer.recordShares(batch, false);
    }
    if ((step * everyS) % 600 !== 0) continue;
    const nowS = Math.floor(nowMs / 1000);
    await redis.command(["ZREMRANGEBYSCORE", "eth:hashrate", "-inf", nowS - 1_800]);
    await redis.command(["ZREMRANGEBYSCORE", `eth:hashrate:${LOGIN}`, "-inf", nowS - WINDOW_MS / 1000]);
    most = Math.max(most, Number(await redis.command(["MEMORY", "USAGE", `eth:hashrate:${LOGIN}`, "SAMPLES", "500"])));
  }
  const entries = Number(await redis.command(["ZCARD", `eth:hashrate:${LOGIN}`]));
  const common = Number(await redis.command(["MEMORY", "USAGE", "eth:hashrate", "SAMPLES", "500"]));
  const slow = String(await redis.command(["SLOWLOG", "GET", "1000"]));
  const foldsUs = [...slow.matchAll(/\d+,\d+,(\d+),EVALSHA,[0-9a-f]{40},2,/g)].map((match) => Number(match[1]));
  return {
    entries,
    mostMB: Math.round(most / 1e5) / 10,
    commonMB: Math.round(common / 1e5) / 10,
    foldsMs: foldsUs.length === 0 ? null : { slow: foldsUs.length, longest: Math.max(...foldsUs) / 1000 },
  };
}

for (const folds of values.only === "folded" ? [true] : [false, true]) {
  const server = await startRedisServer();
  const redis = await connectRedis(`unix:${server.socketPath}`);
  const beganMs = Date.now();
  const result = await mine(redis, folds);
  process.stdout.write(
    `${JSON.stringify({ everyS, folds, ...result, tookS: Math.round((Date.now() - beganMs) / 1000) })}\n`,
  );
  await redis.close();
  await server.stop();
}
