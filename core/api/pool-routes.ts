import { csv, isoTime } from "./csv.ts";
import { effortOf, type BlockEntry } from "./entries.ts";
import { encodeJson, parseInteger } from "./json.ts";
import type { NetworkFigures } from "./network.ts";
import type { PoolSnapshot } from "./pool-stats.ts";

/** What the routes show beside what one reading of the ledger gives. */
export interface PoolSurroundings {
  readonly network: NetworkFigures;
  /** open-etc-pool's `poolCharts`: the last day, ten minutes a point. `x`: Unix time in seconds. */
  readonly poolCharts: readonly { readonly x: number; readonly hashrate: number; readonly minersOnline: number }[];
}

/** The bodies of the pool's routes, in the reference's shapes. `now` is the moment of the reading: figures must not look younger than they are. */
export const poolRoutes = {
  stats: (pool: PoolSnapshot, { poolCharts }: PoolSurroundings) => ({ ...statsOf(pool), poolCharts }),
  miners: (pool: PoolSnapshot) => ({
    hashrate: pool.hashrate,
    miners: pool.miners,
    minersTotal: pool.minersTotal,
    now: pool.takenAtMs,
    /** Not the reference's. */
    firstShare: pool.firstShare,
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
  overview: (pool: PoolSnapshot, { network }: PoolSurroundings) => ({
    ...statsOf(pool),
    /** Work of the open round over the difficulty. */
    effort: effortOf(parseInteger(String(pool.stats["roundShares"] ?? "")) ?? 0, network.difficulty),
    network,
    firstShare: pool.firstShare,
    luck: pool.luck,
    minersOnline: pool.minersOnline,
    workersOnline: pool.workersOnline,
    workersTotal: pool.workersTotal,
  }),
} as const;

/** The same lists as tables. */
const csvRoutes = {
  "blocks.csv": (pool: PoolSnapshot) =>
    csv(
      [
        "height",
        "state",
        "uncleHeight",
        "found",
        "difficulty",
        "shares",
        "effort",
        "rewardWei",
        "fee",
        "scheme",
        "finder",
        "hash",
      ],
      [
        ...pool.candidates.map((block) => blockRow(block, "candidate")),
        ...pool.immature.map((block) => blockRow(block, "immature")),
        ...pool.matured.map((block) => blockRow(block, "matured")),
      ],
    ),
  "payments.csv": (pool: PoolSnapshot) =>
    csv(
      ["paid", "address", "amountShannon", "tx"],
      pool.payments.map(({ timestamp, address, amount, tx }) => [isoTime(timestamp), address, amount, tx]),
    ),
} as const;

function statsOf(pool: PoolSnapshot) {
  return {
    candidatesTotal: pool.candidatesTotal,
    hashrate: pool.hashrate,
    immatureTotal: pool.immatureTotal,
    maturedTotal: pool.maturedTotal,
    minersTotal: pool.minersTotal,
    nodes: pool.nodes,
    now: pool.takenAtMs,
    stats: pool.stats,
  };
}

function blockRow(block: BlockEntry, state: string) {
  const { height, orphan, uncleHeight, timestamp, difficulty, shares, effort, reward, fee, scheme, finder, hash } =
    block;
  const shown = orphan ? "orphan" : state;
  const found = isoTime(timestamp);
  return [height, shown, uncleHeight, found, difficulty, shares, effort, reward, fee, scheme, finder, hash];
}

/** A body and the age of what is in it. */
export interface DatedBody {
  /** JSON text, or a table. */
  readonly body: string;
  /** When the ledger was read, Unix time in ms. */
  readonly atMs: number;
}

/** One of the pool's routes. */
export type JsonRoute = keyof typeof poolRoutes;
export type PoolRoute = JsonRoute | keyof typeof csvRoutes;

const isCsvRoute = (route: PoolRoute): route is keyof typeof csvRoutes => Object.hasOwn(csvRoutes, route);

/** Encodes the routes of one snapshot, each at most once: with 10,000 miners a body is a megabyte. */
export class EncodedRoutes {
  readonly #pool: PoolSnapshot;
  readonly #surroundings: PoolSurroundings;
  readonly #bodies = new Map<PoolRoute, string>();

  constructor(pool: PoolSnapshot, surroundings: PoolSurroundings) {
    this.#pool = pool;
    this.#surroundings = surroundings;
  }

  body(route: PoolRoute): string {
    let body = this.#bodies.get(route);
    if (body === undefined) {
      body = isCsvRoute(route)
        ? csvRoutes[route](this.#pool)
        : encodeJson(poolRoutes[route](this.#pool, this.#surroundings));
      this.#bodies.set(route, body);
    }
    return body;
  }
}
