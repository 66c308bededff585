import type { Hono } from "hono";
import type { Env } from "../env.ts";

/** Placeholder until its part lands. */
export function healthRoutes(_app: Hono<{ Bindings: Env }>): void {}
