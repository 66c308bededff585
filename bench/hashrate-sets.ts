/**
 * How large the hashrate sets become in a real Redis, a login's own and the one of all logins, with and without old entries summed up, and how
 * long that holds Redis up: `npm run -s bench -- bench/hashrate-sets.ts [--rigs 2000] [--logins 1] [--every 30] [--hours 4] [--only folded]`.
 * Needs redis-server.
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
    rigs: { type: "string", default: "2000" },
    logins: { type: "string", default: "1" },
    only: { type: "string" },
  },
});
const everyS = Number(values.every);
const [RIGS, LOGINS] = [Number(values.rigs), Number(values.logins)];
const loginOf = (rig: number) => `0x${(rig % LOGINS).toString(16).padStart(40, "ab")}`;
const LOGIN = loginOf(0);
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
    ...(folds ? { foldAfterMs: FOLD_AFTER_MS, hashrateWindowMs: 1_800_000 } : {}),
  });
  const steps = (Number(values.hours) * 3_600) / everyS;
  let [most, mostCommon] = [0, 0];
  for (let step = 0; step < steps; step += 1) {
    for (let from = 0; from < RIGS; from += 1_000) {
      nowMs += (everyS * 1_000_000) / RIGS;
      const batch = Array.from({ length: 1_000 }, (_, i) => ({
        login: loginOf(from + i),
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
    // In time for the purge that is due every ten minutes.
    if ((step * everyS) % 600 !== 0) continue;
    const nowS = Math.floor(nowMs / 1000);
    mostCommon = Math.max(
      mostCommon,
      Number(await redis.command(["MEMORY", "USAGE", "eth:hashrate", "SAMPLES", "500"])),
    );
    await redis.command(["ZREMRANGEBYSCORE", "eth:hashrate", "-inf", nowS - 1_800]);
    await redis.command(["ZREMRANGEBYSCORE", `eth:hashrate:${LOGIN}`, "-inf", nowS - WINDOW_MS / 1000]);
    most = Math.max(most, Number(await redis.command(["MEMORY", "USAGE", `eth:hashrate:${LOGIN}`, "SAMPLES", "500"])));
  }
  const entries = Number(await redis.command(["ZCARD", `eth:hashrate:${LOGIN}`]));
  const commonEntries = Number(await redis.command(["ZCARD", "eth:hashrate"]));
  const slow = String(await redis.command(["SLOWLOG", "GET", "1000"]));
  const foldsUs = [...slow.matchAll(/\d+,\d+,(\d+),EVALSHA,[0-9a-f]{40},2,/g)].map((match) => Number(match[1]));
  return {
    entries,
    mostMB: Math.round(most / 1e5) / 10,
    commonEntries,
    mostCommonMB: Math.round(mostCommon / 1e5) / 10,
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
