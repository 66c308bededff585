import { AccountStats } from "../../core/api/account-stats.ts";
import { UNKNOWN_NETWORK } from "../../core/api/network.ts";
import { encodeJson } from "../../core/api/json.ts";
import { EncodedRoutes } from "../../core/api/pool-routes.ts";
import { PoolStats } from "../../core/api/pool-stats.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { A, API_CONFIG, FIXED_LEDGER, NOW_MS, POOL_CHARTS } from "./api-ledger.ts";

/** Every route's JSON text from the fixed ledger, read through a port that holds nothing else. */
export async function answersFrom(redis: RedisPort): Promise<Record<string, string>> {
  for (const reply of await redis.pipeline(FIXED_LEDGER)) if (reply instanceof Error) throw reply;
  const pool = await new PoolStats(API_CONFIG).read(redis, NOW_MS, 100_000);
  const { account } = await new AccountStats(API_CONFIG, A).read(redis, NOW_MS, 100_000);
  const routes = new EncodedRoutes(pool, { network: UNKNOWN_NETWORK, poolCharts: POOL_CHARTS });
  return {
    stats: routes.body("stats"),
    miners: routes.body("miners"),
    blocks: routes.body("blocks"),
    payments: routes.body("payments"),
    account: encodeJson(account ?? {}),
  };
}
