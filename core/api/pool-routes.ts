import { encodeJson } from "./json.ts";
import type { PoolSnapshot } from "./pool-stats.ts";

/** The bodies of the pool's routes, in the reference's shapes. `nowMs` is the moment of the answer, not of the reading. */
export const poolRoutes = {
  stats: (pool: PoolSnapshot, nowMs: number) => ({
    candidatesTotal: pool.candidatesTotal,
    hashrate: pool.hashrate,
    immatureTotal: pool.immatureTotal,
    maturedTotal: pool.maturedTotal,
    minersTotal: pool.minersTotal,
    nodes: pool.nodes,
    now: nowMs,
    stats: pool.stats,
  }),
  miners: (pool: PoolSnapshot, nowMs: number) => ({
    hashrate: pool.hashrate,
    miners: pool.miners,
    minersTotal: pool.minersTotal,
    now: nowMs,
  }),
  blocks: (pool: PoolSnapshot, _nowMs: number) => ({
    candidates: pool.candidates,
    candidatesTotal: pool.candidatesTotal,
    immature: pool.immature,
    immatureTotal: pool.immatureTotal,
    luck: pool.luck,
    matured: pool.matured,
    maturedTotal: pool.maturedTotal,
  }),
  payments: (pool: PoolSnapshot, _nowMs: number) => ({ payments: pool.payments, paymentsTotal: pool.paymentsTotal }),
  /** Not the reference's: what the pool's own page shows first, in one answer. */
  overview: (pool: PoolSnapshot, nowMs: number) => ({
    ...poolRoutes.stats(pool, nowMs),
    luck: pool.luck,
    minersOnline: pool.minersOnline,
    workersOnline: pool.workersOnline,
    workersTotal: pool.workersTotal,
  }),
} as const;

/** One of the pool's routes. */
export type PoolRoute = keyof typeof poolRoutes;

/** Stands for the time while a body is kept encoded; no ledger holds it, and inside a string its quotes would be escaped. */
const NOW_PLACEHOLDER = Number.MIN_SAFE_INTEGER;

/**
 * Encodes the routes of one snapshot, each at most once: with 10,000 miners a body is a megabyte, and only `now` differs from answer to
 * answer.
 */
export class EncodedRoutes {
  readonly #pool: PoolSnapshot;
  readonly #bodies = new Map<PoolRoute, string>();

  constructor(pool: PoolSnapshot) {
    this.#pool = pool;
  }

  /** @param nowMs moment of the answer */
  body(route: PoolRoute, nowMs: number): string {
    let body = this.#bodies.get(route);
    if (body === undefined) {
      body = encodeJson(poolRoutes[route](this.#pool, NOW_PLACEHOLDER));
      this.#bodies.set(route, body);
    }
    return body.replace(`"now":${NOW_PLACEHOLDER}`, `"now":${nowMs}`);
  }
}
