import { env } from "cloudflare:workers";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { unlockerSuite } from "../support/payouts/unlocker-suite.ts";

const redis = embeddedPort(env.EMBEDDED_REDIS.getByName("unlocker"), 120_000);

unlockerSuite(
  "the embedded ledger in workerd",
  async () => {
    await redis.command(["FLUSHALL"]);
    return redis;
  },
  5,
);
