import { Hono } from "hono";
import type { Env } from "./env.ts";
import { apiRoutes } from "./routes/api.ts";
import { healthRoutes } from "./routes/health.ts";
import { notifyRoutes } from "./routes/notify.ts";
import { redisRoutes } from "./routes/redis.ts";
import { stratumRoutes } from "./routes/stratum.ts";

export { BlockTemplate } from "../durable-objects/block-template.ts";
export { EmbeddedRedis } from "../durable-objects/embedded-redis.ts";
export { IpGuard } from "../durable-objects/ip-guard.ts";
export { MinerSession } from "../durable-objects/miner-session.ts";
export { ShareVerifier } from "../durable-objects/share-verifier.ts";

const app = new Hono<{ Bindings: Env }>();
for (const routes of [healthRoutes, notifyRoutes, apiRoutes, redisRoutes, stratumRoutes]) routes(app);

export default {
  fetch: app.fetch,
} satisfies ExportedHandler<Env>;
