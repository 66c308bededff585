import type { Hono } from "hono";
import { ROOT_NAME } from "../../core/work/template-tree.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import type { Env } from "../../durable-objects/env.ts";

/** Four hex items are under 300 bytes; the header object of `--miner.notify.full` is under 4 kB and must reach its error message. */
const LONGEST_BODY = 16_384;

/**
 * `POST /notify/<token>`: geth's `--miner.notify`. With several nodes, `/notify/<token>?upstream=<name>` says which one pushes, so
 * that one in reserve does not take over from the first. Without the right token the route is not there.
 */
export function notifyRoutes(app: Hono<{ Bindings: Env }>): void {
  app.post("/notify/:token", async (context) => {
    const { notifyToken } = loadConfig(context.env).work;
    if (notifyToken === null || !(await isSame(context.req.param("token"), notifyToken))) return context.notFound();
    if (Number(context.req.header("content-length") ?? 0) > LONGEST_BODY) return context.text("too long", 413);
    const body = await context.req.text();
    if (body.length > LONGEST_BODY) return context.text("too long", 413);
    const upstream = context.req.query("upstream") ?? null;
    const { ok, reason } = await context.env.BLOCK_TEMPLATE.getByName(ROOT_NAME).notify(body, upstream);
    return context.json({ ok, reason }, ok ? 200 : 400);
  });
}

/** In a time that tells nothing about where two texts differ, or about their lengths: their digests are compared. */
async function isSame(given: string, expected: string): Promise<boolean> {
  const [a, b] = await Promise.all([digestOf(given), digestOf(expected)]);
  return crypto.subtle.timingSafeEqual(a, b);
}

async function digestOf(text: string): Promise<ArrayBuffer> {
  return await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
