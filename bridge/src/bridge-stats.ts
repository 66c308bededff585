/** What the bridge is doing, as plain data. */
export interface BridgeStats {
  readonly startedAtMs: number;
  readonly pools: readonly PoolStats[];
  readonly miners: readonly MinerStats[];
  /** Since the start, miners that have gone included. */
  readonly totals: ShareCounts & {
    readonly connections: number;
    readonly reconnects: number;
    readonly getworkRequests: number;
  };
}

export interface ShareCounts {
  readonly accepted: number;
  readonly rejected: number;
}

export interface PoolStats {
  readonly url: string;
  readonly state: "up" | "down" | "returning";
  readonly miners: number;
  readonly lastError: string | null;
}

export interface MinerStats extends ShareCounts {
  /** Address and port on the LAN. */
  readonly remote: string;
  readonly login: string | null;
  readonly worker: string | null;
  readonly state: "waiting for login" | "connecting" | "mining" | "getwork" | "gone";
  /** Label of the pool that carries the session; null while none does. */
  readonly pool: string | null;
  readonly connectedAtMs: number;
  readonly lastShareAtMs: number | null;
  /** Shares without an answer. */
  readonly pendingShares: number;
  readonly reconnects: number;
  /** What the miner says of itself, hashes a second. */
  readonly reportedHashrate: number | null;
}
