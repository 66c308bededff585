import type { Context, Hono } from "hono";
import * as v from "valibot";
import { writtenDown } from "../../core/admin/audit-log.ts";
import type { MendPage } from "../../core/payouts/payer/mend-all.ts";
import type { PayoutCommand } from "../../core/payouts/payer/payer-commands.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import type { Env } from "../../durable-objects/env.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";
import { answer, HEADERS, login, note, readCommand } from "./admin-command.ts";

type PayoutContext = Context<{ Bindings: Env }>;

const id = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

const command = v.variant("kind", [
  v.strictObject({ kind: v.picklist(["pause", "resume", "unlock"]), note }),
  v.strictObject({ kind: v.picklist(["hold", "release", "approve", "mend"]), login, note }),
  v.strictObject({ kind: v.literal("cancel"), id, note }),
  v.strictObject({ kind: v.literal("mend-all"), after: v.nullable(login), note }),
  v.strictObject({ kind: v.literal("resolve"), id, as: v.picklist(["paid", "unpaid"]), note }),
]);

/**
 * What `npm run payouts` asks, under `/admin/payouts` behind the operator's token (`worker/routes/admin.ts`): GET for the status, `waiting`, `plan`, `audit`,
 * `mend` (a page of what it would write), `wallet` (for the page) and one payment by its number; POST changes something and is written down first.
 */
export function payoutRoutes(app: Hono<{ Bindings: Env }>): void {
  app.get("/admin/payouts", async (context) => {
    const account = accountOf(context);
    return account === null ? off() : answer(await atHome(context.env, context.env.PAYER, account).status(account));
  });
  app.get("/admin/payouts/wallet", async (context) => {
    const account = accountOf(context);
    if (account === null) return off();
    const wallet = await atHome(context.env, context.env.PAYER, account)
      .wallet(account)
      .catch(() => null);
    return wallet === null ? answer({ ok: false, message: "the ledger does not answer" }, 503) : answer(wallet);
  });
  app.get("/admin/payouts/audit", async (context) => {
    const account = accountOf(context);
    if (account === null) return off();
    const from = context.req.query("from");
    if (from !== undefined && !/^\d{1,15}$/.test(from)) return answer({ ok: false, message: "from: a nonce" }, 400);
    const audit = await atHome(context.env, context.env.PAYER, account).auditNonces(
      account,
      from === undefined ? null : Number(from),
    );
    if (typeof audit === "string") return answer({ ok: false, message: audit }, 503);
    return answer(audit, audit.wrong.length === 0 ? 200 : 409);
  });
  app.get("/admin/payouts/plan", async (context) => {
    const account = accountOf(context);
    return account === null
      ? off()
      : answer({ plan: await atHome(context.env, context.env.PAYER, account).plan(account) });
  });
  app.get("/admin/payouts/waiting", async (context) => {
    const account = accountOf(context);
    return account === null
      ? off()
      : answer({ waiting: await atHome(context.env, context.env.PAYER, account).waiting(account) });
  });
  app.get("/admin/payouts/mend", async (context) => {
    const account = accountOf(context);
    if (account === null) return off();
    const after = v.safeParse(v.nullable(login), context.req.query("after") ?? null);
    if (!after.success) return answer({ ok: false, message: "after: a login" }, 400);
    return pageAnswer(await atHome(context.env, context.env.PAYER, account).mendPage(account, after.output, false));
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
  const parsed = await readCommand(req.raw, command);
  if (parsed instanceof Response) return parsed;
  const { note: why, ...asked } = parsed;
  const payer = atHome(env, env.PAYER, account);
  const log = atHome(env, env.POOL_ADMIN, "main");
  const details = { ...asked, note: why };
  if (asked.kind === "mend-all") {
    const page = async () => await payer.mendPage(account, asked.after, true);
    return pageAnswer(await writtenDown(log, "payouts", details, page, outcomeOfPage));
  }
  const wanted: PayoutCommand = asked;
  const work = async () => await payer.command(account, wanted);
  const outcome = await writtenDown(log, "payouts", details, work, ({ message }) => message);
  return answer(outcome, outcome.ok ? 200 : 409);
}

const outcomeOfPage = (page: MendPage | string): string =>
  typeof page === "string"
    ? page
    : `${page.logins.reduce((sum, { lines }) => sum + lines.length, 0)} payment(s) were written again`;

/** A page of what the ledger has forgotten; the caller asks on until `next` is null. */
const pageAnswer = (page: MendPage | string): Response =>
  typeof page === "string" ? answer({ ok: false, message: page }, 503) : answer(page);

/** Null while payments are switched off. */
const accountOf = ({ env }: PayoutContext): string | null => loadConfig(env).payer?.settings.account ?? null;

const off = (): Response => answer({ ok: false, message: "payouts.enabled is false" }, 409);
