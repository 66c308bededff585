/** What miners are connected to, and the work they get. */
import type { Env } from "../../durable-objects/env.ts";
import { poolApp } from "../app.ts";
import { stratumRoutes } from "../routes/stratum.ts";

export { BlockTemplate } from "../../durable-objects/block-template.ts";
export { ExtranonceAllocator } from "../../durable-objects/extranonce-allocator.ts";
export { IpGuard } from "../../durable-objects/ip-guard.ts";
export { MinerSession } from "../../durable-objects/miner-session.ts";

const app = poolApp([stratumRoutes]);

export default { fetch: app.fetch } satisfies ExportedHandler<Env>;
