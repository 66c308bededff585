import type { Context, Hono } from "hono";
import * as v from "valibot";
import type { PayoutCommand } from "../../core/payouts/payer/payer-commands.ts";
import { parseLogin } from "../../core/policy/login.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import type { Env } from "../../durable-objects/env.ts";
import { readText } from "../read-text.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";

type PayoutContext = Context<{ Bindings: Env }>;

const HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" } as const;
const MAX_BODY_BYTES = 16 * 1024;

const note = v.pipe(v.string(), v.minLength(1), v.maxLength(500));
const id = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const login = v.pipe(
  v.string(),
  v.transform((text) => parseLogin(text)?.address ?? ""),
  v.startsWith("0x", "a login: a 20-byte hex address"),
);

const command = v.variant("kind", [
  v.strictObject({ kind: v.picklist(["pause", "resume", "unlock"]), note }),
  v.strictObject({ kind: v.picklist(["hold", "release", "approve"]), login, note }),
  v.strictObject({ kind: v.literal("cancel"), id, note }),
  v.strictObject({ kind: v.literal("resolve"), id, as: v.picklist(["paid", "unpaid"]), note }),
]);

/**
 * What `npm run payouts` asks, under `/admin/payouts` behind the operator's token (`worker/routes/admin.ts`): GET for the status, `plan` and
 * one payment by its number; POST changes something and is written down first.
 */
export function payoutRoutes(app: Hono<{ Bindings: Env }>): void {
  app.get("/admin/payouts", async (context) => {
    const account = accountOf(context);
    return account === null ? off() : answer(await atHome(context.env, context.env.PAYER, account).status(account));
  });
  app.get("/admin/payouts/plan", async (context) => {
    const account = accountOf(context);
    return account === null
      ? off()
      : answer({ plan: await atHome(context.env, context.env.PAYER, account).plan(account) });
  });
  app.get("/admin/payouts/:id{\\d{1,15}}", async (context) => {
    const account = accountOf(context);
    if (account === null) return off();
    const payment = await atHome(context.env, context.env.PAYER, account).show(
      account,
      Number(context.req.param("id")),
    );
    if (payment === null) return answer({ ok: false, message: "there is no such payment" }, 404);
    return new Response(payment, { headers: { ...HEADERS, "Content-Type": "application/json" } });
  });
  app.post("/admin/payouts", async (context) => await change(context));
}

async function change(context: PayoutContext): Promise<Response> {
  const { env, req } = context;
  const account = accountOf(context);
  if (account === null) return off();
  const body = await readText(req.raw, MAX_BODY_BYTES);
  if (body === null) return answer({ ok: false, message: `at most ${MAX_BODY_BYTES} bytes` }, 413);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), command), body);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return answer({ ok: false, message: `${v.getDotPath(issue) ?? "body"}: ${issue.message}` }, 400);
  }
  const { note: why, ...asked } = parsed.output;
  await atHome(env, env.POOL_ADMIN, "main").noted("payouts", { ...asked, note: why });
  const wanted: PayoutCommand = asked;
  const outcome = await atHome(env, env.PAYER, account).command(account, wanted);
  return answer(outcome, outcome.ok ? 200 : 409);
}

/** Null while payments are switched off. */
const accountOf = ({ env }: PayoutContext): string | null => loadConfig(env).payer?.settings.account ?? null;

const off = (): Response => answer({ ok: false, message: "payouts.enabled is false" }, 409);

function answer(body: unknown, status = 200): Response {
  return Response.json(body, { status, headers: HEADERS });
}
