import { Hono } from "hono";
import { ConfigError } from "../core/config-problem.ts";
import { loadConfig } from "../durable-objects/platform/config.ts";
import { scheduled } from "./cron.ts";
import { answerNobody } from "./getwork.ts";
import type { Env } from "../durable-objects/env.ts";
import { adminRoutes } from "./routes/admin.ts";
import { apiRoutes } from "./routes/api.ts";
import { healthRoutes } from "./routes/health.ts";
import { notifyRoutes } from "./routes/notify.ts";
import { redisRoutes } from "./routes/redis.ts";
import { settingsRoutes } from "./routes/settings.ts";
import { stratumRoutes } from "./routes/stratum.ts";

export { AccountApi } from "../durable-objects/account-api.ts";
export { BlockTemplate } from "../durable-objects/block-template.ts";
export { EmbeddedRedis } from "../durable-objects/embedded-redis.ts";
export { ExtranonceAllocator } from "../durable-objects/extranonce-allocator.ts";
export { IpGuard } from "../durable-objects/ip-guard.ts";
export { MinerSession } from "../durable-objects/miner-session.ts";
export { Notifier } from "../durable-objects/notifier.ts";
export { Payer } from "../durable-objects/payer.ts";
export { PoolAdmin } from "../durable-objects/pool-admin.ts";
export { PoolApi } from "../durable-objects/pool-api.ts";
export { ShareVerifier } from "../durable-objects/share-verifier.ts";
export { Unlocker } from "../durable-objects/unlocker.ts";

const app = new Hono<{ Bindings: Env }>();

/** Longer ones are no request of a miner. */
const LONGEST_REQUEST_BYTES = 4_096;

// The page's address comes here first because miners post to it as well; the page is the assets', as every other file is.
app.on(["GET", "HEAD"], "/", (context) => context.env.ASSETS.fetch(context.req.raw));

// A pool that is configured wrongly serves nothing but the explanation: half-working, it would cost miners' shares.
app.use(async (context, next) => {
  try {
    loadConfig(context.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (context.req.path === "/health") return context.text(`${error.message}\n`, 500);
    // A miner takes any status but 200 as a reason to connect again at once, and this one as a reason to wait.
    const toMiner =
      context.req.method === "POST" ? await answerNobody(context.req.raw, LONGEST_REQUEST_BYTES, "notReady") : null;
    return toMiner ?? context.text("the pool is not configured; see /health\n", 503);
  }
  return next();
});
for (const routes of [healthRoutes, adminRoutes, notifyRoutes, settingsRoutes, apiRoutes, redisRoutes, stratumRoutes])
  routes(app);

export default {
  fetch: app.fetch,
  scheduled,
} satisfies ExportedHandler<Env>;
