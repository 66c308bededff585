import type { JsonObject } from "../json.ts";
import type { MinerLine, MinerRequest } from "../miner-side/miner-line.ts";
import { pushedExtranonce, subscribedExtranonce, subscribedSession } from "./nonce-range.ts";
import { errorOf } from "../pool-side/pool-line.ts";

/** A request of the miner that has no answer yet. */
export interface Tracked {
  /** Order in which the miner said it. */
  readonly sequence: number;
  readonly line: string;
  readonly parsed: Exclude<MinerLine, { kind: "answer" }>;
  /** First nonce bytes that a share was mined with, where the pool hands them out. */
  readonly extranonce: string | null;
  /** No connection carried the session when the miner said it. */
  readonly waited: boolean;
  /** Connections that it was sent on. */
  sends: number;
  /** Answers `Work not ready` that it got after a reconnect. */
  deferrals: number;
}

/** A push that came before the session was taken over. */
export interface HeldPush {
  readonly text: string;
  readonly body: JsonObject;
  readonly kind: "job" | "setting";
}

/** What one connection to a pool has been told, and has not answered. */
export class UpstreamSession {
  /** Unanswered requests by the id that they carry on this connection. */
  readonly wire = new Map<string, Tracked>();
  /** Settings in order and the newest job, until the miner may have them. */
  held: HeldPush[] = [];
  /** The extranonce of this connection; null until the pool said it. */
  extranonce: string | null = null;
  /** What this connection's pool calls the session. */
  session: string | null = null;
  readonly #replays = new Map<string, MinerRequest>();

  /** Remembers that a login was said again under this id. */
  replay(idKey: string, request: MinerRequest): void {
    this.#replays.set(idKey, request);
  }

  get replaying(): boolean {
    return this.#replays.size > 0;
  }

  /**
   * Takes the answer to a replayed login, which the miner had long ago and must not get again.
   * @returns null when it is no such answer, else why the pool refused, or an empty text.
   */
  answerReplay(idKey: string, body: JsonObject): string | null {
    const request = this.#replays.get(idKey);
    if (request === undefined) return null;
    this.#replays.delete(idKey);
    const error = errorOf(body);
    // A pool without extranonce changes says no to this one, and mines on all the same.
    if (request.method === "mining.extranonce.subscribe") return "";
    if (error !== null) return `${request.method}: ${error.message}`;
    if (body["result"] === false) return `${request.method} refused`;
    if (request.method === "mining.subscribe") {
      this.extranonce = subscribedExtranonce(body) ?? this.extranonce;
      this.session = subscribedSession(body);
    }
    return "";
  }

  hold(push: HeldPush): void {
    this.extranonce = pushedExtranonce(push.body) ?? this.extranonce;
    if (push.kind === "job") this.held = this.held.filter((other) => other.kind !== "job");
    this.held.push(push);
  }
}
