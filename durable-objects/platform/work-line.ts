import * as v from "valibot";
import { workText, WorkReader } from "../../core/work/work-text.ts";
import type { WorkSnapshot } from "../../core/work/job.ts";
import { ALIVE_ANSWER, ALIVE_QUESTION, type WorkSocket, type WorkSocketEvents } from "../../core/work/work-sockets.ts";
import type { Env } from "../env.ts";
import { closeSocket } from "./session-handover.ts";
import { ofLogin } from "./at-home.ts";

/** In the upgrade request of a relay: its name. Clients cannot set it: the Worker builds requests to sessions anew. */
const HEADER = "edgepool-work-from";
/** Marks such sockets among those of a session. */
const TAG = "work";
/** An attachment takes 16,384 bytes. Work that is longer is asked for after a hibernation. */
const LONGEST_KEPT = 15_000;

/** Opens the WebSocket by which a relay brings work to the object of a login. Null: nobody there wants work. */
export async function dialSession(
  env: Env,
  login: string,
  relay: string,
  events: WorkSocketEvents,
): Promise<WorkSocket | null> {
  const headers = { Upgrade: "websocket", [HEADER]: relay };
  const response = await ofLogin(env, env.MINER_SESSION, login).fetch("https://miner-session/", { headers });
  const socket = response.webSocket;
  if (socket === null) {
    if (response.status === NOBODY) return null;
    throw new Error(`a session answered ${response.status} to a relay`);
  }
  socket.addEventListener("message", ({ data }) => {
    if (data === ALIVE_ANSWER) events.alive();
  });
  socket.addEventListener("close", () => events.lost());
  socket.addEventListener("error", () => events.lost());
  socket.accept();
  return { send: (text) => socket.send(text), close: () => socket.close(1000) };
}

const NOBODY = 204;

/** In module scope on purpose: all sessions of an isolate are sent the same. It holds data only. */
const reader = new WorkReader();

/** A session's ends of such sockets, and what it keeps in them over a hibernation: the work that it had last. */
export class WorkLines {
  readonly #ctx: DurableObjectState;
  readonly #relays = new WeakMap<WebSocket, string | null>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(ALIVE_QUESTION, ALIVE_ANSWER));
  }

  /** The relay that a request comes from; null for one that is not a relay's. */
  static relayOf(request: Request): string | null {
    return request.headers.get(HEADER);
  }

  /** @param work that the session has by now */
  accept(relay: string, work: WorkSnapshot | null): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    // One a relay: of a life that is over nobody may ever have said so.
    for (const other of this.#ctx.getWebSockets(TAG))
      if (this.relayAt(other) === relay) closeSocket(other, 1000, "replaced");
    this.#ctx.acceptWebSocket(server, [TAG]);
    keep(server, relay, work === null ? null : workText(work));
    return new Response(null, { status: 101, webSocket: client });
  }

  static refuse(): Response {
    return new Response(null, { status: NOBODY });
  }

  /** The relay at the other end; null where the socket is a miner's. */
  relayAt(socket: WebSocket): string | null {
    let relay = this.#relays.get(socket);
    if (relay === undefined) {
      // Not by its tag, which a socket that is closed has no more.
      relay = keptIn(socket)?.relay ?? null;
      this.#relays.set(socket, relay);
    }
    return relay;
  }

  /** Sockets that are not a relay's. */
  get miners(): WebSocket[] {
    const lines = new Set(this.#ctx.getWebSockets(TAG));
    const all = this.#ctx.getWebSockets();
    return lines.size === 0 ? all : all.filter((socket) => !lines.has(socket));
  }

  /** What was kept by the life before; null where nothing was, or where no relay's socket is open: then the work of now is another one. */
  get kept(): WorkSnapshot | null {
    let newest: WorkSnapshot | null = null;
    for (const socket of this.#ctx.getWebSockets(TAG)) {
      const text = keptIn(socket)?.work ?? null;
      const work = text === null ? null : reader.read(text);
      if (work !== null && work.sequence >= (newest?.sequence ?? 0)) newest = work;
    }
    return newest;
  }

  keep(work: WorkSnapshot): void {
    const lines = this.#ctx.getWebSockets(TAG);
    if (lines.length === 0) return;
    const text = workText(work);
    for (const socket of lines) keep(socket, this.relayAt(socket) ?? "", text);
  }

  /** The work that a relay says. @returns null for anything else */
  static workOf(message: string | ArrayBuffer): WorkSnapshot | null {
    return typeof message === "string" ? reader.read(message) : null;
  }

  static end(socket: WebSocket, reason: string): void {
    closeSocket(socket, 1000, reason);
  }
}

const attachment = v.object({ relay: v.string(), work: v.nullable(v.string()) });

function keep(socket: WebSocket, relay: string, text: string | null): void {
  const work = text !== null && text.length <= LONGEST_KEPT ? text : null;
  socket.serializeAttachment({ relay, work } satisfies v.InferOutput<typeof attachment>);
}

/** Null for the socket of a miner. */
function keptIn(socket: WebSocket): v.InferOutput<typeof attachment> | null {
  const read = v.safeParse(attachment, socket.deserializeAttachment());
  return read.success ? read.output : null;
}
