import { DurableObject } from "cloudflare:workers";
import type { Env } from "../worker/env.ts";

/** Placeholder until its part lands; implements MinerSessionRpc then. */
export class MinerSession extends DurableObject<Env> {}
