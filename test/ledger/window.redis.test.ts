import { afterAll, beforeAll } from "vitest";
import { startLocalUpstash } from "../../devnet/gateway/upstash-gateway.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { windowSuite } from "../support/payouts/window-suite.ts";
import { useRedisServer } from "../support/redis-server.ts";

const redis = useRedisServer();
let upstash: Awaited<ReturnType<typeof startLocalUpstash>>;
beforeAll(async () => (upstash = await startLocalUpstash()));
afterAll(() => upstash.close());

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
