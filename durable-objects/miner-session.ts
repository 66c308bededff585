import { accountHistory, sessionFigures, type SessionFigures } from "../core/api/account-history.ts";
import type { Range } from "../core/history/definitions.ts";
import { LoginHistory } from "../core/history/login-history.ts";
import type { Client } from "../core/policy/client.ts";
import { LoginSessions } from "../core/session/login-sessions.ts";
import type { PresentRigs } from "../core/session/present-rigs.ts";
import { ShareLine } from "../core/session/share-line.ts";
import type { WorkSnapshot } from "../core/work/job.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { accessLists } from "./platform/access-lists.ts";
import { loadConfig } from "./platform/config.ts";
import { ExtranonceClient } from "./platform/extranonce-client.ts";
import { GuardClient } from "./platform/guard-client.ts";
import { isolateRoom } from "./platform/isolate-room.ts";
import { lightCaches } from "./platform/light-caches.ts";
import { partLog } from "./platform/part-log.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import { VerifierClient } from "./platform/verifier-client.ts";
import { systemClock } from "./platform/system-clock.ts";
import { closeSocket, readHandover } from "./platform/session-handover.ts";
import type { GetworkRequest, MinerSessionRpc } from "./rpc.ts";
import { atHome } from "./platform/at-home.ts";
import { WorkLines } from "./platform/work-line.ts";

/** Every connection of one login (`idFromName(login)`). What is decided is decided in `core/session`. */
export class MinerSession extends PoolObject implements MinerSessionRpc {
  readonly #sessions: LoginSessions;
  readonly #lines: WorkLines;
  readonly #shares: ShareLine;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const log = partLog(env, "session");
    const { kv } = ctx.storage;
    const verifiers = new VerifierClient(env, log, {
      refuted: (login, worker, client) => this.#sessions.refuted(worker, client, login),
      background: (task) => ctx.waitUntil(task),
    });
    const lines = new WorkLines(ctx, (line) => this.#shares.lost(line));
    this.#lines = lines;
    this.#shares = new ShareLine({
      clock: systemClock,
      socket: () => lines.carrier,
      heard: (share, judged) => verifiers.heard(share, judged),
    });
    this.#sessions = new LoginSessions(loadConfig(env), {
      clock: systemClock,
      log,
      room: isolateRoom,
      guard: new GuardClient(env),
      name: ctx.id.toString(),
      lender: new ExtranonceClient(env, log),
      kept: (name) => ({ get: () => kv.get(name), set: (value) => kv.put(name, value) }),
      subscribe: (template, login) => atHome(env, env.BLOCK_TEMPLATE, template).subscribe(login),
      submit: verifiers.submit,
      submitAll: verifiers.submitAll,
      carry: this.#shares,
      resultOf: (header, nonce, mixDigest) => lightCaches.resultOf(header, nonce, mixDigest),
      history: new LoginHistory(sqlPort(ctx.storage)),
      lists: () => accessLists(env, Date.now()),
      peers: () => lines.miners,
      keptWork: { get: () => lines.kept, set: (work) => lines.keep(work) },
      background: (task) => ctx.waitUntil(task),
    });
  }

  /** Whatever calls wakes the session as well. */
  override async serve(version: number, method: string, parameters: readonly unknown[]): Promise<unknown> {
    this.#shares.lookAfter();
    return await super.serve(version, method, parameters);
  }

  /** Takes over a WebSocket that the Worker has admitted, or one by which a relay brings work. */
  override async fetch(request: Request): Promise<Response> {
    this.#shares.lookAfter();
    const relay = WorkLines.relayOf(request);
    if (relay !== null)
      return this.#sessions.listeners > 0 ? this.#lines.accept(relay, this.#sessions.work) : WorkLines.refuse();
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const loginByMs = this.#sessions.enter(server, readHandover(request), crypto.randomUUID());
    if (loginByMs !== null) {
      // An earlier alarm stays: every run looks at all connections.
      const set = await this.ctx.storage.getAlarm();
      if (set === null || set > loginByMs) await this.ctx.storage.setAlarm(loginByMs);
    }
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const relay = this.#lines.relayAt(ws);
    if (relay !== null) return await this.#hear(ws, relay, message);
    this.#shares.lookAfter();
    const frame = typeof message === "string" ? message : new Uint8Array(message);
    await this.#sessions.connection(ws)?.receive(frame);
  }

  override async webSocketClose(ws: WebSocket, code: number, reason: string): Promise<void> {
    const isLine = this.#lines.relayAt(ws) !== null;
    // The runtime does not answer the close of a hibernatable socket.
    closeSocket(ws, code, reason);
    await this.#ended(ws, isLine);
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    await this.#ended(ws, this.#lines.relayAt(ws) !== null);
  }

  async #ended(ws: WebSocket, isLine: boolean): Promise<void> {
    if (isLine) this.#shares.lost(ws);
    this.#shares.lookAfter();
    if (!isLine) await this.#sessions.leave(ws);
  }

  /** Verdicts or work of a relay. A socket by which no more is wanted is closed, and then the relay asks with a call who is there. */
  async #hear(ws: WebSocket, relay: string, message: string | ArrayBuffer): Promise<void> {
    // First what it says: an answer that is late and comes is no reason for a call.
    const heard = typeof message === "string" && this.#shares.hear(ws, message);
    this.#shares.lookAfter();
    if (heard === "broken") return this.#lines.end(ws, "not verdicts");
    if (heard) return;
    const work = WorkLines.workOf(message);
    if (work === null) return this.#lines.end(ws, "not a snapshot of work");
    if ((await this.#sessions.push(work, relay)) === 0) this.#lines.end(ws, "nobody wants work");
  }

  override async alarm(): Promise<void> {
    this.#shares.lookAfter();
    const next = await this.#sessions.sweep();
    if (next !== null) await this.ctx.storage.setAlarm(next);
  }

  async pushWork(work: WorkSnapshot, from?: string): Promise<number> {
    return await this.#sessions.push(work, from);
  }

  async refuted(worker: string, client?: Client, login?: string): Promise<void> {
    await this.#sessions.refuted(worker, client, login ?? null);
  }

  async disconnectIp(ip: string, reason: string): Promise<number> {
    return this.#sessions.disconnectIp(ip, reason);
  }

  async pause(paused: boolean): Promise<void> {
    await this.#sessions.pause(paused);
  }

  async closeAll(reason: string): Promise<void> {
    this.#sessions.closeAll(reason);
  }

  async connectionsFrom(ip: string): Promise<number> {
    return this.#sessions.connectionsFrom(ip);
  }

  async history(range: Range, worker?: string): Promise<string> {
    return accountHistory(range, this.#sessions.history(range, worker), Math.floor(Date.now() / 1000));
  }

  async figures(): Promise<SessionFigures> {
    return sessionFigures(this.#sessions.figures(), Math.floor(Date.now() / 1000));
  }

  async presentRigs(): Promise<PresentRigs> {
    return this.#sessions.presentRigs();
  }

  async getwork(request: GetworkRequest): Promise<string> {
    return await this.#sessions.getwork(request);
  }
}
