import type { Context, Hono } from "hono";
import * as v from "valibot";
import { writtenDown } from "../../core/admin/audit-log.ts";
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

const embedded = (env: Env) => atHome(env, env.EMBEDDED_REDIS, "main");

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
  const { status, ...said } = await writtenDown(
    admin,
    "recover",
    { ...point, note: why },
    async () => await goBack(env, point),
    ({ message }) => message,
  );
  return answer({ ok: status === 200, ...said }, status);
}

/** What is answered, and stands in the log. Refused is only where nothing is on its way to the books' storage. */
interface Recovery {
  readonly status: 200 | 501 | 503;
  readonly message: string;
  readonly bookmark?: string;
  readonly undo?: string;
}

async function goBack(env: Env, point: RecoveryPoint): Promise<Recovery> {
  const books = embedded(env);
  const plan = await books.planRecovery(point);
  if (!plan.ok) return { status: 501, message: plan.reason };
  const { bookmark: to, now: back } = plan;
  const work = async (): Promise<Recovery> => {
    const prepared = await books.prepareRecovery(to);
    if (!prepared.ok) return { status: 501, message: prepared.reason };
    const { undo, instance } = prepared;
    return (await beginAnew(env, instance))
      ? { status: 200, message: "the books began anew with what they were", bookmark: to, undo }
      : { status: 503, message: NOT_BEGUN, bookmark: to, undo };
  };
  // The way back stands in the log before it is needed.
  return await writtenDown(atHome(env, env.POOL_ADMIN, "main"), "recovering", { to, back }, work, ({ message, undo }) =>
    undo === undefined ? message : `${message}; back: ${undo}`,
  );
}

const NOT_BEGUN =
  "the books go back at the next start of their object, and that has not begun anew: leave the pool paused, and ask for the same again";
const RESTARTS = 5;

/**
 * What is prepared comes true at the next start of the object, whenever that is. One that nobody saw begin anew would go back on its own
 * later, under a pool that is mining again.
 */
async function beginAnew(env: Env, before: string): Promise<boolean> {
  for (let restart = 0; restart < RESTARTS; restart++) {
    await embedded(env)
      .restart()
      .catch(() => undefined);
    // A stub goes down with the object that it has spoken to.
    const now = await embedded(env)
      .instance()
      .catch(() => before);
    if (now !== before) return true;
  }
  return false;
}
