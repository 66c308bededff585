import { env } from "cloudflare:workers";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { paymentsSuite } from "../support/payouts/payments-suite.ts";

const redis = embeddedPort(env.EMBEDDED_REDIS.getByName("payments"), 120_000);

paymentsSuite("the embedded ledger in workerd", async () => {
  await redis.command(["FLUSHALL"]);
  return redis;
});
