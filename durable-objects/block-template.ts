import { DurableObject } from "cloudflare:workers";
import type { Env } from "../worker/env.ts";

/** Placeholder until its part lands; implements BlockTemplateRpc then. */
export class BlockTemplate extends DurableObject<Env> {}
