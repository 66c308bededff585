import type { Socket } from "node:net";
import { ShareCounter, type MinerStats } from "../bridge-stats.ts";
import { LineReader } from "../line-reader.ts";
import { SessionUplink, type UplinkOwner, type UplinkSurroundings } from "../pool-side/session-uplink.ts";
import type { KeptShares } from "../kept-shares.ts";
import { keepShares } from "../session/kept-session.ts";
import type { KnownSessions } from "../session/known-sessions.ts";
import type { Tracked } from "../session/requests.ts";
import type { ToMiner } from "../session/outcomes.ts";
import { ResumableSession } from "../session/resumable-session.ts";
import type { ShareFate } from "../session/share-fates.ts";
import type { UnclaimedShares } from "../session/unclaimed-shares.ts";
import { MinerWriter } from "./miner-writer.ts";

/** The pool bans whoever sends a longer line (docs/protocol.md, section 1), and all miners of a site share one address. */
const MAX_MINER_LINE_BYTES = 1024;
/** Requests without an answer: beyond, the miner is not read until some are answered. */
const PENDING_HIGH = 256;
const PENDING_LOW = 128;
/** First byte of a TLS handshake record. */
const TLS_HANDSHAKE = "\u0016";

/** What a miner needs from the bridge around it. */
export interface MinerSurroundings extends UplinkSurroundings {
  readonly claims: UnclaimedShares;
  readonly known: KnownSessions;
  /** Null where the bridge has no folder of its own. */
  kept(): KeptShares | null;
  /** The miner has gone and all its shares are answered or given up. */
  onFinished(miner: MinerConnection): void;
}

/** One miner: its TCP connection, which stays while those to the pools come and go behind it. */
export class MinerConnection implements UplinkOwner {
  readonly #socket: Socket;
  readonly #around: MinerSurroundings;
  readonly #session: ResumableSession;
  readonly #uplink: SessionUplink;
  readonly #writer: MinerWriter;
  readonly #lines = new LineReader(MAX_MINER_LINE_BYTES);
  readonly host: string;
  readonly #remote: string;
  readonly #connectedAtMs = Date.now();
  #overdue: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #greeted = false;
  #spoken = false;
  #gone = false;
  #finished = false;
  readonly #shares = new ShareCounter();
  #lastShareAtMs: number | null = null;

  constructor(socket: Socket, around: MinerSurroundings) {
    this.#socket = socket;
    this.#around = around;
    this.host = socket.remoteAddress ?? "?";
    this.#remote = `${this.host}:${socket.remotePort ?? 0}`;
    this.#session = new ResumableSession({
      takeClaim: (claim) => around.claims.take(claim),
      resume: (request) => around.known.resume(request, this.host),
      granted: (request, state) => around.known.granted(request, state, this.host),
    });
    this.#uplink = new SessionUplink(this.#session, around, this);
    this.#writer = new MinerWriter(socket, around.timings.jobGapMs, () => this.#drop("does not read what it is sent"));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.setTimeout(around.timings.firstLineTimeoutMs, () => this.#drop("says nothing"));
    socket.on("data", (chunk) => this.#onBytes(chunk));
    socket.on("error", ({ message: reason }) => around.log.debug({ ...this.who(), reason }, "miner connection failed"));
    socket.on("close", () => this.#onMinerGone());
    around.log.debug(this.who(), "miner connected");
  }

  /** It has not said a line yet: it may be a port scan, or a rig that hangs. */
  get silent(): boolean {
    return !this.#spoken && !this.#gone;
  }

  get stats(): MinerStats {
    const login = this.#session.login;
    return {
      remote: this.#remote,
      login: login?.address ?? null,
      worker: login?.worker ?? null,
      state: this.#state,
      pool: this.#uplink.pool?.address.label ?? null,
      connectedAtMs: this.#connectedAtMs,
      lastShareAtMs: this.#lastShareAtMs,
      pendingShares: this.#session.pendingShares,
      reportedHashrate: this.#session.hashrate,
      reconnects: this.#uplink.reconnects,
      ...this.#shares.counts,
    };
  }

  get #state(): MinerStats["state"] {
    if (this.#gone) return "gone";
    if (this.#uplink.pool === null && (this.#session.loggedIn || this.#session.pending > 0)) return "connecting";
    return this.#session.loggedIn ? "mining" : "waiting for login";
  }

  /** A pool of this rank is well again. */
  returnTo(rank: number): void {
    this.#uplink.returnTo(rank);
  }

  /** Its place is needed for a miner that talks. */
  makeWay(): void {
    this.#drop("says nothing, and its place is needed");
  }

  /** Ends everything now. */
  close(): void {
    this.#gone = true;
    this.#socket.destroy();
    this.#finish();
  }

  who(): Readonly<Record<string, unknown>> {
    const login = this.#session.login;
    return {
      miner: this.#remote,
      ...(login === null ? {} : { login: login.address }),
      ...(login?.worker ? { worker: login.worker } : {}),
    };
  }

  toMiner(lines: readonly ToMiner[]): void {
    if (!this.#gone) for (const line of lines) this.#writer.write(line);
  }

  onFate(fate: ShareFate): void {
    this.#lastShareAtMs = Date.now();
    this.#shares.count(fate.refusal?.message ?? null);
    if (fate.kept !== null) this.#around.kept()?.settled(fate.kept);
    if (fate.accepted && this.#gone && !fate.answeredBefore) this.#around.claims.add(fate.claim);
    if (!fate.accepted) this.#around.log.info({ ...this.who(), reason: fate.refusal?.message }, "share not accepted");
  }

  onRefused(reason: string, final: boolean): void {
    this.#drop(reason);
    if (!final) return;
    for (const fate of this.#session.giveUp(reason)) this.onFate(fate);
    this.#finish();
  }

  onProgress(): void {
    if (this.#gone && this.#session.pendingShares === 0) this.#finish();
    else this.#throttle();
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
    const nowMs = performance.now();
    const broken = lines.findIndex((line) => !this.#session.accept(line, nowMs));
    if (lines.length > 0) {
      this.#spoken = true;
      this.#socket.setTimeout(0);
      this.#overdue ??= setTimeout(() => this.#onOverdue(), this.#around.timings.answerWithinMs);
    }
    if (this.#session.asksForWork) this.#writer.expectWork();
    this.#uplink.carry();
    if (this.#uplink.pool === null && this.#session.loggedIn) this.#answerOverdue();
    // Neither ever reaches the pool: it would ban the address, and with it every other rig of the site.
    if (broken !== -1) this.#drop("sent a line that is not a JSON object");
    else if (oversized) this.#drop(`sent a line of more than ${MAX_MINER_LINE_BYTES} bytes`);
  }

  /** Miners give a pool up that does not answer within 2 s; what the bridge knows it says itself before that. */
  #answerOverdue(): void {
    const { answerWithinMs, jobYoungMs } = this.#around.timings;
    const { toMiner, toKeep, relogin } = this.#session.overdue(performance.now(), answerWithinMs, jobYoungMs);
    this.toMiner(toMiner);
    void this.#keep(toKeep);
    if (relogin) this.#uplink.reconnect();
    this.#throttle();
  }

  #onOverdue(): void {
    this.#overdue = undefined;
    if (this.#gone) return;
    this.#answerOverdue();
    const againMs = this.#around.timings.answerWithinMs / 4;
    if (this.#session.pending > 0) this.#overdue = setTimeout(() => this.#onOverdue(), againMs);
  }

  /** Once a share is on disk, the miner has its yes: it reaches the pool whatever happens to the pool or to this process. */
  async #keep(shares: readonly Tracked[]): Promise<void> {
    const kept = this.#around.kept();
    if (kept === null || shares.length === 0 || !(await keepShares(kept, this.#session.state, shares))) return;
    for (const share of shares) {
      const yes = this.#session.acknowledge(share);
      if (yes === null && share.kept !== null) kept.settled(share.kept);
      if (yes !== null) this.toMiner([yes]);
    }
    this.#throttle();
  }

  #throttle(): void {
    if (this.#gone) return;
    if (this.#uplink.congested || this.#session.pending >= PENDING_HIGH) this.#socket.pause();
    else if (this.#socket.isPaused() && this.#session.pending < PENDING_LOW) this.#socket.resume();
  }

  /** Ends the miner's connection; what was written to it still goes out. */
  #drop(reason: string): void {
    if (this.#gone) return;
    this.#around.log.warn({ ...this.who(), reason }, "miner disconnected by the bridge");
    this.#socket.destroySoon();
    this.#onMinerGone();
  }

  /** Its shares are not lost with it: they are still carried to the pool for a while, and those on disk until a pool answers. */
  #onMinerGone(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#writer.stop();
    clearTimeout(this.#overdue);
    this.#around.known.park(this.#session.state, this.host);
    this.#session.keepOnlyShares();
    const { accepted, rejected } = this.#shares.counts;
    if (this.#session.loggedIn) this.#around.log.info({ ...this.who(), accepted, rejected }, "miner gone");
    if (this.#session.pendingShares === 0) this.#finish();
    else this.#linger = setTimeout(() => this.#onLingered(), this.#around.timings.lingerMs);
  }

  #onLingered(): void {
    this.#session.keepOnlyKept();
    this.onProgress();
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#linger);
    clearTimeout(this.#overdue);
    this.#uplink.close();
    this.#around.onFinished(this);
  }
}

/** What a miner speaks that says anything but stratum on a stratum port, in words that help its owner; null for what is not known. */
function foreignProtocol(bytes: string): string | null {
  if (bytes.startsWith(TLS_HANDSHAKE)) return "speaks TLS on a port without; give it one of --listen-tls";
  if (/^(?:GET|POST|PUT|HEAD|OPTIONS) \//.test(bytes))
    return "speaks HTTP on a stratum port; give it one of --listen-getwork";
  return null;
}
