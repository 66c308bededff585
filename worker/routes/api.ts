import type { Hono } from "hono";
import { poolFacts } from "../../core/api/pool-facts.ts";
import type { DatedBody } from "../../core/api/pool-routes.ts";
import { isRange } from "../../core/history/definitions.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { acquaintance } from "../../durable-objects/platform/known-logins.ts";
import type { Env } from "../../durable-objects/env.ts";
import { clientIp } from "../client-ip.ts";

/** As the reference answers: any page may read it, nothing keeps it. */
const HEADERS = {
  "Content-Type": "application/json; charset=UTF-8",
  "Access-Control-Allow-Origin": "*",
  "Cache-Control": "no-cache",
  "X-Content-Type-Options": "nosniff",
} as const;

const LOGIN = /^0x[0-9a-fA-F]{40}$/;

const json = (body: string, status = 200) => new Response(body, { status, headers: HEADERS });
const notFound = () => json('{"error":"not found"}\n', 404);

/** For a login that the pool has never credited. Whoever asks again, and whatever lies between, may keep the answer for a while. */
function nobody(env: Env, acquainted: "unknown" | "unasked"): Response {
  const maxAgeS = Math.ceil(loadConfig(env).api.statsCollectIntervalMs / 1000);
  const headers = { ...HEADERS, "Cache-Control": `public, max-age=${maxAgeS}` };
  if (acquainted === "unknown") return new Response('{"error":"not found"}\n', { status: 404, headers });
  const refused = { ...HEADERS, "Retry-After": "60" };
  return new Response('{"error":"too many unknown accounts"}\n', { status: 429, headers: refused });
}

/** `Last-Modified` is the age of the figures; a page that only knew when they came would call frozen ones fresh. */
function dated(answer: DatedBody | null): Response {
  if (answer === null) return json('{"error":"the ledger cannot be read now"}\n', 503);
  const response = json(answer.body);
  response.headers.set("Last-Modified", new Date(answer.atMs).toUTCString());
  return response;
}

const poolApi = (env: Env) => env.POOL_API.getByName("main");

/** The JSON that open-ethereum-pool's frontends read, field for field, and what this pool's own page needs beyond it. */
export function apiRoutes(app: Hono<{ Bindings: Env }>): void {
  for (const route of ["stats", "miners", "blocks", "payments", "overview"] as const) {
    app.get(`/api/${route}`, async ({ env }) => dated(await poolApi(env).body(route)));
  }
  app.get("/api/accounts/:login", async ({ env, req }) => {
    if (!LOGIN.test(req.param("login"))) return notFound();
    const login = req.param("login").toLowerCase();
    const acquainted = await acquaintance(env, login, clientIp(req.raw));
    if (acquainted !== "known") return nobody(env, acquainted);
    // Only a ledger that cannot be asked rejects: whether the account exists is then not known, which is neither 404 nor a fault of ours.
    const body = await env.ACCOUNT_API.getByName(login)
      .body(login)
      .catch(() => undefined);
    return body === null ? notFound() : dated(body ?? null);
  });
  app.get("/api/accounts/:login/history", async ({ env, req }) => {
    const range = req.query("range") ?? "1d";
    if (!LOGIN.test(req.param("login")) || !isRange(range)) return notFound();
    const login = req.param("login").toLowerCase();
    const acquainted = await acquaintance(env, login, clientIp(req.raw));
    if (acquainted !== "known") return nobody(env, acquainted);
    return json(await env.MINER_SESSION.getByName(login).history(range));
  });
  app.get("/api/pool", ({ env }) => json(JSON.stringify(poolFacts(loadConfig(env)))));
  app.get("/api/history", async ({ env, req }) => {
    const range = req.query("range") ?? "1d";
    return isRange(range) ? json(await poolApi(env).history(range)) : notFound();
  });
  app.all("/api/*", () => notFound());
}
