import { beforeAll } from "vitest";
import type { TransactionPort } from "../../core/ledger/contract/redis-port.ts";
import { startRedisServer } from "../../devnet/gateway/redis-server.ts";
import { connectRedis, type RedisConnection } from "../../scripts/ledger/node-redis.ts";

/** One redis-server for all tests of the file that calls this. @returns its port, for use in tests and hooks; nothing empties it between them */
export function useRedisServer(): TransactionPort {
  let redis: RedisConnection;
  beforeAll(async () => {
    const server = await startRedisServer();
    redis = await connectRedis(`unix:${server.socketPath}`);
    return async () => {
      await redis.close();
      await server.stop();
    };
  });
  return {
    command: (command) => redis.command(command),
    pipeline: (commands) => redis.pipeline(commands),
    transaction: (commands) => redis.transaction(commands),
  };
}
