import type { Range, Verdict } from "../core/history/definitions.ts";
import type { LoginHistoryReport } from "../core/history/login-history.ts";
import type { GuardEvent } from "../core/policy/guard.ts";
import type { Logger } from "../core/log.ts";
import type { PoolConfig } from "../core/pool-config.ts";
import { newSession } from "../core/stratum/handle.ts";
import type { PendingShare, SessionContext } from "../core/stratum/session.ts";
import type { ShareVerdict } from "../core/shares/share.ts";
import type { WorkSnapshot } from "../core/work/job.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { LEASE_MS } from "../core/stratum/extranonce.ts";
import { ExtranonceClient, leaseOf } from "./platform/extranonce-client.ts";
import { GuardClient } from "./platform/guard-client.ts";
import { partLog } from "./platform/part-log.ts";
import { accessLists } from "./platform/access-lists.ts";
import { type SessionAttachment, writeAttachment } from "./platform/session-attachment.ts";
import { SessionConnection, type SessionHost } from "./session-connection.ts";
import type { SessionHandover } from "./platform/session-handover.ts";
import { ShareSubmitter } from "./share-submitter.ts";
import { SubmitTallies } from "./submit-tallies.ts";
import { WorkFeed } from "./work-feed.ts";

/** All connections of one login and what they share: the work, the way to the verifier, the guard. */
export class SessionRoom implements SessionHost {
  readonly guard: GuardClient;
  readonly log: Logger;
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #config: PoolConfig;
  readonly #connections = new Map<WebSocket, SessionConnection>();
  readonly #feed: WorkFeed;
  readonly #submitter: ShareSubmitter;
  readonly #extranonces: ExtranonceClient;
  readonly #tallies: SubmitTallies;

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
    this.#config = loadConfig(env);
    this.log = partLog(env, "session");
    this.#feed = new WorkFeed(env, this.log);
    this.#submitter = new ShareSubmitter(env);
    this.#extranonces = new ExtranonceClient(env, this.log);
    this.#tallies = new SubmitTallies(ctx.storage);
    this.guard = new GuardClient(env);
  }

  /** Takes a new socket in. @returns when it must have logged in */
  enter(ws: WebSocket, { owner, ip, worker, begun }: SessionHandover, nowMs: number): number {
    this.#ctx.acceptWebSocket(ws);
    const fresh = newSession(begun?.id ?? crypto.randomUUID(), worker, this.#config.stratum.difficulty);
    const attachment: SessionAttachment = {
      version: 1,
      ip,
      owner,
      openedAtMs: nowMs,
      heardAtMs: nowMs,
      leasedAtMs: nowMs,
      partial: new Uint8Array(0),
      state: begun ? { ...fresh, dialect: begun.dialect, extranonce: begun.extranonce } : fresh,
    };
    writeAttachment(ws, attachment);
    this.#connections.set(ws, new SessionConnection(ws, attachment, this));
    return nowMs + this.#config.stratum.loginTimeoutMs;
  }

  /** The connection of a socket, restored after hibernation; a socket whose attachment cannot be read is closed. */
  connection(ws: WebSocket): SessionConnection | null {
    const known = this.#connections.get(ws);
    if (known) return known;
    const restored = SessionConnection.restore(ws, this);
    if (restored) this.#connections.set(ws, restored);
    else if (ws.readyState === WebSocket.OPEN) ws.close(1012, "Please reconnect");
    return restored;
  }

  /** Connections that are open from our side. */
  live(): SessionConnection[] {
    return this.#ctx
      .getWebSockets()
      .map((ws) => this.connection(ws))
      .filter((connection) => connection !== null)
      .filter(({ state }) => !state.closed);
  }

  /** A socket is gone. */
  async leave(ws: WebSocket): Promise<void> {
    const connection = this.connection(ws);
    if (connection) this.#tallies.settleLast(connection);
    const ip = connection?.attachment.ip;
    const lease = connection && leaseOf(connection.state);
    // A session that came back on another socket before this one was known to be dead keeps its lease.
    const resumed = lease && this.live().some((other) => other.ws !== ws && other.state.id === lease.session);
    if (lease && !resumed) await this.#extranonces.release(lease);
    this.#connections.delete(ws);
    const others = this.live().some((other) => other.ws !== ws && other.attachment.ip === ip);
    if (ip !== undefined && !others) await this.guard.flush(ip);
  }

  /** Closes who has been silent for too long or has not logged in. @returns the next deadline, null when nobody is left */
  sweep(nowMs: number): number | null {
    let next: number | null = null;
    for (const connection of this.live()) {
      const deadlineMs = this.#deadlineOf(connection);
      if (deadlineMs > nowMs) next = Math.min(next ?? deadlineMs, deadlineMs);
      else connection.close(connection.state.login === null ? "No login" : "Silent for too long");
    }
    return next;
  }

  /** Work pushed by the template. @returns how many connections there are; one that has not logged in will want the next */
  async push(work: WorkSnapshot): Promise<number> {
    if (this.#feed.offer(work)) await this.#announce();
    return this.live().length;
  }

  context(owner: string): SessionContext {
    const { chain, stratum, work } = this.#config;
    const { difficulty, vardiff, timeoutMs } = stratum;
    return { work: this.#feed.work, maxWorkAgeMs: work.maxAgeMs, difficulty, vardiff, chain, timeoutMs, owner };
  }

  async ready(owner: string): Promise<void> {
    const nowMs = Date.now();
    if (this.#feed.isDue(nowMs) && (await this.#feed.refresh(owner, nowMs))) await this.#announce();
  }

  async authenticate(login: string): Promise<boolean> {
    const [blacklisted] = await Promise.all([this.isBlacklisted(login), this.#feed.refresh(login, Date.now())]);
    return !blacklisted;
  }

  /** By the lists; by what they last said of this login where an isolate that has just started cannot read them. */
  async isBlacklisted(login: string): Promise<boolean> {
    const lists = await accessLists(this.#env, Date.now());
    const { kv } = this.#ctx.storage;
    const before = kv.get<boolean>("blacklisted") === true;
    if (!lists.loaded) return before;
    const now = lists.isBlacklisted(login);
    if (now && !before) kv.put("blacklisted", true);
    if (!now && before) kv.delete("blacklisted");
    return now;
  }

  async allocateExtranonce(session: string): Promise<string | null> {
    return await this.#extranonces.acquire(session);
  }

  /** Called with every alarm, which comes far more often than a lease runs out. */
  async renewExtranonces(nowMs: number): Promise<void> {
    const due = this.live().filter(({ attachment }) => nowMs - attachment.leasedAtMs > LEASE_MS / 2);
    const leases = due.flatMap(({ state }) => leaseOf(state) ?? []);
    const lost = leases.length === 0 ? [] : await this.#extranonces.renew(leases);
    if (lost === null) return;
    for (const connection of due) {
      const lease = leaseOf(connection.state);
      // Someone else searches these nonces by now: the miner comes back and gets others.
      if (lease && lost.includes(lease.value)) connection.close("Extranonce lost");
      else connection.leased(nowMs);
    }
  }

  /** The login's series and its workers' verdicts. */
  history(range: Range): LoginHistoryReport {
    return this.#tallies.report(range, Date.now(), this.live());
  }

  settleTallies(nowMs: number): void {
    this.#tallies.settleFinished(nowMs, () => this.live());
  }

  countLoose(worker: string, verdict: Verdict, work: number): void {
    const nowMs = Date.now();
    if (verdict === "stale") this.noteStale();
    this.settleTallies(nowMs);
    this.#tallies.countLoose(nowMs, worker, verdict, work);
  }

  noteStale(): void {
    this.#submitter.noteStale();
  }

  async verify(share: PendingShare): Promise<ShareVerdict> {
    const verdict = await this.#submitter.submit(share, Date.now());
    if (verdict.kind === "unavailable") {
      this.log.warn("a share was refused", { login: share.login, worker: share.worker, reason: verdict.reason });
    }
    return verdict;
  }

  async report(ip: string, event: GuardEvent): Promise<boolean> {
    return (await this.guard.report(ip, event)).allowed;
  }

  background(task: Promise<void>): void {
    this.#ctx.waitUntil(task);
  }

  /** Gives the new job to every connection that wants it. */
  async #announce(): Promise<void> {
    for (const connection of this.live()) await connection.feed({ kind: "work" });
  }

  #deadlineOf({ attachment, state }: SessionConnection): number {
    const { timeoutMs, loginTimeoutMs } = this.#config.stratum;
    return state.login === null ? attachment.openedAtMs + loginTimeoutMs : attachment.heardAtMs + timeoutMs;
  }
}
