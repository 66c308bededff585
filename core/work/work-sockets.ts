import type { WorkSnapshot } from "./job.ts";
import { workText } from "./work-text.ts";

/** What a relay asks over a socket and the runtime of the other object answers by itself, without waking it. */
export const ALIVE_QUESTION = "edgepool: there?";
export const ALIVE_ANSWER = "edgepool: here";

/** A socket into the object of a login. */
export interface WorkSocket {
  /** Throws where it is closed. */
  send(text: string): void;
  close(): void;
}

/** What a socket tells of itself. */
export interface WorkSocketEvents {
  /** The answer to {@link ALIVE_QUESTION} has come. */
  alive(): void;
  /** Anything else that the other end says. */
  said(text: string): void;
  /** It is closed, or broken. */
  lost(): void;
}

export interface WorkSocketsDeps {
  /** Opens a socket into the object of a login. Null: nobody there wants work. */
  readonly dial: (login: string, events: WorkSocketEvents) => Promise<WorkSocket | null>;
  /** Brings work by a call. @returns connections that want the next */
  readonly call: (login: string, work: WorkSnapshot) => Promise<number>;
  /** What a session says. @param answer into the same socket; throws where it is closed @returns false for what nobody understands: the socket is closed */
  readonly onSaid: (login: string, text: string, answer: (text: string) => void) => boolean;
  /** What was sent last may not have arrived: whoever is behind this target gets the newest work again. */
  readonly onLost: (login: string) => void;
  readonly nowMs: () => number;
}

/** An open socket is asked no more often whether the other end is there. */
const ASK_EVERY_MS = 60_000;
/** Without an answer for so long it counts as lost. */
const PATIENCE_MS = 10_000;

interface Line {
  socket: WorkSocket | null;
  isDialling: boolean;
  askedAtMs: number;
  answered: boolean;
}

/**
 * Work by WebSocket instead of by call: a message into a hibernating object is billed as a twentieth of a call
 * (docs/decisions/0060-work-by-websocket.md). A socket is a way and no more: whoever has none is called.
 * No timers: a socket is looked at when there is something to send.
 */
export class WorkSockets {
  readonly #deps: WorkSocketsDeps;
  readonly #lines = new Map<string, Line>();

  constructor(deps: WorkSocketsDeps) {
    this.#deps = deps;
  }

  /** @returns connections that want the next work, at least 1 through a socket; 0 where nobody does. Rejects where it could not be brought */
  async send(login: string, work: WorkSnapshot): Promise<number> {
    const line = this.#lines.get(login);
    if (line !== undefined && this.#isSent(line, work)) return 1;
    return await this.#deps.call(login, work);
  }

  /** Opens a socket to each of these that has none. Every dial has begun when this returns. */
  dial(logins: Iterable<string>): void {
    for (const login of logins) {
      const line = this.#lineOf(login);
      if (line.socket !== null || line.isDialling) continue;
      line.isDialling = true;
      void this.#open(login, line).finally(() => (line.isDialling = false));
    }
  }

  /** Nobody is behind that login any more. */
  forget(login: string): void {
    const line = this.#lines.get(login);
    this.#lines.delete(login);
    if (line !== undefined) drop(line);
  }

  #lineOf(login: string): Line {
    const known = this.#lines.get(login);
    if (known !== undefined) return known;
    const line = { socket: null, isDialling: false, askedAtMs: -Infinity, answered: true };
    this.#lines.set(login, line);
    return line;
  }

  async #open(login: string, line: Line): Promise<void> {
    const dialled: { socket: WorkSocket | null; isLost: boolean } = { socket: null, isLost: false };
    const lost = (): void => {
      dialled.isLost = true;
      if (dialled.socket === null || line.socket !== dialled.socket) return;
      line.socket = null;
      this.#deps.onLost(login);
    };
    const events: WorkSocketEvents = {
      alive: () => void (line.answered = true),
      lost,
      said: (text) => {
        const { socket } = dialled;
        if (socket === null || this.#deps.onSaid(login, text, (answer) => socket.send(answer))) return;
        close(socket);
        lost();
      },
    };
    // Whoever could not be dialled is called, and dialled again later.
    dialled.socket = await this.#deps.dial(login, events).catch(() => null);
    if (dialled.isLost || dialled.socket === null) return;
    if (this.#lines.get(login) !== line) return dialled.socket.close();
    line.socket = dialled.socket;
    line.askedAtMs = this.#deps.nowMs();
    line.answered = true;
  }

  /** False: there is no socket, or it is no use and is dropped. */
  #isSent(line: Line, work: WorkSnapshot): boolean {
    const { socket } = line;
    if (socket === null) return false;
    const nowMs = this.#deps.nowMs();
    try {
      if (!line.answered && nowMs - line.askedAtMs > PATIENCE_MS) throw new Error("no answer");
      socket.send(workText(work));
      if (nowMs - line.askedAtMs < ASK_EVERY_MS) return true;
      line.askedAtMs = nowMs;
      line.answered = false;
      socket.send(ALIVE_QUESTION);
      return true;
    } catch {
      drop(line);
      return false;
    }
  }
}

function drop(line: Line): void {
  const { socket } = line;
  line.socket = null;
  if (socket !== null) close(socket);
}

function close(socket: WorkSocket): void {
  try {
    socket.close();
  } catch {
    // Closed already.
  }
}
