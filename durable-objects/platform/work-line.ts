import * as v from "valibot";
import { CARRIED_FORMAT } from "../../core/shares/carried-text.ts";
import { workText, WorkReader } from "../../core/work/work-text.ts";
import type { WorkSnapshot } from "../../core/work/job.ts";
import { ALIVE_ANSWER, ALIVE_QUESTION, type WorkSocket, type WorkSocketEvents } from "../../core/work/work-sockets.ts";
import type { Env } from "../env.ts";
import { closeSocket } from "./session-handover.ts";
import { ofLogin } from "./at-home.ts";

/** In the upgrade request of a relay: its name. Clients cannot set it: the Worker builds requests to sessions anew. */
const HEADER = "edgepool-work-from";
/** In the same request: how shares have to be written that the relay takes. One of before took none. */
const SHARES_HEADER = "edgepool-shares";
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
  const headers = { Upgrade: "websocket", [HEADER]: relay, [SHARES_HEADER]: CARRIED_FORMAT };
  const response = await ofLogin(env, env.MINER_SESSION, login).fetch("https://miner-session/", { headers });
  const socket = response.webSocket;
  if (socket === null) {
    if (response.status === NOBODY) return null;
    throw new Error(`a session answered ${response.status} to a relay`);
  }
  socket.addEventListener("message", ({ data }) => {
    if (data === ALIVE_ANSWER) events.alive();
    else events.said(typeof data === "string" ? data : "");
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
  readonly #onEnd: (line: WebSocket) => void;
  readonly #relays = new WeakMap<WebSocket, RelayEnd | null>();

  /** @param onEnd a line was ended from this side: nothing more is heard by it */
  constructor(ctx: DurableObjectState, onEnd: (line: WebSocket) => void) {
    this.#ctx = ctx;
    this.#onEnd = onEnd;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(ALIVE_QUESTION, ALIVE_ANSWER));
  }

  /** The relay that a request comes from; null for one that is not a relay's. */
  static relayOf({ headers }: Request): RelayEnd | null {
    const relay = headers.get(HEADER);
    return relay === null ? null : { relay, carries: headers.get(SHARES_HEADER) === CARRIED_FORMAT };
  }

  /** @param work that the session has by now */
  accept(end: RelayEnd, work: WorkSnapshot | null): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    // One a relay: of a life that is over nobody may ever have said so.
    for (const other of this.#ctx.getWebSockets(TAG))
      if (this.relayAt(other) === end.relay) this.end(other, "replaced");
    this.#ctx.acceptWebSocket(server, [TAG]);
    keep(server, end, work === null ? null : workText(work));
    return new Response(null, { status: 101, webSocket: client });
  }

  static refuse(): Response {
    return new Response(null, { status: NOBODY });
  }

  /** The relay at the other end; null where the socket is a miner's. */
  relayAt(socket: WebSocket): string | null {
    return this.#endAt(socket)?.relay ?? null;
  }

  /** An open socket of a relay that takes shares; null where there is none. */
  get carrier(): WebSocket | null {
    for (const socket of this.#ctx.getWebSockets(TAG))
      if (socket.readyState === WebSocket.OPEN && this.#endAt(socket)?.carries === true) return socket;
    return null;
  }

  #endAt(socket: WebSocket): RelayEnd | null {
    let end = this.#relays.get(socket);
    if (end === undefined) {
      // Not by its tag, which a socket that is closed has no more.
      const kept = keptIn(socket);
      end = kept && { relay: kept.relay, carries: kept.carries === true };
      this.#relays.set(socket, end);
    }
    return end;
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
    for (const socket of lines) keep(socket, this.#endAt(socket) ?? { relay: "" }, text);
  }

  /** The work that a relay says. @returns null for anything else */
  static workOf(message: string | ArrayBuffer): WorkSnapshot | null {
    return typeof message === "string" ? reader.read(message) : null;
  }

  end(socket: WebSocket, reason: string): void {
    closeSocket(socket, 1000, reason);
    this.#onEnd(socket);
  }
}

/** Who is at the other end of such a socket. */
interface RelayEnd {
  readonly relay: string;
  /** It takes shares. */
  readonly carries?: boolean;
}

const attachment = v.object({
  relay: v.string(),
  carries: v.exactOptional(v.boolean()),
  work: v.nullable(v.string()),
});

function keep(socket: WebSocket, { relay, carries = false }: RelayEnd, text: string | null): void {
  const work = text !== null && text.length <= LONGEST_KEPT ? text : null;
  socket.serializeAttachment({ relay, carries, work } satisfies v.InferOutput<typeof attachment>);
}

/** Null for the socket of a miner. */
function keptIn(socket: WebSocket): v.InferOutput<typeof attachment> | null {
  const read = v.safeParse(attachment, socket.deserializeAttachment());
  return read.success ? read.output : null;
}
