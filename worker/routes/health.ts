import type { Hono } from "hono";
import { poolMetrics } from "../../core/health/pool-metrics.ts";
import { expose } from "../../core/health/prometheus.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import type { Env } from "../../durable-objects/env.ts";
import { bearerToken, sameSecret } from "../../durable-objects/platform/same-secret.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";

const HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" } as const;

const poolApi = (env: Env) => atHome(env, env.POOL_API, "main");

/**
 * `GET /health`: what works and what does not, as JSON; 200 while miners get work and their shares are kept, else 503. (A wrong
 * configuration is answered with 500 before any route is asked.) `GET /metrics`: Prometheus text, for whoever has the token.
 */
export function healthRoutes(app: Hono<{ Bindings: Env }>): void {
  app.get("/health", async ({ env }) => {
    const report = await poolApi(env).health();
    return Response.json(report, { status: report.healthy ? 200 : 503, headers: HEADERS });
  });
  app.get("/metrics", async (context) => {
    const { metricsToken } = loadConfig(context.env).api;
    if (metricsToken === null) return context.notFound();
    if (!(await sameSecret(bearerToken(context.req.raw.headers), metricsToken))) {
      return new Response("a bearer token is needed\n", {
        status: 401,
        headers: { ...HEADERS, "WWW-Authenticate": "Bearer" },
      });
    }
    const [health, figures] = await Promise.all([poolApi(context.env).health(), poolApi(context.env).totals()]);
    return new Response(expose(poolMetrics(health, figures)), {
      headers: { ...HEADERS, "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
    });
  });
}
