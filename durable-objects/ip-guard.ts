import { DurableObject } from "cloudflare:workers";
import type { Env } from "../worker/env.ts";

/** Placeholder until its part lands; implements IpGuardRpc then. */
export class IpGuard extends DurableObject<Env> {}
