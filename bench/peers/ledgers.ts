import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startRedisServer } from "../../devnet/gateway/redis-server.ts";
import { connectRedis } from "../../gateway/redis-connection.ts";
import { processUsage } from "../pool/process-usage.ts";

export const LEDGERS = ["redis", "embedded"] as const;
export type LedgerName = (typeof LEDGERS)[number];

const ROOT = join(import.meta.dirname, "..", "..");
const TOKEN = "bench-ledger-token-0123456789";

/** What keeps the books of a pool that is measured. */
export interface BenchLedger {
  readonly secrets: Readonly<Record<string, string>>;
  /** Its REST address, given the pool's. */
  url(poolUrl: string): string;
  readonly token: string;
  /** CPU time of the processes beside workerd until now, s. */
  cpuSeconds(): Promise<{ readonly gateway: number; readonly redis: number }>;
  /** Commands that Redis has carried out until now, those inside scripts too; null where there is no Redis. */
  commands(): Promise<number | null>;
  close(): Promise<void>;
}

/** A redis-server behind the pool's own gateway, or the pool's embedded ledger. @param directory for what Redis keeps */
export async function startLedger(name: LedgerName, directory: string): Promise<BenchLedger> {
  return name === "redis" ? await redisLedger(directory) : embeddedLedger();
}

function embeddedLedger(): BenchLedger {
  return {
    secrets: { REDIS_TOKEN: TOKEN },
    url: (poolUrl) => `${poolUrl}/redis`,
    token: TOKEN,
    cpuSeconds: async () => ({ gateway: 0, redis: 0 }),
    commands: async () => null,
    close: async () => undefined,
  };
}

async function redisLedger(directory: string): Promise<BenchLedger> {
  await mkdir(directory, { recursive: true });
  const redis = await startRedisServer(directory);
  const gateway = spawn(process.execPath, ["gateway/cli.ts", "--redis", `unix:${redis.socketPath}`, "--port", "0"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, GATEWAY_TOKEN: TOKEN },
  });
  const end = (): void => void gateway.kill("SIGKILL");
  process.once("exit", end);
  const [line] = await once(createInterface({ input: gateway.stdout }), "line");
  const asked = await connectRedis({ socketPath: redis.socketPath });
  const gatewayUrl = String(line);
  return {
    secrets: { UPSTASH_REDIS_REST_URL: gatewayUrl, UPSTASH_REDIS_REST_TOKEN: TOKEN },
    url: () => gatewayUrl,
    token: TOKEN,
    cpuSeconds: async () => ({
      gateway: (await processUsage(gateway.pid ?? -1)).cpuSeconds,
      redis: (await processUsage(redis.pid)).cpuSeconds,
    }),
    commands: async () => {
      const [reply = null] = await asked.pipeline([["INFO", "commandstats"]]);
      const text = Buffer.isBuffer(reply) ? reply.toString() : "";
      return [...text.matchAll(/^cmdstat_(?!info)[^:]+:calls=(\d+)/gm)].reduce(
        (sum, [, calls]) => sum + Number(calls),
        0,
      );
    },
    close: async () => {
      asked.close();
      end();
      process.off("exit", end);
      await redis.stop();
    },
  };
}
