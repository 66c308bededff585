import { backOffMs, spreadMs } from "../../../core/back-off.ts";
import { REJECTIONS } from "../../../core/stratum/rejections.ts";
import type { Login } from "../miner-side/miner-line.ts";
import type { BridgeLog, BridgeTimings } from "../options.ts";
import type { LogRepeats } from "../log-repeats.ts";
import type { PoolOutcome, ToMiner } from "../session/outcomes.ts";
import type { ResumableSession } from "../session/resumable-session.ts";
import type { ShareFate } from "../session/share-fates.ts";
import type { ConnectionEnd, ConnectionHandlers, PoolConnection } from "./pool-connection.ts";
import type { PoolFailover, PoolState } from "./pool-failover.ts";

/** A connection that lasted this long was a good one: the next failure is a new story. */
const GOOD_CONNECTION_MS = 5_000;
const DRAIN_MS = 10_000;
/** A preferred pool that did not serve this miner is tried again after so many times the wait for one that was down. */
const RECONSIDER_FACTOR = 5;
const DEFERRED_MS = 1_000;

/** What an uplink needs from the bridge around it. */
export interface UplinkSurroundings {
  readonly failover: PoolFailover;
  readonly timings: BridgeTimings;
  readonly log: BridgeLog;
  readonly repeats: LogRepeats;
  /** @param miner its address on the LAN; empty where it is gone */
  dial(pool: PoolState, login: Login | null, miner: string, handlers: ConnectionHandlers): PoolConnection;
}

/** Whose session it is. */
export interface UplinkOwner {
  /** Fields that name it in the log. */
  who(): Readonly<Record<string, unknown>>;
  /** Its address on the LAN; empty where it is gone. */
  readonly host: string;
  toMiner(lines: readonly ToMiner[]): void;
  onFate(fate: ShareFate): void;
  /** The session cannot go on: the pool turned the miner away, or it cannot be told its new extranonce. */
  onRefused(reason: string, final: boolean): void;
  /** Something went out or came in: look whether anything still waits. */
  onProgress(): void;
}

interface Upstream {
  readonly connection: PoolConnection;
  readonly pool: PoolState;
  openedAt: number;
  timer: NodeJS.Timeout | undefined;
  /** The last line was a refusal after which pools hang up. */
  parting: boolean;
}

/** The connections to pools that come and go behind one session. */
export class SessionUplink {
  readonly #session: ResumableSession;
  readonly #around: UplinkSurroundings;
  readonly #owner: UplinkOwner;
  readonly #upstreams = new Map<number, Upstream>();
  readonly #avoided = new Set<number>();
  #nextUpstream = 1;
  #active: number | null = null;
  #dialling: number | null = null;
  #retry: NodeJS.Timeout | undefined;
  #deferral: NodeJS.Timeout | undefined;
  #homeward: NodeJS.Timeout | undefined;
  #closed = false;
  #reconnects = 0;
  /** Connections that came to nothing, since the last good one. */
  #failures = 0;

  constructor(session: ResumableSession, around: UplinkSurroundings, owner: UplinkOwner) {
    this.#session = session;
    this.#around = around;
    this.#owner = owner;
  }

  /** The pool that carries the session; null while none does. */
  get pool(): PoolState | null {
    return this.#activeUpstream?.pool ?? null;
  }

  /** Bytes wait for the network: the miner should not be read for now. */
  get congested(): boolean {
    return this.#activeUpstream?.connection.congested === true;
  }

  get reconnects(): number {
    return this.#reconnects;
  }

  /** The miner has said something, or a share waits: bring it to a pool. */
  carry(): void {
    if (
      this.#upstreams.size === 0 &&
      this.#retry === undefined &&
      this.#session.pending + this.#session.pendingShares > 0
    )
      this.#dial();
    else this.#flush();
  }

  /** A pool of this rank is well again: go there, at a random moment, if it is preferred to the one in use. */
  returnTo(rank: number): void {
    this.#avoided.delete(rank);
    const active = this.#activeUpstream;
    if (active === undefined || active.pool.rank <= rank || this.#homeward !== undefined) return;
    this.#homeward = setTimeout(() => this.#goHome(), Math.random() * this.#around.timings.returnSpreadMs);
  }

  /** Begins anew: what the connections were asked was answered without them. */
  reconnect(): void {
    for (const [id, { connection }] of this.#upstreams) {
      connection.close();
      this.#onEnd(id, { reason: "the pool does not answer the login", deliberate: false, unreachable: false });
    }
  }

  /** Ends everything now. */
  close(): void {
    this.#closed = true;
    for (const timer of [this.#retry, this.#deferral, this.#homeward]) clearTimeout(timer);
    for (const [id, upstream] of this.#upstreams) {
      upstream.connection.close();
      this.#forget(id);
    }
  }

  get #activeUpstream(): Upstream | undefined {
    return this.#active === null ? undefined : this.#upstreams.get(this.#active);
  }

  #dial(): void {
    this.#retry = undefined;
    if (this.#closed || this.#dialling !== null) return;
    const pool = this.#around.failover.choose(this.#failures, this.#avoided);
    const id = this.#nextUpstream;
    this.#nextUpstream += 1;
    this.#dialling = id;
    const connection = this.#around.dial(pool, this.#session.login, this.#owner.host, {
      onOpen: () => this.#onOpen(id),
      onLine: (line) => this.#onLine(id, line),
      onEnd: (end) => this.#onEnd(id, end),
      onDrain: () => this.#owner.onProgress(),
      isWaiting: () => this.#session.unansweredOn(id) > 0,
    });
    this.#upstreams.set(id, { connection, pool, openedAt: 0, timer: undefined, parting: false });
  }

  #onOpen(id: number): void {
    const upstream = this.#upstreams.get(id);
    if (upstream === undefined) return;
    upstream.openedAt = performance.now();
    upstream.timer = setTimeout(() => this.#onUnanswered(id), this.#around.timings.loginTimeoutMs);
    for (const line of this.#session.open(id)) upstream.connection.send(line);
    if (this.#session.ready(id)) this.#activate(id, upstream);
  }

  #onUnanswered(id: number): void {
    if (this.#session.ready(id) && this.#session.unansweredOn(id) === 0) return;
    this.#abandon(id, "the pool does not answer the login");
  }

  #onLine(id: number, text: string): void {
    const upstream = this.#upstreams.get(id);
    if (upstream === undefined || this.#closed) return;
    const before = this.#session.loggedIn;
    const outcome = this.#session.fromPool(id, text, performance.now());
    if (!before && this.#session.loggedIn)
      this.#around.log.info({ ...this.#owner.who(), pool: upstream.pool.address.label }, "miner logged in");
    if (outcome.refused !== undefined) {
      this.#abandon(id, `the pool does not take the session over: ${outcome.refused}`);
      return;
    }
    if (outcome.resumed === true) this.#activate(id, upstream);
    if (id === this.#active) this.#onServing(upstream);
    upstream.parting = isParting(outcome);
    this.#owner.toMiner(outcome.toMiner);
    if (outcome.share !== undefined) this.#owner.onFate(outcome.share);
    if (outcome.deferred === true) this.#deferral ??= setTimeout(() => this.#onDeferralOver(), DEFERRED_MS);
    if (id !== this.#active && this.#active !== null && this.#session.unansweredOn(id) === 0) this.#retire(id);
    this.#flush();
  }

  #onServing(upstream: Upstream): void {
    if (upstream.timer === undefined) return;
    clearTimeout(upstream.timer);
    upstream.timer = undefined;
    this.#avoided.delete(upstream.pool.rank);
    this.#around.failover.succeeded(upstream.pool.rank);
  }

  /** Make before break: the old connection stays until it has answered what was sent on it. */
  #activate(id: number, upstream: Upstream): void {
    const toMiner = this.#session.activate(id, performance.now());
    const old = this.#active;
    this.#active = id;
    this.#dialling = null;
    if (toMiner === null) {
      this.#owner.onRefused("cannot be given a new extranonce; it has to connect again", false);
      this.#flush();
      return;
    }
    this.#owner.toMiner(toMiner);
    if (old !== null) {
      const before = this.#upstreams.get(old);
      if (this.#session.unansweredOn(old) === 0) this.#retire(old);
      else if (before !== undefined) before.timer = setTimeout(() => this.#retire(old), DRAIN_MS);
    }
    if (this.#session.loggedIn)
      this.#around.repeats.say("info", { pool: upstream.pool.address.label }, this.#owner.who(), "session resumed");
    this.#stayOrReturn(upstream.pool);
    this.#flush();
  }

  /** Closes a connection that is not needed any more. */
  #retire(id: number): void {
    this.#upstreams.get(id)?.connection.close();
    this.#forget(id);
    this.#flush();
  }

  /** Gives a connection up that is open but of no use. */
  #abandon(id: number, reason: string): void {
    const upstream = this.#upstreams.get(id);
    if (upstream === undefined) return;
    upstream.connection.close();
    this.#avoid(upstream.pool);
    this.#onEnd(id, { reason, deliberate: false, unreachable: false });
  }

  /** It does not serve this miner, whatever it does for others. */
  #avoid({ rank }: PoolState): void {
    this.#avoided.add(rank);
    if (this.#avoided.size >= this.#around.failover.states.length) this.#avoided.clear();
  }

  #forget(id: number): void {
    clearTimeout(this.#upstreams.get(id)?.timer);
    this.#upstreams.delete(id);
    this.#session.close(id);
    if (this.#active === id) this.#active = null;
    if (this.#dialling === id) this.#dialling = null;
  }

  #onEnd(id: number, end: ConnectionEnd): void {
    const upstream = this.#upstreams.get(id);
    if (upstream === undefined || this.#closed) return;
    this.#forget(id);
    const { pool, openedAt } = upstream;
    const context = { pool: pool.address.label, reason: end.reason };
    if (end.unreachable) this.#around.failover.failed(pool.rank, end.reason);
    else if (openedAt === 0) this.#avoid(pool);
    const active = this.#activeUpstream;
    if (active !== undefined || this.#dialling !== null) {
      if (active !== undefined) this.#stayOrReturn(active.pool);
      this.#flush();
      return;
    }
    // Without a word why (a time-out, a ban of the whole address) it is for the back-off and the other pools.
    if (end.deliberate && upstream.parting) {
      this.#around.log.warn({ ...this.#owner.who(), ...context }, "the pool turned the miner away");
      this.#owner.onRefused("turned away by the pool", true);
      return;
    }
    if (openedAt > 0 && performance.now() - openedAt > GOOD_CONNECTION_MS) this.#failures = 0;
    this.#failures += 1;
    if (openedAt > 0) this.#reconnects += 1;
    const message = openedAt > 0 ? "pool connection lost" : "cannot connect to the pool";
    this.#around.repeats.say("warn", context, this.#owner.who(), message);
    const waitMs = backOffMs(this.#failures, Math.random(), this.#around.timings.backOff);
    this.#retry = setTimeout(() => this.#dial(), waitMs);
  }

  /** A pool that did not serve this miner may be well for all others: nobody but the miner itself finds out when that changes. */
  #stayOrReturn(pool: PoolState): void {
    clearTimeout(this.#homeward);
    this.#homeward = undefined;
    if (![...this.#avoided].some((rank) => rank < pool.rank)) return;
    this.#homeward = setTimeout(
      () => {
        this.#avoided.clear();
        this.#goHome();
      },
      spreadMs(RECONSIDER_FACTOR * this.#around.timings.returnAfterMs, Math.random()),
    );
  }

  #goHome(): void {
    this.#homeward = undefined;
    const active = this.#activeUpstream;
    const better = this.#around.failover.choose(0, this.#avoided);
    if (active === undefined || better.rank >= active.pool.rank) return;
    this.#around.log.info({ ...this.#owner.who(), pool: better.address.label }, "returning to the preferred pool");
    this.#dial();
  }

  #onDeferralOver(): void {
    this.#deferral = undefined;
    this.#session.releaseDeferred();
    this.#flush();
  }

  #flush(): void {
    const active = this.#activeUpstream;
    if (active !== undefined) {
      const { toPool, toMiner, fates } = this.#session.take();
      for (const line of toPool) active.connection.send(line);
      this.#owner.toMiner(toMiner);
      for (const fate of fates) this.#owner.onFate(fate);
    }
    this.#owner.onProgress();
  }
}

/** Whether pools hang up after such an answer; what another pool words in its own way may be one. */
function isParting({ refusal }: PoolOutcome): boolean {
  if (refusal === undefined || (refusal.reason === null && refusal.code === null)) return false;
  return refusal.reason === null || REJECTIONS[refusal.reason].disconnect !== "never";
}
