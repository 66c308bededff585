import type { Context, Hono } from "hono";
import * as v from "valibot";
import type { AdminCommand } from "../../core/admin/pool-admin.ts";
import { ledgerKeys } from "../../core/ledger/contract/keys.ts";
import { parseClient } from "../../core/policy/client.ts";
import { parseLogin } from "../../core/policy/login.ts";
import { parseDurationMs } from "../../core/units.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import type { Env } from "../../durable-objects/env.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";
import { answer, login as loginSchema, note, readCommand } from "./admin-command.ts";

type OperationsContext = Context<{ Bindings: Env }>;

const LONGEST_BAN_MS = 366 * 24 * 3_600_000;

const ADDRESS = "an address, such as 192.0.2.7 or 2001:db8::7; of nets only an IPv6 /64 is one client";
const client = v.pipe(
  v.string(),
  v.transform((text) => parseClient(text) ?? ""),
  v.minLength(1, ADDRESS),
);
/** As it was written: what was put there by hand must be possible to take away. */
const listed = v.pipe(v.string(), v.regex(/^[\w.:#/-]{1,128}$/, ADDRESS));
const isSomebody = (who: string): boolean => parseLogin(who) !== null || parseClient(who) !== null;
const login = v.optional(v.nullable(loginSchema), null);
const DURATION = "a duration of at most a year, such as 30m or 12h";
const forMs = v.pipe(
  v.string(),
  v.transform((text) => parseDurationMs(text) ?? 0),
  v.minValue(1, DURATION),
  v.maxValue(LONGEST_BAN_MS, DURATION),
);
const ban = v.strictObject({ client, login, for: forMs, note });

const commands = {
  bans: v.variant("action", [
    v.pipe(
      v.strictObject({ action: v.literal("add"), ...ban.entries }),
      v.transform((add): AdminCommand => ({
        kind: "ban",
        client: add.client,
        login: add.login,
        forMs: add.for,
        note: add.note,
      })),
    ),
    v.pipe(
      v.strictObject({ action: v.literal("lift"), client, login, note }),
      v.transform((lift): AdminCommand => ({
        kind: "lift",
        client: lift.client,
        login: lift.login,
        note: lift.note,
      })),
    ),
  ]),
  lists: v.pipe(
    v.strictObject({
      list: v.picklist(["blacklist", "whitelist"]),
      action: v.picklist(["add", "remove"]),
      who: listed,
      note,
    }),
    v.check(({ action, who }) => action === "remove" || isSomebody(who), `who: a login, or ${ADDRESS}`),
    v.transform((command): AdminCommand => ({ kind: "list", ...command })),
  ),
  pause: v.pipe(
    v.strictObject({ paused: v.boolean(), login, note }),
    v.transform((command): AdminCommand => ({ kind: "pause", ...command })),
  ),
} as const;

const admin = (env: Env) => atHome(env, env.POOL_ADMIN, "main");

/**
 * What `npm run admin` asks, under `/admin` behind its token (`worker/routes/admin.ts`): GET tells, POST changes and is written down.
 * `bans`, `lists`, `pause`, `state`, `audit?before=<id>`.
 */
export function operationRoutes(app: Hono<{ Bindings: Env }>): void {
  app.get("/admin/bans", async ({ env }) => answer({ bans: await admin(env).bans() }));
  app.get("/admin/lists", async ({ env }) => {
    const config = loadConfig(env);
    const keys = ledgerKeys(config.coin);
    const redis = ledgerClient(env, config);
    const asked = [keys.blacklist, keys.whitelist].map(async (key) => await redis.command(["SMEMBERS", key]));
    const lists = await Promise.all(asked).catch(() => null);
    if (lists === null) return answer({ ok: false, message: "the ledger does not answer" }, 503);
    const [blacklist, whitelist] = lists;
    return answer({ blacklist, whitelist });
  });
  app.get("/admin/pause", async ({ env }) => answer(await admin(env).pauseState()));
  app.get("/admin/state", async ({ env }) => {
    const [health, pause, bans, leases] = await Promise.all([
      atHome(env, env.POOL_API, "main").health(),
      admin(env).pauseState(),
      admin(env).bans(),
      atHome(env, env.EXTRANONCE_ALLOCATOR, "main").count(),
    ]);
    return answer({ health, pause, bans: bans.length, leases });
  });
  app.get("/admin/audit", async ({ env, req }) => {
    const before = Number(req.query("before") ?? Number.NaN);
    return answer({ entries: await admin(env).audit(Number.isSafeInteger(before) ? before : null) });
  });
  for (const [name, schema] of Object.entries(commands)) {
    app.post(`/admin/${name}`, async (context) => await change(context, schema));
  }
}

async function change({ env, req }: OperationsContext, schema: v.GenericSchema<unknown, AdminCommand>) {
  const command = await readCommand(req.raw, schema);
  if (command instanceof Response) return command;
  const outcome = await admin(env).run(command);
  return answer(outcome, outcome.ok ? 200 : 409);
}
