import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedisServer } from "../../devnet/gateway/redis-server.ts";
import { startLocalUpstash } from "../../devnet/gateway/upstash-gateway.ts";
import { startGateway } from "../../gateway/gateway.ts";
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
    return { redis: upstashPort({ url, token, timeoutMs: 120_000 }), close: () => upstash.close() };
  });

for (const conformance of [ledgerConformance, execConformance])
  conformance("a real Redis that keeps what it acknowledges, behind the gateway of ops/compose", async () => {
    const folder = await mkdtemp(join(tmpdir(), "edgepool-gateway-"));
    const server = await startRedisServer(folder);
    const [token, host] = ["a-token-of-this-test-only", "127.0.0.1"];
    const gateway = await startGateway({ redis: server, token, readToken: null, host, port: 0, tls: null });
    const direct = await connectRedis(`unix:${server.socketPath}`);
    const books = upstashPort({ url: gateway.url, token, timeoutMs: 120_000 });
    return {
      // The gateway empties the books for nobody, and each test begins with empty ones.
      redis: { ...books, command: (words) => (words[0] === "FLUSHALL" ? direct : books).command(words) },
      async close() {
        await direct.close();
        await gateway.close();
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  });
