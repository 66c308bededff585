import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import type { PoolConfig } from "../../core/pool-config.ts";
import type { Env } from "../env.ts";
import { placed } from "./at-home.ts";
import { embeddedPort, upstashPort } from "./ledger-ports.ts";

/** The books: Upstash where its credentials are configured, else the embedded ledger. Nothing above knows which. */
export function ledgerClient(env: Pick<Env, "EMBEDDED_REDIS">, config: Pick<PoolConfig, "ledger" | "home">): RedisPort {
  const { upstash, timeoutMs } = config.ledger;
  if (upstash) return upstashPort({ ...upstash, timeoutMs });
  return embeddedPort(placed(config, env.EMBEDDED_REDIS, "main"), timeoutMs);
}
