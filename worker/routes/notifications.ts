import type { Hono } from "hono";
import * as v from "valibot";
import { writtenDown } from "../../core/admin/audit-log.ts";
import { ClientTurns } from "../../core/policy/client-turns.ts";
import { parseLogin } from "../../core/policy/login.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import type { Env } from "../../durable-objects/env.ts";
import { clientIp } from "../client-ip.ts";
import { answer, note, readCommand } from "./admin-command.ts";

const notifier = (env: Env) => atHome(env, env.NOTIFIER, "main");

const test = v.strictObject({ target: v.nullable(v.pipe(v.string(), v.regex(/^[\w-]{1,32}$/))), note });

/** A page of the pool's own with one button: programs that look into mails open links, and press none. */
const page = (text: string, status: number, button = false): Response =>
  new Response(html(text, button), { status, headers: HTML });

const html = (text: string, button: boolean): string =>
  `<!doctype html><meta charset="utf-8"><meta name="robots" content="noindex"><title>Messages of this pool</title><p>${text}</p>${
    button ? '<form method="post"><button>Yes, send me messages</button></form>' : ""
  }`;

const HTML = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
} as const;

/** Whoever opens many links has none of them from us. */
const turns = new ClientTurns({ burst: 10, oneMoreMs: 10_000 });

/**
 * `GET /admin/notifications` and `POST /admin/notifications/test` of `npm run admin`, behind the operator's token (`worker/routes/admin.ts`); and
 * what the link in a mail opens, where somebody says that it wants mails.
 */
export function notificationRoutes(app: Hono<{ Bindings: Env }>): void {
  app.get("/admin/notifications", async ({ env }) => {
    const status = loadConfig(env).notifications === null ? null : await notifier(env).status();
    return status === null ? off() : answer(status);
  });
  app.post("/admin/notifications/test", async ({ env, req }) => {
    if (loadConfig(env).notifications === null) return off();
    const command = await readCommand(req.raw, test);
    if (command instanceof Response) return command;
    const log = atHome(env, env.POOL_ADMIN, "main");
    const work = async (): Promise<number> => await notifier(env).test(command.target);
    const count = await writtenDown(log, "notify test", command, work, (sent) => `${sent} target(s)`);
    if (count === 0) return answer({ ok: false, message: "there is no such target" }, 404);
    return answer({ ok: true, tested: count, ...(await notifier(env).status()) });
  });
  app.on(["GET", "POST"], "/api/accounts/:login/mail/:code{[0-9a-f]{64}}", async ({ env, req }) => {
    if (!turns.take(clientIp(req.raw), Date.now())) return page("Too often: try again in a minute.", 429);
    const login = parseLogin(req.param("login"))?.address ?? null;
    if (login === null || loadConfig(env).notifications === null) return page("This link leads nowhere.", 404);
    if (req.method === "GET") return page("Do you want messages about the rigs of this miner?", 200, true);
    const confirmed = await notifier(env).confirm(login, req.param("code"));
    return confirmed ? page("Messages will come.", 200) : page("This link leads nowhere.", 404);
  });
}

const off = (): Response => answer({ ok: false, message: "notifications has no targets, and miners is false" }, 409);
