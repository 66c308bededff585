import type { Verdict } from "../core/history/definitions.ts";
import { tallied, type Tally } from "../core/history/tally.ts";
import type { GuardEvent } from "../core/policy/guard.ts";
import type { Logger } from "../core/log.ts";
import { handle } from "../core/stratum/handle.ts";
import { splitLines } from "../core/stratum/line-splitter.ts";
import type {
  PendingShare,
  SessionContext,
  SessionEffect,
  SessionInput,
  SessionState,
} from "../core/stratum/session.ts";
import type { ShareVerdict } from "../core/shares/share.ts";
import { thrown } from "./platform/part-log.ts";
import { readAttachment, type SessionAttachment, writeAttachment } from "./platform/session-attachment.ts";

/** Close code of a connection that the pool ends: a policy was violated, or the peer was silent. */
const POLICY_CLOSE = 1008;
/** The pool is at fault: the peer is to come back. */
const RESTART_CLOSE = 1012;

/** Shares of one connection that may wait for their verdicts; a reconnecting bridge brings fewer. */
const MAX_IN_FLIGHT = 512;

/** What a connection needs from the object that owns it. */
export interface SessionHost {
  context(owner: string): SessionContext;
  /** Work is at hand, or the template has been asked for it. */
  ready(owner: string): Promise<void>;
  /** The login may mine; also subscribes it to new work. */
  authenticate(login: string): Promise<boolean>;
  /** Hex; null when none can be had. */
  allocateExtranonce(session: string): Promise<string | null>;
  /** Stale submits of this login so far; the next share takes their number along. */
  noteStale(): void;
  verify(share: PendingShare): Promise<ShareVerdict>;
  /** Tells the guard. @returns false when it wants the client gone. */
  report(ip: string, event: GuardEvent): Promise<boolean>;
  /** Called before a submit is counted: finished periods go into the history. */
  settleTallies(nowMs: number): void;
  readonly log: Logger;
  /** Work that the object must outlive but that no further message waits for. */
  background(task: Promise<void>): void;
}

/** One WebSocket: takes frames in order, runs the state machine and does what it says. */
export class SessionConnection {
  readonly ws: WebSocket;
  readonly #host: SessionHost;
  #attachment: SessionAttachment;
  #queue: Promise<void> = Promise.resolve();
  #inFlight = 0;

  constructor(ws: WebSocket, attachment: SessionAttachment, host: SessionHost) {
    this.ws = ws;
    this.#attachment = attachment;
    this.#host = host;
  }

  /** A socket as hibernation left it; null when its attachment cannot be read. */
  static restore(ws: WebSocket, host: SessionHost): SessionConnection | null {
    const attachment = readAttachment(ws);
    return attachment && new SessionConnection(ws, attachment, host);
  }

  get attachment(): SessionAttachment {
    return this.#attachment;
  }

  get state(): SessionState {
    return this.#attachment.state;
  }

  /** One frame. Frames are handled one after the other; a verdict on a share is not waited for. */
  async receive(chunk: Uint8Array, nowMs: number): Promise<void> {
    this.#attachment = { ...this.#attachment, heardAtMs: nowMs };
    this.#queue = this.#queue.then(() => this.#take(chunk)).catch((error: unknown) => this.#fail(error));
    await this.#queue;
  }

  /** Feeds anything but a line. */
  async feed(input: SessionInput): Promise<void> {
    const { state, effects } = handle(this.state, input, this.#host.context(this.#attachment.owner), Date.now());
    this.#attachment = { ...this.#attachment, state };
    for (const effect of effects) await this.#perform(effect);
    this.#save();
  }

  get tally(): Tally | null {
    return this.#attachment.tally ?? null;
  }

  /** What was counted is in the history. */
  clearTally(): void {
    this.#attachment = { ...this.#attachment, tally: null };
    this.#save();
  }

  /** Its extranonce is its own for another lease. */
  leased(nowMs: number): void {
    this.#attachment = { ...this.#attachment, leasedAtMs: nowMs };
    this.#save();
  }

  /** Ends the connection from our side. */
  close(reason: string, code = POLICY_CLOSE): void {
    this.#attachment = { ...this.#attachment, state: { ...this.state, closed: true } };
    try {
      this.ws.close(code, reason);
    } catch {
      // Closed by the peer in the same moment.
    }
  }

  async #take(chunk: Uint8Array): Promise<void> {
    const { lines, rest, oversized } = splitLines(this.#attachment.partial, chunk);
    this.#attachment = { ...this.#attachment, partial: rest };
    if (lines.length > 0) await this.#host.ready(this.#attachment.owner);
    for (const text of lines) await this.feed({ kind: "line", text });
    if (oversized) await this.feed({ kind: "oversized" });
    if (lines.length === 0) this.#save();
  }

  async #perform(effect: SessionEffect): Promise<void> {
    switch (effect.kind) {
      case "send":
        return this.#send(effect.line);
      case "close":
        return this.close(effect.reason);
      case "report":
        if (effect.event === "staleShare") this.#countStale();
        return this.#host.background(this.#report(effect.event));
      case "authenticate":
        return await this.feed({
          kind: "authenticated",
          allowed: await this.#host.authenticate(effect.login),
        });
      case "allocate":
        return await this.feed({ kind: "extranonce", value: await this.#host.allocateExtranonce(this.state.id) });
      case "verify":
        return this.#host.background(this.#verify(effect.id, effect.share));
    }
  }

  async #verify(id: string, share: PendingShare): Promise<void> {
    const verdict = await this.#judge(share);
    const work = verdict.kind === "accepted" ? Number(share.shareDifficulty) : 0;
    if (verdict.kind !== "unavailable") this.#count(share.worker, verdict.kind, work);
    const refused = !(await this.#reportVerdict(verdict));
    await this.feed({ kind: "verdict", id, difficulty: share.shareDifficulty, verdict, refused });
  }

  async #judge(share: PendingShare): Promise<ShareVerdict> {
    if (this.#inFlight >= MAX_IN_FLIGHT) return { kind: "unavailable", reason: "too many shares in flight" };
    this.#inFlight++;
    try {
      return await this.#host.verify(share);
    } finally {
      this.#inFlight--;
    }
  }

  #fail(error: unknown): void {
    const { ip, owner } = this.#attachment;
    this.#host.log.error("a line could not be handled", { ip, login: owner, error: thrown(error) });
    this.close("Please reconnect", RESTART_CLOSE);
  }

  #countStale(): void {
    this.#host.noteStale();
    this.#count(this.state.worker, "stale", 0);
  }

  /** For rates and charts only. What follows every submit saves the attachment. */
  #count(worker: string, verdict: Verdict, work: number): void {
    const nowMs = Date.now();
    this.#host.settleTallies(nowMs);
    this.#attachment = { ...this.#attachment, tally: tallied(this.tally, nowMs, worker, verdict, work) };
  }

  async #reportVerdict(verdict: ShareVerdict): Promise<boolean> {
    switch (verdict.kind) {
      case "accepted":
        return await this.#host.report(this.#attachment.ip, "validShare");
      case "invalid":
        return await this.#host.report(this.#attachment.ip, "invalidShare");
      case "duplicate":
      case "unavailable":
        return true;
    }
  }

  async #report(event: GuardEvent): Promise<void> {
    const allowed = await this.#host.report(this.#attachment.ip, event);
    if (!allowed && !this.state.closed) this.close("Refused");
  }

  #send(line: string): void {
    try {
      this.ws.send(`${line}\n`);
    } catch {
      // The peer has gone; webSocketClose follows.
    }
  }

  #save(): void {
    try {
      writeAttachment(this.ws, this.#attachment);
    } catch {
      // A closed socket keeps nothing.
    }
  }
}
