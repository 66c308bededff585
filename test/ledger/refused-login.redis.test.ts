import { startLocalUpstash } from "../../devnet/gateway/upstash-gateway.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { refusedLoginSuite } from "../support/refused-login-suite.ts";

refusedLoginSuite("a real Redis behind the REST gateway", async () => {
  const upstash = await startLocalUpstash();
  const { url, token } = upstash.gateway;
  return { redis: upstashPort({ url, token, timeoutMs: 120_000 }), close: () => upstash.close() };
});
