import type { Hono } from "hono";
import { ACCOUNT_ROUTES, type AccountRoute } from "../../core/api/account-view.ts";
import { poolFacts } from "../../core/api/pool-facts.ts";
import type { DatedBody } from "../../core/api/pool-routes.ts";
import { isRange, RANGES } from "../../core/history/definitions.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { acquaintance } from "../../durable-objects/platform/known-logins.ts";
import type { Env } from "../../durable-objects/env.ts";
import { clientIp } from "../client-ip.ts";
import { atHome, ofLogin } from "../../durable-objects/platform/at-home.ts";

/** As the reference answers: any page may read it, nothing keeps it. */
const HEADERS = {
  "Content-Type": "application/json; charset=UTF-8",
  "Access-Control-Allow-Origin": "*",
  "Cache-Control": "no-cache",
  "X-Content-Type-Options": "nosniff",
} as const;

/** Longest name of a worker. */
const MAX_WORKER = 32;

const LOGIN = /^0x[0-9a-fA-F]{40}$/;

const CSV = { ...HEADERS, "Content-Type": "text/csv; charset=utf-8" } as const;

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
function dated(answer: DatedBody | null, route = ""): Response {
  if (answer === null) return json('{"error":"the ledger cannot be read now"}\n', 503);
  const response = new Response(answer.body, { headers: route.endsWith(".csv") ? CSV : HEADERS });
  response.headers.set("Last-Modified", new Date(answer.atMs).toUTCString());
  return response;
}

const poolApi = (env: Env) => atHome(env, env.POOL_API, "main");

async function account(env: Env, text: string, ip: string, route: AccountRoute): Promise<Response> {
  if (!LOGIN.test(text)) return notFound();
  const login = text.toLowerCase();
  const acquainted = await acquaintance(env, login, ip);
  if (acquainted !== "known") return nobody(env, acquainted);
  // Only a ledger that cannot be asked rejects: whether the account exists is then not known, which is neither 404 nor a fault of ours.
  const body = await ofLogin(env, env.ACCOUNT_API, login)
    .body(login, route)
    .catch(() => undefined);
  return body === null ? notFound() : dated(body ?? null, route);
}

/** The JSON that open-ethereum-pool's frontends read, field for field, and what this pool's own page needs beyond it. */
export function apiRoutes(app: Hono<{ Bindings: Env }>): void {
  for (const route of ["stats", "miners", "blocks", "payments", "overview", "blocks.csv", "payments.csv"] as const) {
    app.get(`/api/${route}`, async ({ env }) => dated(await poolApi(env).body(route), route));
  }
  app.get("/api/payments/open", async ({ env }) => {
    if (loadConfig(env).payer === null) return notFound();
    return dated(await poolApi(env).payouts());
  });
  app.get("/api/blocks/:height/:hash", async ({ env, req }) => {
    const { height, hash } = req.param();
    if (!/^\d{1,15}$/.test(height) || !/^0x[0-9a-f]{64}$/.test(hash)) return notFound();
    const credits = await poolApi(env)
      .credits(Number(height), hash)
      .catch(() => undefined);
    return credits === null ? notFound() : dated(credits ?? null);
  });
  for (const route of ACCOUNT_ROUTES) {
    app.get(route === "account" ? "/api/accounts/:login" : `/api/accounts/:login/${route}`, async ({ env, req }) =>
      account(env, req.param("login"), clientIp(req.raw), route),
    );
  }
  app.get("/api/accounts/:login/history", async ({ env, req }) => {
    const range = req.query("range") ?? "1d";
    const worker = req.query("worker");
    if (!LOGIN.test(req.param("login")) || !isRange(range)) return notFound();
    // Workers are told apart for a day.
    if (worker !== undefined && (worker.length > MAX_WORKER || RANGES[range].spanS > RANGES["1d"].spanS))
      return notFound();
    const login = req.param("login").toLowerCase();
    const acquainted = await acquaintance(env, login, clientIp(req.raw));
    if (acquainted !== "known") return nobody(env, acquainted);
    return json(await ofLogin(env, env.MINER_SESSION, login).history(range, worker));
  });
  app.get("/api/pool", ({ env }) => json(JSON.stringify(poolFacts(loadConfig(env)))));
  app.get("/api/history", async ({ env, req }) => {
    const range = req.query("range") ?? "1d";
    return isRange(range) ? json(await poolApi(env).history(range)) : notFound();
  });
  app.all("/api/*", () => notFound());
}
