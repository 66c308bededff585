import type { Context, Hono } from "hono";
import * as v from "valibot";
import { writtenDown } from "../../core/admin/audit-log.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { verifierShard } from "../../durable-objects/platform/peers.ts";
import { bearerToken, sameSecret } from "../../durable-objects/platform/same-secret.ts";
import type { Env } from "../../durable-objects/env.ts";
import { readText } from "../read-text.ts";
import { answer, note as noteSchema } from "./admin-command.ts";
import { notificationRoutes } from "./notifications.ts";
import { operationRoutes } from "./operations.ts";
import { payoutRoutes } from "./payouts.ts";
import { recoveryRoutes } from "./recovery.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";

type AdminContext = Context<{ Bindings: Env }>;

const MAX_BODY_BYTES = 64 * 1024;

const settlement = v.strictObject({
  action: v.picklist(["credit", "drop"]),
  /** `<shard>:<id>`, as they are listed. */
  ids: v.pipe(v.array(v.pipe(v.string(), v.regex(/^\d{1,3}:\d{1,15}$/))), v.minLength(1), v.maxLength(1_000)),
  note: noteSchema,
});

/**
 * What only the operator may do, under `/admin`, with the secret ADMIN_TOKEN as bearer token; 404 without that secret.
 * `GET /admin/unresolved` lists what waits for a decision, and the log of decisions; `POST /admin/unresolved` settles it;
 * `POST /admin/reconcile` sends to the ledger again what it acknowledged in the last minute.
 */
export function adminRoutes(app: Hono<{ Bindings: Env }>): void {
  app.use("/admin/*", async (context, next) => {
    const { token } = loadConfig(context.env).admin;
    if (token === null) return context.notFound();
    if (await sameSecret(bearerToken(context.req.raw.headers), token)) return next();
    return answer({ error: "a bearer token is needed" }, 401, { "WWW-Authenticate": "Bearer" });
  });
  operationRoutes(app);
  payoutRoutes(app);
  notificationRoutes(app);
  recoveryRoutes(app);
  app.get("/admin/unresolved", async ({ env }) => {
    const shards = await everyShard(env);
    const views = await Promise.all(
      shards.map(async (shard) => {
        const { unresolved, unresolvedCount, settled } = await verifierShard(env, shard).unresolved();
        return { shard, unresolved, unresolvedCount, settled };
      }),
    );
    return answer({ shards: views });
  });
  app.post("/admin/unresolved", async (context) => await settle(context));
  app.post("/admin/reconcile", async ({ env }) => {
    const shards = await everyShard(env);
    const reconcile = async (): Promise<number> => {
      const records = await Promise.all(shards.map(async (shard) => await verifierShard(env, shard).reconcile()));
      return records.reduce((sum, count) => sum + count, 0);
    };
    const log = atHome(env, env.POOL_ADMIN, "main");
    return answer({
      records: await writtenDown(log, "reconcile", { shards }, reconcile, (count) => `${count} records sent again`),
    });
  });
}

async function settle({ env, req }: AdminContext): Promise<Response> {
  const body = await readText(req.raw, MAX_BODY_BYTES);
  if (body === null) return answer({ error: `at most ${MAX_BODY_BYTES} bytes` }, 413);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), settlement), body);
  if (!parsed.success) {
    const [{ message }] = parsed.issues;
    return answer({ error: `wanted { action: "credit" | "drop", ids: ["<shard>:<id>", …], note }: ${message}` }, 400);
  }
  const { action, ids, note } = parsed.output;
  const known = new Set(await everyShard(env));
  const work = async (): Promise<Set<string>> => {
    const byShard = Map.groupBy(ids, (id) => Number(id.split(":")[0]));
    const settled = await Promise.all(
      [...byShard].map(async ([shard, list]) => {
        if (!known.has(shard)) return [];
        const numbers = list.map((id) => Number(id.split(":")[1]));
        const done = await verifierShard(env, shard).settle(numbers, action, note);
        return done.map((id) => `${shard}:${id}`);
      }),
    );
    return new Set(settled.flat());
  };
  const log = atHome(env, env.POOL_ADMIN, "main");
  const done = await writtenDown(
    log,
    "unresolved",
    { action, ids, note },
    work,
    ({ size }) => `${size} of ${ids.length}`,
  );
  return answer({ settled: [...done], notSettled: ids.filter((id) => !done.has(id)) });
}

/** Numbers of all shards, of those that are no longer configured as well. */
async function everyShard(env: Env): Promise<number[]> {
  const configured = Array.from({ length: loadConfig(env).verifier.shards }, (_, shard) => shard);
  return [...configured, ...(await atHome(env, env.POOL_API, "main").formerShards())];
}
