import { DurableObject } from "cloudflare:workers";
import type { Env } from "../worker/env.ts";

/** Placeholder until its part lands; implements EmbeddedRedisRpc then. */
export class EmbeddedRedis extends DurableObject<Env> {}
