/** A block of `/api/blocks`. */
export interface Block {
  readonly height: number;
  /** Unix time in seconds. */
  readonly timestamp: number;
  readonly difficulty: number;
  readonly shares: number;
  readonly uncle: boolean;
  readonly orphan: boolean;
  readonly hash: string;
  /** Wei, decimal; empty for a candidate. */
  readonly reward: string;
}

/** Luck of a number of blocks. */
export interface Luck {
  readonly luck: number;
  readonly uncleRate: number;
  readonly orphanRate: number;
}

/** `/api/blocks`. */
export interface Blocks {
  readonly candidates: readonly Block[];
  readonly candidatesTotal: number;
  readonly immature: readonly Block[];
  readonly immatureTotal: number;
  readonly matured: readonly Block[];
  readonly maturedTotal: number;
  readonly luck: Readonly<Record<string, Luck>>;
}

/** `/api/overview`. */
export interface Overview {
  /** Moment of the answer, Unix time in ms. */
  readonly now: number;
  readonly hashrate: number;
  readonly minersTotal: number;
  readonly minersOnline: number;
  readonly workersTotal: number;
  readonly workersOnline: number;
  readonly candidatesTotal: number;
  readonly immatureTotal: number;
  readonly maturedTotal: number;
  readonly nodes: readonly {
    readonly name?: string;
    readonly height?: string;
    readonly difficulty?: string;
    readonly lastBeat?: string;
  }[];
  readonly stats: { readonly roundShares?: number; readonly lastBlockFound?: number };
  readonly luck: Readonly<Record<string, Luck>>;
}

/** `/api/pool`. */
export interface PoolFacts {
  readonly name: string;
  readonly coin: string;
  readonly chain: string;
  readonly shareDifficulty: string;
  readonly vardiff: boolean;
  /** Seconds. */
  readonly statsCollectInterval: number;
  readonly hashrateWindow: number;
  readonly hashrateLargeWindow: number;
}

/** `/api/miners`. */
export interface Miners {
  readonly now: number;
  readonly hashrate: number;
  readonly minersTotal: number;
  readonly miners: Readonly<
    Record<string, { readonly lastBeat: number; readonly hr: number; readonly offline: boolean }>
  >;
}

/** A payment; `address` only in the pool's own list. */
export interface Payment {
  readonly address?: string;
  /** Shannon. */
  readonly amount: number;
  readonly timestamp: number;
  readonly tx: string;
}

/** `/api/payments`. */
export interface Payments {
  readonly payments: readonly Payment[];
  readonly paymentsTotal: number;
}

/** `/api/accounts/<login>`. */
export interface Account {
  readonly currentHashrate: number;
  readonly hashrate: number;
  readonly payments: readonly Payment[];
  readonly paymentsTotal: number;
  readonly roundShares: number;
  readonly stats: Readonly<Record<string, number | string | undefined>>;
  readonly workers: Readonly<
    Record<string, { readonly lastBeat: number; readonly hr: number; readonly hr2: number; readonly offline: boolean }>
  >;
  readonly workersOffline: number;
  readonly workersOnline: number;
  readonly workersTotal: number;
}

/** Submits by verdict. */
export interface VerdictCounts {
  readonly accepted: number;
  readonly duplicate: number;
  readonly invalid: number;
  readonly stale: number;
}

type VerdictColumns = { readonly [Verdict in keyof VerdictCounts]: readonly number[] };

/** `/api/history`: one array a column, all of one length. */
export interface PoolHistory extends VerdictColumns {
  /** Seconds between two points. */
  readonly resolution: number;
  /** Start of each period, Unix time in seconds. */
  readonly at: readonly number[];
  readonly hashrate: readonly number[];
  readonly difficulty: readonly number[];
  readonly miners: readonly number[];
  readonly blocks: readonly number[];
}

/** `/api/accounts/<login>/history`. */
export interface AccountHistory extends VerdictColumns {
  readonly resolution: number;
  readonly at: readonly number[];
  readonly hashrate: readonly number[];
  /** Verdicts by worker over the last day. */
  readonly workers: Readonly<Record<string, VerdictCounts>>;
}
