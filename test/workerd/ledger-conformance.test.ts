import { env } from "cloudflare:workers";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { ledgerConformance } from "../support/ledger-conformance.ts";

ledgerConformance("the embedded ledger in workerd", async () => ({
  redis: embeddedPort(env.EMBEDDED_REDIS.getByName("conformance"), 10_000),
  close: async () => undefined,
}));
