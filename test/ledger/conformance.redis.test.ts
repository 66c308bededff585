import { startRedisServer } from "../../devnet/gateway/redis-server.ts";
import { startLocalUpstash } from "../../devnet/gateway/upstash-gateway.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { connectRedis } from "../../scripts/ledger/node-redis.ts";
import { execConformance } from "../support/exec-conformance.ts";
import { ledgerConformance } from "../support/ledger-conformance.ts";

for (const conformance of [ledgerConformance, execConformance])
  conformance("a real Redis", async () => {
    const server = await startRedisServer();
    const redis = await connectRedis(`unix:${server.socketPath}`);
    return {
      redis,
      async close() {
        await redis.close();
        await server.stop();
      },
    };
  });

for (const conformance of [ledgerConformance, execConformance])
  conformance("a real Redis behind the REST gateway, through @upstash/redis", async () => {
    const upstash = await startLocalUpstash();
    const { url, token } = upstash.gateway;
    return { redis: upstashPort({ url, token, timeoutMs: 10_000 }), close: () => upstash.close() };
  });
