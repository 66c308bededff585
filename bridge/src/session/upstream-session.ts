import { readAnswer } from "../../../core/stratum/answers.ts";
import type { JsonObject } from "../json.ts";
import type { MinerRequest } from "../miner-side/miner-line.ts";
import { pushedExtranonce, subscribedExtranonce, subscribedSession } from "./nonce-range.ts";
import type { Tracked } from "./requests.ts";

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
  answerReplay(idKey: string, body: JsonObject, version2: boolean): string | null {
    const request = this.#replays.get(idKey);
    if (request === undefined) return null;
    this.#replays.delete(idKey);
    const answer = readAnswer(body, version2);
    // A pool without extranonce changes says no to this one, and mines on all the same.
    if (request.method === "mining.extranonce.subscribe") return "";
    if (answer.kind === "refused") return `${request.method}: ${answer.refusal.message}`;
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
