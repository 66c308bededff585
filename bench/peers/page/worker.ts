// The pool's page, which also says what the verifiers' kernel has done.
import type { Env } from "../../../durable-objects/env.ts";
import page from "../../../worker/scripts/page.ts";

export * from "../../../worker/scripts/page.ts";

export default {
  ...page,
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/floor") && env.SESSIONS !== undefined) return await env.SESSIONS.fetch(request);
    // Answered by the verifiers' script of this bench.
    if (pathname === "/bench/kernel") return await env.SHARE_VERIFIER.getByName("shard-0").fetch("https://shard-0/");
    return await page.fetch(request, env, context);
  },
};
