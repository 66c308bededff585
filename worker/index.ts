/** The whole pool as one script, for `wrangler dev` and the tests inside workerd. `npm run deploy` and `npm start` run it as those of `worker/scripts/`. */
import type { Env } from "../durable-objects/env.ts";
import { poolApp } from "./app.ts";
import { scheduled } from "./cron.ts";
import { pageRoutes } from "./routes/page.ts";
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

const app = poolApp([...pageRoutes, stratumRoutes]);

export default {
  fetch: app.fetch,
  scheduled,
} satisfies ExportedHandler<Env>;
