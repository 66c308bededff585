import { DumpError } from "../../core/ledger/books/dump.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { connectRedis } from "./node-redis.ts";

/** A ledger that a command works on. */
export interface OpenLedger {
  readonly redis: RedisPort;
  close(): Promise<void>;
}

/** @param where as the help of `npm run ledger` says @throws DumpError in words for the operator */
export async function openLedger(where: string): Promise<OpenLedger> {
  if (/^(rediss?:\/\/|unix:)/.test(where)) {
    const redis = await connectRedis(where);
    return { redis, close: () => redis.close() };
  }
  if (!/^https?:\/\//.test(where)) throw new DumpError(`"${where}" is no ledger; see --help`);
  const token = process.env["LEDGER_TOKEN"];
  if (!token) throw new DumpError("the environment variable LEDGER_TOKEN with the ledger's token is missing");
  return {
    redis: upstashPort({ url: where.replace(/\/$/, ""), token, timeoutMs: 60_000 }),
    close: async () => undefined,
  };
}
