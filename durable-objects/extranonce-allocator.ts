import { DurableObject } from "cloudflare:workers";
import type { ExtranonceLease } from "../core/stratum/extranonce.ts";
import { ExtranonceLeases } from "../core/stratum/extranonce-leases.ts";
import type { Env } from "./env.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { ExtranonceAllocatorRpc } from "./rpc.ts";

/**
 * Gives every live session of the pool nonces of its own: one object (`idFromName("main")`), because uniqueness across login
 * objects needs one place that decides.
 */
export class ExtranonceAllocator extends DurableObject<Env> implements ExtranonceAllocatorRpc {
  readonly #leases: ExtranonceLeases;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { kv } = ctx.storage;
    this.#leases = new ExtranonceLeases({
      sql: sqlPort(ctx.storage),
      next: { load: () => kv.get<number>("next"), save: (value) => kv.put("next", value) },
    });
  }

  async acquire(session: string): Promise<number> {
    return this.#leases.acquire(session, Date.now());
  }

  async renew(leases: readonly ExtranonceLease[]): Promise<number[]> {
    return this.#leases.renew(leases, Date.now());
  }

  async release(leases: readonly ExtranonceLease[]): Promise<void> {
    this.#leases.release(leases, Date.now());
  }
}
