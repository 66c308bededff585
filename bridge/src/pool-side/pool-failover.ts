import { spreadMs } from "../../../core/back-off.ts";
import type { BridgeLog, BridgeTimings } from "../options.ts";
import type { PoolAddress } from "./pool-address.ts";

/** One pool of the ordered list, and how it has been doing. */
export interface PoolState {
  readonly address: PoolAddress;
  /** 0 is the preferred one. */
  readonly rank: number;
  /** `returning`: answers again, but not yet for long enough to lead miners back. */
  readonly state: "up" | "down" | "returning";
  readonly lastError: string | null;
}

interface Entry {
  readonly address: PoolAddress;
  readonly rank: number;
  failures: number;
  state: PoolState["state"];
  wellSinceMs: number;
  lastError: string | null;
}

/** A failure can be chance; two in a row are a state. */
const FAILURES_UNTIL_DOWN = 2;

/** Tries whether a pool takes connections; rejects when it does not. */
export type Probe = (pool: PoolState) => Promise<void>;

/**
 * The ordered pools, shared by all miners: which one to go to, and when the preferred one is well again. A pool that is
 * down is tried by the failover alone, at its own pace, and not by every miner.
 */
export class PoolFailover {
  readonly #entries: readonly Entry[];
  readonly #timings: BridgeTimings;
  readonly #log: BridgeLog;
  readonly #probe: Probe;
  readonly #onReturn: (rank: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param onReturn called when a pool of this rank may have its miners back. */
  constructor(
    pools: readonly PoolAddress[],
    timings: BridgeTimings,
    log: BridgeLog,
    probe: Probe,
    onReturn: (rank: number) => void,
  ) {
    this.#entries = pools.map((address, rank) => ({
      address,
      rank,
      failures: 0,
      state: "up",
      wellSinceMs: 0,
      lastError: null,
    }));
    this.#timings = timings;
    this.#log = log;
    this.#probe = probe;
    this.#onReturn = onReturn;
  }

  get states(): readonly PoolState[] {
    return this.#entries.map(({ address, rank, state, lastError }) => ({ address, rank, state, lastError }));
  }

  /**
   * The pool to go to: the first that is up, and while none is, each in turn.
   * @param attempt how often this miner has failed in a row.
   * @param avoided ranks that did not serve this miner, whatever they do for others.
   */
  choose(attempt: number, avoided: ReadonlySet<number> = new Set()): PoolState {
    const up = this.#entries.filter((entry) => entry.state === "up");
    const entry =
      up.find(({ rank }) => !avoided.has(rank)) ??
      up[attempt % (up.length || 1)] ??
      this.#entries[attempt % this.#entries.length];
    if (entry === undefined) throw new Error("a failover needs at least one pool");
    return entry;
  }

  /** A connection to this pool came about and serves. */
  succeeded(rank: number): void {
    const entry = this.#entries[rank];
    if (entry === undefined) return;
    entry.failures = 0;
    // With a better pool to stay with, one connection does not prove that this one is well: the probes decide that.
    if (entry.state === "up" || this.#entries.some(({ state }) => state === "up")) return;
    this.#setUp(entry);
  }

  /** A connection to this pool did not come about. */
  failed(rank: number, reason: string): void {
    const entry = this.#entries[rank];
    if (entry === undefined) return;
    entry.failures += 1;
    entry.lastError = reason;
    if (entry.state === "returning") entry.state = "down";
    if (entry.state !== "up" || entry.failures < FAILURES_UNTIL_DOWN) return;
    entry.state = "down";
    this.#log.warn({ pool: entry.address.label, reason }, "pool is down");
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => void this.#probeAll(), spreadMs(this.#timings.probeIntervalMs, Math.random()));
  }

  async #probeAll(): Promise<void> {
    await Promise.all(this.#entries.filter(({ state }) => state !== "up").map((entry) => this.#probeOne(entry)));
    this.#timer = undefined;
    if (this.#entries.some(({ state }) => state !== "up")) this.#schedule();
  }

  async #probeOne(entry: Entry): Promise<void> {
    try {
      await this.#probe(entry);
    } catch (error) {
      entry.state = "down";
      entry.lastError = error instanceof Error ? error.message : String(error);
      return;
    }
    if (this.#closed || entry.state === "up") return;
    const now = performance.now();
    if (entry.state === "down") {
      entry.state = "returning";
      entry.wellSinceMs = now;
    }
    const alone = !this.#entries.some(({ state }) => state === "up");
    if (alone || now - entry.wellSinceMs >= this.#timings.returnAfterMs) this.#setUp(entry);
  }

  #setUp(entry: Entry): void {
    entry.state = "up";
    entry.failures = 0;
    entry.lastError = null;
    this.#log.info({ pool: entry.address.label }, "pool is up again");
    this.#onReturn(entry.rank);
  }
}
