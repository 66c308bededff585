import { DurableObject } from "cloudflare:workers";
import type { Env } from "../worker/env.ts";

/** Placeholder until its part lands; implements ShareVerifierRpc then. */
export class ShareVerifier extends DurableObject<Env> {}
