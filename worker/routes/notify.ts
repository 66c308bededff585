import type { Hono } from "hono";
import { ROOT_NAME, SOLO_NAME } from "../../core/work/template-tree.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { sameSecret } from "../../durable-objects/platform/same-secret.ts";
import type { Env } from "../../durable-objects/env.ts";
import { readText } from "../read-text.ts";
import { atHome } from "../../durable-objects/platform/at-home.ts";

/** Four hex items are under 300 bytes; the header object of `--miner.notify.full` is under 4 kB and must reach its error message. */
const LONGEST_BODY_BYTES = 16_384;

/**
 * `POST /notify/<token>`: geth's `--miner.notify`. With several nodes, `/notify/<token>?upstream=<name>` says which one pushes, so
 * that one in reserve does not take over from the first. Without the right token the route is not there.
 */
export function notifyRoutes(app: Hono<{ Bindings: Env }>): void {
  app.post("/notify/:token", async (context) => {
    const { notifyToken, upstreams, soloUpstreams } = loadConfig(context.env).work;
    if (notifyToken === null || !(await sameSecret(context.req.param("token"), notifyToken))) return context.notFound();
    const body = await readText(context.req.raw, LONGEST_BODY_BYTES);
    if (body === null) return context.text("too long", 413);
    const upstream = context.req.query("upstream") ?? null;
    // One header under two schemes could be cashed twice: whose it is must be known.
    if (upstream === null && soloUpstreams.length > 0) {
      const names = [...upstreams, ...soloUpstreams].map(({ name }) => name).join(", ");
      return context.json(
        { ok: false, reason: `with a solo node the notify URL must name its node: ?upstream=, one of ${names}` },
        400,
      );
    }
    const root = soloUpstreams.some(({ name }) => name === upstream) ? SOLO_NAME : ROOT_NAME;
    const { ok, reason } = await atHome(context.env, context.env.BLOCK_TEMPLATE, root).notify(body, upstream);
    return context.json({ ok, reason }, ok ? 200 : 400);
  });
}
