import type { Context, Hono } from "hono";
import * as v from "valibot";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import type { Env } from "../../durable-objects/env.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";
import type { RecoveryPoint } from "../../durable-objects/rpc.ts";
import { answer, note, readCommand } from "./admin-command.ts";

const DAY_MS = 86_400_000;
/** For how long Cloudflare keeps what an object's storage was. */
const KEPT_MS = 30 * DAY_MS;

const at = v.pipe(
  v.string(),
  v.isoTimestamp("a time such as 2026-11-27T01:30:00Z"),
  v.transform((text) => Date.parse(text)),
  v.check((ms) => ms < Date.now() && ms > Date.now() - KEPT_MS, "a time of the last 30 days"),
);
const bookmark = v.pipe(v.string(), v.regex(/^[0-9a-f-]{8,128}$/i, "a bookmark, as a recovery before has named it"));
const recovery = v.union(
  [v.strictObject({ at, note }), v.strictObject({ bookmark, note })],
  "wanted { at, note } with a time of the last 30 days such as 2026-11-27T01:30:00Z, or { bookmark, note }",
);

/** `POST /admin/recover`: the embedded ledger of a paused pool goes back to what it was at a moment of the last 30 days. */
export function recoveryRoutes(app: Hono<{ Bindings: Env }>): void {
  app.post("/admin/recover", async (context) => await recover(context));
}

const refuse = (message: string, status: number): Response => answer({ ok: false, message }, status);

async function recover({ env, req }: Context<{ Bindings: Env }>): Promise<Response> {
  const command = await readCommand(req.raw, recovery);
  if (command instanceof Response) return command;
  if (loadConfig(env).ledger.upstash !== null)
    return refuse(
      "the books are at an Upstash endpoint, which has backups of its own: ledger restore, of one of yours",
      409,
    );
  const admin = atHome(env, env.POOL_ADMIN, "main");
  const { paused, waitingFor } = await admin.pauseState();
  if (!paused || waitingFor.length > 0)
    return refuse("pause the pool first: something may be on its way to the books", 409);
  const { note: why, ...wanted } = command;
  const point: RecoveryPoint = "at" in wanted ? { atMs: wanted.at } : wanted;
  await admin.noted("recover", { ...point, note: why });
  const books = atHome(env, env.EMBEDDED_REDIS, "main");
  const prepared = await books.prepareRecovery(point);
  if (!prepared.ok) return refuse(prepared.reason, 501);
  const { bookmark: to, undo } = prepared;
  // The way back stands in the log before it is needed.
  await admin.noted("recovering", { to, undo });
  await books.restart().catch(() => undefined);
  return answer({ ok: true, message: "the books begin anew with what they were", bookmark: to, undo });
}
