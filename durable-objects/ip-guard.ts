import { DurableObject } from "cloudflare:workers";
import type { GuardEvent, GuardVerdict } from "../core/policy/guard.ts";
import { type ClientCounts, judgeReport, NO_COUNTS } from "../core/policy/share-ratio.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import type { IpGuardRpc } from "./rpc.ts";

/**
 * What one client IP has done (`idFromName(ip)`): counts, and the verdict on its share of invalid ones. Bans with expiry and
 * quotas are to come behind the same interface; until then a refusal closes the connection that asked and no other.
 */
export class IpGuard extends DurableObject<Env> implements IpGuardRpc {
  #counts: ClientCounts;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#counts = ctx.storage.kv.get<ClientCounts>("counts") ?? NO_COUNTS;
  }

  async admit(): Promise<{ allowed: boolean; reason: string }> {
    return { allowed: true, reason: "" };
  }

  async report(event: GuardEvent, times = 1): Promise<GuardVerdict> {
    const { counts, verdict, keep } = judgeReport(this.#counts, event, times, loadConfig(this.env).policy.banning);
    this.#counts = counts;
    if (keep) this.ctx.storage.kv.put("counts", counts);
    return verdict;
  }

  async counts(): Promise<ClientCounts> {
    return this.#counts;
  }
}
