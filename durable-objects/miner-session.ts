import { DurableObject } from "cloudflare:workers";
import { getworkRefusal, readGetwork } from "../core/stratum/getwork.ts";
import { accountHistory } from "../core/api/account-history.ts";
import type { Range } from "../core/history/definitions.ts";
import type { WorkSnapshot } from "../core/work/job.ts";
import type { Env } from "./env.ts";
import { GetworkDesk } from "./getwork-desk.ts";
import type { GetworkRequest, MinerSessionRpc } from "./rpc.ts";
import { readHandover } from "./platform/session-handover.ts";
import { SessionRoom } from "./session-room.ts";

/** An HTTP miner polls every half second; one that has not come back for this long has left. */
const GETWORK_LISTENS_MS = 30_000;
const encoder = new TextEncoder();

/** Every connection of one login (`idFromName(login)`). */
export class MinerSession extends DurableObject<Env> implements MinerSessionRpc {
  readonly #room: SessionRoom;
  readonly #desk: GetworkDesk;
  #getworkUntilMs = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#room = new SessionRoom(ctx, env);
    this.#desk = new GetworkDesk(this.#room);
  }

  /** Takes over a WebSocket that the Worker has admitted. */
  override async fetch(request: Request): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    const loginByMs = this.#room.enter(server, readHandover(request), Date.now());
    // An earlier alarm stays: every run looks at all connections.
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > loginByMs) await this.ctx.storage.setAlarm(loginByMs);
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const chunk = typeof message === "string" ? encoder.encode(message) : new Uint8Array(message);
    await this.#room.connection(ws)?.receive(chunk, Date.now());
  }

  override async webSocketClose(ws: WebSocket, code: number, reason: string): Promise<void> {
    // The runtime does not answer the close of a hibernatable socket, and these three codes must not be sent.
    const answer = code === 1005 || code === 1006 || code === 1015 ? 1000 : code;
    try {
      ws.close(answer, reason);
    } catch {
      // Closed already, by us.
    }
    await this.#room.leave(ws);
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    await this.#room.leave(ws);
  }

  override async alarm(): Promise<void> {
    const next = this.#room.sweep(Date.now());
    await this.#room.renewExtranonces(Date.now());
    if (next !== null) await this.ctx.storage.setAlarm(next);
  }

  async pushWork(work: WorkSnapshot): Promise<number> {
    const listening = await this.#room.push(work);
    return listening + (Date.now() < this.#getworkUntilMs ? 1 : 0);
  }

  async disconnectIp(ip: string, reason: string): Promise<number> {
    const connections = this.#room.live().filter((connection) => connection.attachment.ip === ip);
    for (const connection of connections) connection.close(reason);
    return connections.length;
  }

  async history(range: Range): Promise<string> {
    return accountHistory(range, this.#room.history(range), Math.floor(Date.now() / 1000));
  }

  async getwork(request: GetworkRequest): Promise<string> {
    const nowMs = Date.now();
    this.#getworkUntilMs = nowMs + GETWORK_LISTENS_MS;
    const { allowed } = await this.#room.guard.admit(request.ip);
    if (!allowed) return getworkRefusal(readGetwork(request.body).id, "banned");
    if (await this.#room.isBlacklisted(request.login)) {
      this.ctx.waitUntil(this.#room.report(request.ip, "ban"));
      return getworkRefusal(readGetwork(request.body).id, "blacklisted");
    }
    return await this.#desk.answer(request, nowMs);
  }
}
