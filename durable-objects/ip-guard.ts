import { DurableObject } from "cloudflare:workers";
import type { GuardEvent, GuardVerdict } from "../core/policy/guard.ts";
import { type ClientCounts, judgeRatio, NO_COUNTS } from "../core/policy/share-ratio.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import type { IpGuardRpc } from "./rpc.ts";

const COUNTER = {
  malformed: "malformed",
  invalidShare: "invalid",
  validShare: "valid",
  staleShare: "stale",
  ban: "bans",
} as const satisfies Record<GuardEvent, keyof ClientCounts>;

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
    const counter = COUNTER[event];
    const counted = { ...this.#counts, [counter]: this.#counts[counter] + times };
    const { counts, refused } = judgeRatio(counted, loadConfig(this.env).policy.banning);
    this.#counts = counts;
    // Only what tells against the client is worth a row: valid shares are the many, and without invalid ones they count for nothing.
    if (event !== "validShare" && event !== "staleShare") this.ctx.storage.kv.put("counts", counts);
    return { allowed: !refused, reason: refused ? "High rate of invalid shares" : "", watch: counts.invalid > 0 };
  }

  async counts(): Promise<ClientCounts> {
    return this.#counts;
  }
}
