import { encodeJson } from "./json.ts";
import type { PoolSnapshot } from "./pool-stats.ts";

/** The bodies of the pool's routes, in the reference's shapes. `now` is the moment of the reading: figures must not look younger than they are. */
export const poolRoutes = {
  stats: (pool: PoolSnapshot) => ({
    candidatesTotal: pool.candidatesTotal,
    hashrate: pool.hashrate,
    immatureTotal: pool.immatureTotal,
    maturedTotal: pool.maturedTotal,
    minersTotal: pool.minersTotal,
    nodes: pool.nodes,
    now: pool.takenAtMs,
    stats: pool.stats,
  }),
  miners: (pool: PoolSnapshot) => ({
    hashrate: pool.hashrate,
    miners: pool.miners,
    minersTotal: pool.minersTotal,
    now: pool.takenAtMs,
  }),
  blocks: (pool: PoolSnapshot) => ({
    candidates: pool.candidates,
    candidatesTotal: pool.candidatesTotal,
    immature: pool.immature,
    immatureTotal: pool.immatureTotal,
    luck: pool.luck,
    matured: pool.matured,
    maturedTotal: pool.maturedTotal,
  }),
  payments: (pool: PoolSnapshot) => ({ payments: pool.payments, paymentsTotal: pool.paymentsTotal }),
  /** Not the reference's: what the pool's own page shows first, in one answer. */
  overview: (pool: PoolSnapshot) => ({
    ...poolRoutes.stats(pool),
    firstShare: pool.firstShare,
    luck: pool.luck,
    minersOnline: pool.minersOnline,
    workersOnline: pool.workersOnline,
    workersTotal: pool.workersTotal,
  }),
} as const;

/** A body and the age of what is in it. */
export interface DatedBody {
  /** JSON text. */
  readonly body: string;
  /** When the ledger was read, Unix time in ms. */
  readonly atMs: number;
}

/** One of the pool's routes. */
export type PoolRoute = keyof typeof poolRoutes;

/** Encodes the routes of one snapshot, each at most once: with 10,000 miners a body is a megabyte. */
export class EncodedRoutes {
  readonly #pool: PoolSnapshot;
  readonly #bodies = new Map<PoolRoute, string>();

  constructor(pool: PoolSnapshot) {
    this.#pool = pool;
  }

  body(route: PoolRoute): string {
    let body = this.#bodies.get(route);
    if (body === undefined) {
      body = encodeJson(poolRoutes[route](this.#pool));
      this.#bodies.set(route, body);
    }
    return body;
  }
}
