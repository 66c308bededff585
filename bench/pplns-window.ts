/**
 * How much of its time a block under pplns takes a real Redis, by the number of shares in its window; the log is twice as long:
 * `npm run -s bench -- bench/pplns-window.ts [--logins 5000] [--shares 400000,1300000]`. Needs redis-server.
 */
import { parseArgs } from "node:util";
import { createLedgerWriter } from "../core/ledger/write-path/ledger-writer.ts";
import { startRedisServer } from "../devnet/gateway/redis-server.ts";
import { connectRedis } from "../scripts/ledger/node-redis.ts";

const { values } = parseArgs({
  options: { logins: { type: "string", default: "5000" }, shares: { type: "string", default: "400000,1300000" } },
});
const DIFFICULTY = 8_589_934_592n;
const AT_ONCE = 5_000;
const NOW_MS = 1_795_334_400_000;
const loginOf = (index: number): string => `0x${(index % Number(values.logins)).toString(16).padStart(40, "ab")}`;

for (const shares of values.shares.split(",").map(Number)) {
  const server = await startRedisServer();
  const redis = await connectRedis(`unix:${server.socketPath}`);
  for (let from = 0; from < 2 * shares; from += AT_ONCE) {
    const elements = Array.from({ length: AT_ONCE }, (_, i) => `${loginOf(7 * (from + i))}:${DIFFICULTY}`);
    await redis.command(["RPUSH", "eth:shares:window", ...elements]);
  }
  const writer = createLedgerWriter({
    redis,
    coin: "eth",
    hashrateExpirationMs: 10_800_000,
    nowMs: () => NOW_MS,
    window: () => BigInt(shares) * DIFFICULTY,
  });
  const cpuMs = async (): Promise<number> => {
    const info = String(await redis.command(["INFO", "cpu"]));
    const seconds = [...info.matchAll(/used_cpu_(?:user|sys)_main_thread:([\d.]+)/g)].map((match) => Number(match[1]));
    return seconds.reduce((sum, part) => sum + part, 0) * 1_000;
  };
  const took: number[] = [];
  for (let height = 1; height <= 3; height += 1) {
    const before = await cpuMs();
    await writer.recordBlock(
      {
        login: loginOf(1),
        worker: "rig",
        nonce: `0x${height.toString(16).padStart(16, "0")}`,
        header: `0x${height.toString(16).padStart(64, "0")}`,
        mixDigest: `0x${"02".repeat(32)}`,
        height: 100 * height,
        shareDifficulty: DIFFICULTY,
        networkDifficulty: 10n ** 15n,
        timestampMs: NOW_MS + height,
      },
      false,
    );
    took.push(Math.round((await cpuMs()) - before));
  }
  process.stdout.write(`${JSON.stringify({ shares, blocksCpuMs: took })}\n`);
  await redis.close();
  await server.stop();
}
