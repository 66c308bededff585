import { env } from "cloudflare:workers";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { execConformance } from "../support/exec-conformance.ts";
import { ledgerConformance } from "../support/ledger-conformance.ts";

for (const conformance of [ledgerConformance, execConformance])
  conformance("the embedded ledger in workerd", async () => ({
    redis: embeddedPort(env.EMBEDDED_REDIS.getByName("conformance"), 120_000),
    close: async () => undefined,
  }));
