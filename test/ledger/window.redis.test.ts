import { afterAll, beforeAll } from "vitest";
import { startLocalUpstash } from "../../devnet/gateway/upstash-gateway.ts";
import { startRedisServer, type RedisServer } from "../../devnet/gateway/redis-server.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { connectRedis, type RedisConnection } from "../../scripts/ledger/node-redis.ts";
import { windowSuite } from "../support/payouts/window-suite.ts";

let server: RedisServer;
let redis: RedisConnection;
let upstash: Awaited<ReturnType<typeof startLocalUpstash>>;
beforeAll(async () => {
  server = await startRedisServer();
  redis = await connectRedis(`unix:${server.socketPath}`);
  upstash = await startLocalUpstash();
});
afterAll(async () => {
  await redis.close();
  await server.stop();
  await upstash.close();
});

windowSuite("a real Redis", async () => {
  await redis.command(["FLUSHALL"]);
  return redis;
});

windowSuite(
  "a real Redis behind the REST gateway",
  async () => {
    const { url, token } = upstash.gateway;
    const port = upstashPort({ url, token, timeoutMs: 60_000 });
    await port.command(["FLUSHALL"]);
    return port;
  },
  5,
);
