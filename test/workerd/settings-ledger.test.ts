import { env } from "cloudflare:workers";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { settingsSuite } from "../support/settings-suite.ts";

const redis = embeddedPort(env.EMBEDDED_REDIS.getByName("settings"), 120_000);

settingsSuite("the embedded ledger in workerd", async () => {
  await redis.command(["FLUSHALL"]);
  return redis;
});
