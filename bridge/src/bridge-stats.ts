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
  /** Of those rejected, how many for which reason, in the pool's words. */
  readonly reasons: Readonly<Record<string, number>>;
}

/** Counts shares whose fate is known. */
export class ShareCounter {
  #accepted = 0;
  #rejected = 0;
  readonly #reasons = new Map<string, number>();

  get counts(): ShareCounts {
    return { accepted: this.#accepted, rejected: this.#rejected, reasons: Object.fromEntries(this.#reasons) };
  }

  /** @param rejection why; null for a share that was accepted */
  count(rejection: string | null): void {
    if (rejection === null) this.#accepted += 1;
    else this.#reject(rejection, 1);
  }

  add({ accepted, reasons }: ShareCounts): void {
    this.#accepted += accepted;
    for (const [reason, count] of Object.entries(reasons)) this.#reject(reason, count);
  }

  #reject(reason: string, count: number): void {
    this.#rejected += count;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + count);
  }
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
  /** `kept`: shares that an earlier run of the bridge left on disk. */
  readonly state: "waiting for login" | "connecting" | "mining" | "getwork" | "gone" | "kept";
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
