/** Page, API, cron and the operator's part: what is deployed most often, and holds nobody's connection where zone routes lead miners past it. */
import type { Context, Hono } from "hono";
import type { Env } from "../../durable-objects/env.ts";
import { poolApp } from "../app.ts";
import { scheduled } from "../cron.ts";
import { pageRoutes } from "../routes/page.ts";

export { AccountApi } from "../../durable-objects/account-api.ts";
export { Notifier } from "../../durable-objects/notifier.ts";
export { PoolAdmin } from "../../durable-objects/pool-admin.ts";
export { PoolApi } from "../../durable-objects/pool-api.ts";

function pass({ env, req }: Context<{ Bindings: Env }>): Promise<Response> {
  if (env.SESSIONS === undefined) throw new Error("the binding SESSIONS is missing");
  return env.SESSIONS.fetch(req.raw);
}

/** Without a zone miners come here, and so does a POST to a path that is a little wrong: on they go. */
function toSessions(app: Hono<{ Bindings: Env }>): void {
  for (const path of ["/stratum", "/stratum/*", "/:login{0[xX][^/]*}", "/:login{0[xX][^/]*}/*"]) app.all(path, pass);
  app.post("*", pass);
}

const app = poolApp([...pageRoutes, toSessions]);

export default { fetch: app.fetch, scheduled } satisfies ExportedHandler<Env>;
