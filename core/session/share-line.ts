import type { Clock } from "../clock.ts";
import { isVerdictsText, readVerdicts, sharesText } from "../shares/carried-text.ts";
import type { JudgedShare, ShareSubmission } from "../shares/share.ts";

/** The session's end of a relay's WebSocket. */
export interface ShareSocket {
  /** Throws where it is closed. */
  send(text: string): void;
}

/** The way of shares that is no call. */
export interface SharesByLine {
  /** Shares may go by it now. */
  readonly isOpen: boolean;
  /**
   * @returns verdicts in the order of the shares, null for one that is late; null where there are none. Whoever has no verdict asks by a call,
   * as a retry. Never rejects
   */
  ask(verifier: string, shares: readonly ShareSubmission[]): Promise<readonly (JudgedShare | null)[] | null>;
}

export interface ShareLineDeps {
  readonly clock: Pick<Clock, "nowMs">;
  /** An open socket of a relay that takes shares; null where there is none. */
  readonly socket: () => ShareSocket | null;
  /** What comes beside a verdict. */
  readonly heard: (share: ShareSubmission, judged: JudgedShare) => void;
}

/** A relay answers within a second. What waits longer is asked for by a call as soon as anything wakes the session. */
const OVERDUE_MS = 2_000;
/** Messages a ms that a life of the session's may number without running into the numbers of the next one. */
const NUMBERS_A_MS = 1_000;

interface Pending {
  readonly socket: ShareSocket;
  readonly shares: readonly ShareSubmission[];
  readonly sinceMs: number;
  readonly settle: (verdicts: readonly (JudgedShare | null)[] | null) => void;
}

/**
 * Shares of a login through the WebSocket by which a relay brings its work: a message instead of a call, and the session need not be awake until
 * the answer (docs/decisions/0071-shares-by-the-relays-sockets.md). No timer runs here: one that is pending would keep the object awake,
 * and one that is called off would stay in its memory. The relay's answer or the end of the line wakes the session, and what has neither is
 * looked after with the next event of any kind.
 */
export class ShareLine implements SharesByLine {
  readonly #deps: ShareLineDeps;
  /** By number; the oldest first. */
  readonly #pending = new Map<number, Pending>();
  /** Sockets that have left a question without an answer. */
  readonly #mute = new WeakSet<ShareSocket>();
  #number = 0;

  constructor(deps: ShareLineDeps) {
    this.#deps = deps;
  }

  get isOpen(): boolean {
    return this.#socket !== null;
  }

  async ask(verifier: string, shares: readonly ShareSubmission[]): Promise<readonly (JudgedShare | null)[] | null> {
    const socket = this.#socket;
    const nowMs = this.#deps.clock.nowMs();
    // By the time: an answer to a question of a former life of the session must find none of this one.
    const number = (this.#number = Math.max(this.#number + 1, nowMs * NUMBERS_A_MS));
    const text = socket === null ? null : sharesText({ number, verifier, shares });
    if (socket === null || text === null) return null;
    return await new Promise((settle) => {
      this.#pending.set(number, { socket, shares, sinceMs: nowMs, settle });
      try {
        socket.send(text);
      } catch {
        this.#settle(number, null);
      }
    });
  }

  /**
   * A message of a relay's.
   * @returns whether it was about shares; `broken`: it was nothing that a relay says, and the line is to be ended
   */
  hear(socket: ShareSocket, text: string): boolean | "broken" {
    if (!isVerdictsText(text)) return false;
    const answer = readVerdicts(text);
    if (answer === null) return "broken";
    this.#mute.delete(socket);
    const { number, verdicts } = answer;
    const pending = this.#pending.get(number);
    // Answered already, or asked for by a call since.
    if (pending?.socket !== socket) return true;
    if (verdicts !== null && verdicts.length !== pending.shares.length) return "broken";
    // First the verdicts: nobody's waits for news to be passed on.
    this.#settle(number, verdicts);
    for (const [at, share] of pending.shares.entries()) {
      const judged = verdicts?.[at];
      if (judged) this.#deps.heard(share, judged);
    }
    return true;
  }

  /** A line has ended: what waits at it has to be asked for by calls. */
  lost(socket: ShareSocket): void {
    for (const [number, pending] of this.#pending) if (pending.socket === socket) this.#settle(number, null);
  }

  /** Something has woken the session: what waits for too long is asked for by calls, and no more goes by that line until it answers. */
  lookAfter(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const [number, { socket, sinceMs }] of this.#pending) {
      if (nowMs - sinceMs < OVERDUE_MS) return;
      this.#mute.add(socket);
      this.#settle(number, null);
    }
  }

  get #socket(): ShareSocket | null {
    const socket = this.#deps.socket();
    return socket === null || this.#mute.has(socket) ? null : socket;
  }

  #settle(number: number, verdicts: readonly (JudgedShare | null)[] | null): void {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    pending?.settle(verdicts);
  }
}
