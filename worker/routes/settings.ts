import type { Context, Hono } from "hono";
import type { SettingsOutcome, SettingsRefusal } from "../../core/accounts/account-settings.ts";
import { ClientTurns } from "../../core/policy/client-turns.ts";
import { encodeJson } from "../../core/api/json.ts";
import { acquaintance } from "../../durable-objects/platform/known-logins.ts";
import type { Env } from "../../durable-objects/env.ts";
import { clientIp } from "../client-ip.ts";
import { readText } from "../read-text.ts";
import { ofLogin } from "../../durable-objects/platform/at-home.ts";

type SettingsContext = Context<{ Bindings: Env }>;

/** Other pages may read what is public; a change has to come from a page of the pool's own, or from no page at all. */
const HEADERS = {
  "Content-Type": "application/json; charset=UTF-8",
  "Access-Control-Allow-Origin": "*",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
} as const;

const LOGIN = /^0x[0-9a-fA-F]{40}$/;
/** The text has some 400 characters, a contract's signature up to 4,098. */
const MAX_BODY_BYTES = 8 * 1024;
const RETRY_AFTER_S = 10;

/** A change costs a few commands, a recovered key, and for contracts two questions to a node. One for an isolate. */
const turns = new ClientTurns({ burst: 10, oneMoreMs: RETRY_AFTER_S * 1000 });

/** Refusals that are no fault of the message's. */
const STATUS: Partial<Record<SettingsRefusal, 400 | 409 | 503>> = { malformed: 400, replayed: 409, unavailable: 503 };

/** What a miner sets for itself, under `/api/accounts/<login>/settings`: GET shows it to everybody, POST changes it by the address' signature. */
export function settingsRoutes(app: Hono<{ Bindings: Env }>): void {
  app.get("/api/accounts/:login/settings", async (context) => {
    const login = await knownLogin(context);
    if (login instanceof Response) return login;
    const settings = await accountOf(context, login)
      .settings(login, hostOf(context))
      .catch(() => null);
    if (settings === null) return refuse("unavailable", "the ledger cannot be read now", 503);
    return answer(settings, 200);
  });
  app.post("/api/accounts/:login/settings", async (context) => {
    if (!turns.take(clientIp(context.req.raw), Date.now()))
      return refuse("too_often", `ask again in ${RETRY_AFTER_S} s`, 429, { "Retry-After": String(RETRY_AFTER_S) });
    const login = await knownLogin(context);
    if (login instanceof Response) return login;
    const body = await readText(context.req.raw, MAX_BODY_BYTES);
    if (body === null) return refuse("malformed", `at most ${MAX_BODY_BYTES} bytes`, 413);
    const outcome = await accountOf(context, login).changeSettings(login, body, hostOf(context));
    return answer(outcome, statusOf(outcome));
  });
}

const accountOf = ({ env }: SettingsContext, login: string) => ofLogin(env, env.ACCOUNT_API, login);

const hostOf = ({ req }: SettingsContext): string => new URL(req.url).host;

const statusOf = (outcome: SettingsOutcome): number => (outcome.ok ? 200 : (STATUS[outcome.refused] ?? 403));

/** Only a login that was credited has settings: nobody else costs an object or a row. */
async function knownLogin({ env, req }: SettingsContext): Promise<string | Response> {
  const text = req.param("login") ?? "";
  const login = text.toLowerCase();
  const acquainted = LOGIN.test(text) ? await acquaintance(env, login, clientIp(req.raw)) : "unknown";
  if (acquainted === "known") return login;
  if (acquainted === "unasked") return refuse("too_often", "too many unknown accounts", 429, { "Retry-After": "60" });
  return refuse("unknown_login", "the pool has never credited this address", 404);
}

const refuse = (by: string, reason: string, status: number, headers: Record<string, string> = {}): Response =>
  answer({ ok: false, refused: by, reason }, status, headers);

const answer = (body: object, status: number, headers: Record<string, string> = {}): Response =>
  new Response(encodeJson(body), { status, headers: { ...HEADERS, ...headers } });
