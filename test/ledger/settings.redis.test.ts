import { afterAll, beforeAll } from "vitest";
import { startRedisServer, type RedisServer } from "../../devnet/gateway/redis-server.ts";
import { connectRedis, type RedisConnection } from "../../scripts/ledger/node-redis.ts";
import { settingsSuite } from "../support/settings-suite.ts";

let server: RedisServer;
let redis: RedisConnection;
beforeAll(async () => {
  server = await startRedisServer();
  redis = await connectRedis(`unix:${server.socketPath}`);
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

settingsSuite("a real Redis", async () => {
  await redis.command(["FLUSHALL"]);
  return redis;
});
