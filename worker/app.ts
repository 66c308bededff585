import { Hono } from "hono";
import { ConfigError } from "../core/config-problem.ts";
import type { Env } from "../durable-objects/env.ts";
import { loadConfig } from "../durable-objects/platform/config.ts";
import { answerNobody } from "./getwork.ts";

export type Routes = (app: Hono<{ Bindings: Env }>) => void;

/** Longer ones are no request of a miner. */
const LONGEST_REQUEST_BYTES = 4_096;

/** A Worker that answers some routes, in their order. A pool that is configured wrongly serves nothing but the explanation: half-working, it would cost miners' shares. */
export function poolApp(routes: readonly Routes[]): Hono<{ Bindings: Env }> {
  const app = new Hono<{ Bindings: Env }>();
  // The page's address comes here first because miners post to it as well; the page is the assets', as every other file is.
  app.on(["GET", "HEAD"], "/", (context) => context.env.ASSETS.fetch(context.req.raw));
  app.use(async (context, next) => {
    try {
      loadConfig(context.env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (context.req.path === "/health") return context.text(`${error.message}\n`, 500);
      // A miner takes any status but 200 as a reason to connect again at once, and this one as a reason to wait.
      const toMiner =
        context.req.method === "POST" ? await answerNobody(context.req.raw, LONGEST_REQUEST_BYTES, "notReady") : null;
      return toMiner ?? context.text("the pool is not configured; see /health\n", 503);
    }
    return next();
  });
  for (const add of routes) add(app);
  return app;
}
