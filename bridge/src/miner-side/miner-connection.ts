import type { Socket } from "node:net";
import { backOffMs, spreadMs } from "../../../core/back-off.ts";
import type { MinerStats } from "../bridge-stats.ts";
import { foreignProtocol } from "./foreign-protocol.ts";
import { LineReader } from "../line-reader.ts";
import type { LogRepeats } from "../log-repeats.ts";
import type { Login } from "./miner-line.ts";
import { MinerWriter } from "./miner-writer.ts";
import type { BridgeLog, BridgeTimings } from "../options.ts";
import type { ConnectionEnd, ConnectionHandlers, PoolConnection } from "../pool-side/pool-connection.ts";
import type { PoolFailover, PoolState } from "../pool-side/pool-failover.ts";
import { ResumableSession, type PoolOutcome } from "../session/resumable-session.ts";
import type { UnclaimedShares } from "../session/unclaimed-shares.ts";

/** The pool bans whoever sends a longer line (docs/protocol.md, section 1), and all miners of a site share one address. */
const MAX_MINER_LINE_BYTES = 1024;
/** Requests without an answer: beyond, the miner is not read until some are answered. */
const PENDING_HIGH = 256;
const PENDING_LOW = 128;
/** A connection that lasted this long was a good one: the next failure is a new story. */
const GOOD_CONNECTION_MS = 5_000;
const DRAIN_MS = 10_000;
/** A preferred pool that did not serve this miner is tried again after so many times the wait for one that was down. */
const RECONSIDER_FACTOR = 5;
const DEFERRED_MS = 1_000;
/** Errors after which the pool keeps the connection: `Work not ready` and `Duplicate share`. */
const HARMLESS_ERRORS = new Set<number | null>([0, 22]);

/** What a miner needs from the bridge around it. */
export interface MinerSurroundings {
  readonly failover: PoolFailover;
  readonly claims: UnclaimedShares;
  readonly timings: BridgeTimings;
  readonly log: BridgeLog;
  readonly repeats: LogRepeats;
  dial(pool: PoolState, login: Login | null, handlers: ConnectionHandlers): PoolConnection;
  /** The miner has gone and all its shares are answered or given up. */
  onFinished(miner: MinerConnection): void;
}

interface Upstream {
  readonly connection: PoolConnection;
  readonly pool: PoolState;
  openedAt: number;
  timer: NodeJS.Timeout | undefined;
  /** The last line was an error after which pools hang up. */
  parting: boolean;
}

/** One miner: its TCP connection, which stays, and the connections to pools, which come and go behind it. */
export class MinerConnection {
  readonly #socket: Socket;
  readonly #around: MinerSurroundings;
  readonly #log: BridgeLog;
  readonly #session: ResumableSession;
  readonly #writer: MinerWriter;
  readonly #lines = new LineReader(MAX_MINER_LINE_BYTES);
  readonly #upstreams = new Map<number, Upstream>();
  readonly #avoided = new Set<number>();
  readonly #remote: string;
  readonly #connectedAtMs = Date.now();
  #nextUpstream = 1;
  #active: number | null = null;
  #dialling: number | null = null;
  #retry: NodeJS.Timeout | undefined;
  #deferral: NodeJS.Timeout | undefined;
  #homeward: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #greeted = false;
  #gone = false;
  #finished = false;
  /** Connections that came to nothing, since the last good one. */
  #failures = 0;
  #counts = { accepted: 0, rejected: 0, reconnects: 0 };
  #lastShareAtMs: number | null = null;

  constructor(socket: Socket, around: MinerSurroundings) {
    this.#socket = socket;
    this.#around = around;
    this.#log = around.log;
    this.#session = new ResumableSession(around.claims);
    this.#remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    this.#writer = new MinerWriter(socket, around.timings.jobGapMs, () => this.#drop("does not read what it is sent"));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.setTimeout(around.timings.firstLineTimeoutMs, () => this.#drop("says nothing"));
    socket.on("data", (chunk) => this.#onBytes(chunk));
    socket.on("error", (error) =>
      this.#log.debug({ ...this.#who(), reason: error.message }, "miner connection failed"),
    );
    socket.on("close", () => this.#onMinerGone());
    this.#log.debug(this.#who(), "miner connected");
  }

  get stats(): MinerStats {
    const active = this.#active === null ? undefined : this.#upstreams.get(this.#active);
    return {
      remote: this.#remote,
      login: this.#session.login?.address ?? null,
      worker: this.#session.login?.worker ?? null,
      state: this.#state,
      pool: active?.pool.address.label ?? null,
      connectedAtMs: this.#connectedAtMs,
      lastShareAtMs: this.#lastShareAtMs,
      pendingShares: this.#session.pendingShares,
      reportedHashrate: this.#session.hashrate,
      ...this.#counts,
    };
  }

  get #state(): MinerStats["state"] {
    if (this.#gone) return "gone";
    if (this.#active === null && (this.#session.loggedIn || this.#session.pending > 0)) return "connecting";
    return this.#session.loggedIn ? "mining" : "waiting for login";
  }

  /** A pool of this rank is well again: go there, at a random moment, if it is preferred to the one in use. */
  returnTo(rank: number): void {
    this.#avoided.delete(rank);
    const active = this.#active === null ? undefined : this.#upstreams.get(this.#active);
    if (active === undefined || active.pool.rank <= rank || this.#homeward !== undefined) return;
    this.#homeward = setTimeout(() => this.#goHome(), Math.random() * this.#around.timings.returnSpreadMs);
  }

  /** Ends everything now. */
  close(): void {
    this.#gone = true;
    this.#socket.destroy();
    this.#finish();
  }

  #onBytes(chunk: Buffer): void {
    if (this.#gone) return;
    const foreign = this.#greeted ? null : foreignProtocol(chunk.toString("latin1", 0, 16));
    this.#greeted = true;
    if (foreign !== null) {
      this.#drop(foreign);
      return;
    }
    const { lines, oversized } = this.#lines.push(chunk);
    const broken = lines.findIndex((line) => !this.#session.accept(line));
    if (lines.length > 0) this.#socket.setTimeout(0);
    if (this.#upstreams.size === 0 && this.#retry === undefined && this.#session.pending > 0) this.#dial();
    else this.#flush();
    // Neither ever reaches the pool: it would ban the address, and with it every other rig of the site.
    if (broken !== -1) this.#drop("sent a line that is not a JSON object");
    else if (oversized) this.#drop(`sent a line of more than ${MAX_MINER_LINE_BYTES} bytes`);
  }

  #dial(): void {
    this.#retry = undefined;
    if (this.#finished || this.#dialling !== null) return;
    const pool = this.#around.failover.choose(this.#failures, this.#avoided);
    const id = this.#nextUpstream;
    this.#nextUpstream += 1;
    this.#dialling = id;
    const connection = this.#around.dial(pool, this.#session.login, {
      onOpen: () => this.#onOpen(id),
      onLine: (line) => this.#onLine(id, line),
      onEnd: (end) => this.#onEnd(id, end),
      onDrain: () => this.#throttle(),
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
    if (upstream === undefined || this.#finished) return;
    const before = this.#session.loggedIn;
    const outcome = this.#session.fromPool(id, text);
    if (!before && this.#session.loggedIn)
      this.#log.info({ ...this.#who(), pool: upstream.pool.address.label }, "miner logged in");
    if (outcome.refused !== undefined) {
      this.#abandon(id, `the pool does not take the session over: ${outcome.refused}`);
      return;
    }
    if (outcome.resumed === true) this.#activate(id, upstream);
    if (id === this.#active) this.#onServing(upstream);
    upstream.parting = outcome.error !== undefined && !HARMLESS_ERRORS.has(outcome.error.code);
    for (const line of outcome.toMiner) this.#writer.write(line);
    this.#account(outcome);
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
    const toMiner = this.#session.activate(id);
    const old = this.#active;
    this.#active = id;
    this.#dialling = null;
    if (toMiner === null) {
      this.#drop("cannot be given a new extranonce; it has to connect again");
      return;
    }
    for (const line of toMiner) this.#writer.write(line);
    if (old !== null) {
      const before = this.#upstreams.get(old);
      if (this.#session.unansweredOn(old) === 0) this.#retire(old);
      else if (before !== undefined) before.timer = setTimeout(() => this.#retire(old), DRAIN_MS);
    }
    if (this.#session.loggedIn)
      this.#around.repeats.say("info", { pool: upstream.pool.address.label }, this.#who(), "session resumed");
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
    this.#avoided.add(upstream.pool.rank);
    if (this.#avoided.size >= this.#around.failover.states.length) this.#avoided.clear();
    this.#onEnd(id, { reason, deliberate: false, neverOpen: false });
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
    if (upstream === undefined || this.#finished) return;
    this.#forget(id);
    const context = { pool: upstream.pool.address.label, reason: end.reason };
    if (end.neverOpen) this.#around.failover.failed(upstream.pool.rank, end.reason);
    const active = this.#active === null ? undefined : this.#upstreams.get(this.#active);
    if (active !== undefined || this.#dialling !== null) {
      if (active !== undefined) this.#stayOrReturn(active.pool);
      this.#flush();
      return;
    }
    // Without a word why (a time-out, a ban of the whole address) it is for the back-off and the other pools.
    if (end.deliberate && upstream.parting) {
      this.#log.warn({ ...this.#who(), ...context }, "the pool turned the miner away");
      this.#drop("turned away by the pool");
      this.#finish();
      return;
    }
    if (upstream.openedAt > 0 && performance.now() - upstream.openedAt > GOOD_CONNECTION_MS) this.#failures = 0;
    this.#failures += 1;
    const waitMs = backOffMs(this.#failures, Math.random(), this.#around.timings.backOff);
    if (upstream.openedAt > 0) this.#counts.reconnects += 1;
    this.#around.repeats.say(
      "warn",
      context,
      this.#who(),
      upstream.openedAt > 0 ? "pool connection lost" : "cannot connect to the pool",
    );
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
    const active = this.#active === null ? undefined : this.#upstreams.get(this.#active);
    const better = this.#around.failover.choose(0, this.#avoided);
    if (active === undefined || better.rank >= active.pool.rank) return;
    this.#log.info({ ...this.#who(), pool: better.address.label }, "returning to the preferred pool");
    this.#dial();
  }

  #account({ share, error }: PoolOutcome): void {
    if (share === undefined) return;
    this.#lastShareAtMs = Date.now();
    if (share.accepted) {
      this.#counts.accepted += 1;
      if (this.#gone) this.#around.claims.add(share.claim);
    } else {
      this.#counts.rejected += 1;
      this.#log.info({ ...this.#who(), reason: error?.message ?? "stale or invalid" }, "share not accepted");
    }
  }

  #onDeferralOver(): void {
    this.#deferral = undefined;
    this.#session.releaseDeferred();
    this.#flush();
  }

  #flush(): void {
    const upstream = this.#active === null ? undefined : this.#upstreams.get(this.#active);
    if (upstream !== undefined) {
      const { toPool, toMiner } = this.#session.take();
      for (const line of toPool) upstream.connection.send(line);
      for (const line of toMiner) this.#writer.write(line);
    }
    if (this.#gone && this.#session.pendingShares === 0) this.#finish();
    else this.#throttle();
  }

  #throttle(): void {
    if (this.#gone) return;
    const congested = this.#active !== null && this.#upstreams.get(this.#active)?.connection.congested === true;
    if (congested || this.#session.pending >= PENDING_HIGH) this.#socket.pause();
    else if (this.#socket.isPaused() && this.#session.pending < PENDING_LOW) this.#socket.resume();
  }

  /** Ends the miner's connection; what was written to it still goes out. */
  #drop(reason: string): void {
    if (this.#gone) return;
    this.#log.warn({ ...this.#who(), reason }, "miner disconnected by the bridge");
    this.#socket.destroySoon();
    this.#onMinerGone();
  }

  /** Its shares are not lost with it: they are still carried to the pool for a while. */
  #onMinerGone(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#writer.stop();
    this.#session.keepOnlyShares();
    if (this.#session.loggedIn) this.#log.info({ ...this.#who(), ...this.#counts }, "miner gone");
    if (this.#session.pendingShares === 0) this.#finish();
    else this.#linger = setTimeout(() => this.#finish(), this.#around.timings.lingerMs);
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    for (const timer of [this.#retry, this.#deferral, this.#homeward, this.#linger]) clearTimeout(timer);
    for (const [id, upstream] of this.#upstreams) {
      upstream.connection.close();
      this.#forget(id);
    }
    this.#around.onFinished(this);
  }

  #who(): Record<string, unknown> {
    const login = this.#session.login;
    return {
      miner: this.#remote,
      ...(login === null ? {} : { login: login.address }),
      ...(login?.worker ? { worker: login.worker } : {}),
    };
  }
}
