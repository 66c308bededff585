import type { Context, Hono } from "hono";
import type { Access } from "../../core/ledger/engine/access.ts";
import { parseExactJson } from "../../core/ledger/contract/rest-port.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import type { Env } from "../../durable-objects/env.ts";
import { bearerToken, sameSecret } from "../../durable-objects/platform/same-secret.ts";
import { readText } from "../read-text.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";

/** The books are for whoever asked, and nobody is to take them for a page. */
const HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" } as const;

/** As Upstash has it. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/**
 * The embedded ledger as an Upstash REST endpoint, so that any `@upstash/redis` client can read the books: `POST /redis` with a command,
 * `/redis/pipeline`, `/redis/multi-exec` with several. Off (404) without a token, and where the books are at Upstash anyway. One token reads and
 * writes, another one reads; FLUSHALL is nobody's.
 */
export function redisRoutes(app: Hono<{ Bindings: Env }>): void {
  app.all("/redis", (context) => answer(context, ""));
  app.all("/redis/", (context) => answer(context, ""));
  app.all("/redis/:path", (context) => answer(context, context.req.param("path")));
}

async function answer(context: Context<{ Bindings: Env }>, path: string): Promise<Response> {
  const { restToken, readToken, upstash } = loadConfig(context.env).ledger;
  if ((restToken === null && readToken === null) || upstash !== null)
    return refusal(404, "there is no embedded ledger to read here");
  const access = await accessOf(bearerToken(context.req.raw.headers), restToken, readToken);
  if (access === null) return refusal(401, "WRONGPASS invalid or missing auth token");
  if (context.req.method !== "POST" && context.req.method !== "PUT")
    return refusal(405, "ERR commands are sent with POST, as a JSON array");
  const body = await bodyOf(context.req.raw);
  if (body instanceof Response) return body;
  const base64 = context.req.header("Upstash-Encoding") === "base64";
  const ledger = atHome(context.env, context.env.EMBEDDED_REDIS, "main");
  const { status, body: reply } = await ledger.rest(path, body, base64, access);
  return new Response(reply, { status, headers: { ...HEADERS, "Content-Type": "application/json" } });
}

/** Both are compared whatever the first says: the time tells nothing. */
async function accessOf(found: string, restToken: string | null, readToken: string | null): Promise<Access | null> {
  const [mayWrite, mayRead] = await Promise.all(
    [restToken, readToken].map(async (token) => token !== null && (await sameSecret(found, token))),
  );
  return mayWrite ? "readWrite" : mayRead ? "read" : null;
}

async function bodyOf(request: Request): Promise<unknown[] | Response> {
  const text = await readText(request, MAX_BODY_BYTES);
  if (text === null) return refusal(413, "ERR max request size exceeded");
  try {
    const body = parseExactJson(text);
    if (Array.isArray(body)) return body;
  } catch {
    // Falls through: what was sent may hold secrets and is not quoted.
  }
  return refusal(400, "ERR failed to parse command: the body is no JSON array");
}

function refusal(status: number, error: string): Response {
  return Response.json({ error }, { status, headers: HEADERS });
}
