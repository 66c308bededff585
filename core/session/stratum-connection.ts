import type { Clock } from "../clock.ts";
import type { Verdict } from "../history/definitions.ts";
import { tallied, type Tally } from "../history/tally.ts";
import { type Logger, thrown } from "../log.ts";
import type { GuardEvent } from "../policy/guard.ts";
import { type NamedWorker, parseLogin } from "../policy/login.ts";
import { type DifficultyClass, shareWorth } from "../shares/difficulty-classes.ts";
import { countedAs, type ShareVerdict } from "../shares/share.ts";
import { awaitsFirstJob } from "../stratum/give-job.ts";
import { handle } from "../stratum/handle.ts";
import { afterLines, type Frame, frameBytes, frameText, joinBytes, splitLines } from "../stratum/line-splitter.ts";
import { loginOf } from "../stratum/messages.ts";
import type { PendingShare, SessionContext, SessionEffect, SessionInput, SessionState } from "../stratum/session.ts";
import { POLICY_CLOSE, RESTART_CLOSE, RESTART_REASONS } from "./closes.ts";
import type { ConnectionRecord, Unreported } from "./connection-record.ts";
import { frameProblem, INPUT_BOUNDS, InputPace } from "./input-bounds.ts";
import { InputQueue } from "./input-queue.ts";
import type { IsolateRoom } from "./isolate-room.ts";
import { withReport } from "./reported-hashrates.ts";
import { isSentTooMuch, withSent } from "./output-bound.ts";
import type { Onward, Peer } from "./peer.ts";
import type { ShareGate } from "./share-gate.ts";

/** Whoever has subscribed and says nothing for this long waits for a job. All others have logged in by then and hear nothing twice. */
const FIRST_JOB_AFTER_MS = 2_000;

const CROWDED: ShareVerdict = { kind: "unavailable", reason: "too many shares in flight" };

/** What a connection asks of whoever carries it. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the isolate that it is in. */
  readonly room: IsolateRoom;
  context(connection: StratumConnection): SessionContext;
  /** Work is at hand, or the template has been asked for it. Awaited before every line. */
  ready(owner: string | null): Promise<void>;
  /** The login may mine; also subscribes it to new work. */
  authenticate(login: string): Promise<boolean>;
  /** Hex; null when none can be had. @param resume the one that the peer has had and wants back */
  allocateExtranonce(
    connection: StratumConnection,
    wanted: DifficultyClass,
    resume: string | null,
  ): Promise<string | null>;
  /** The class of a worker is another from now on, also for its next connection. */
  retargeted(worker: string, wanted: DifficultyClass): void;
  /** A worker says what it does. @param rate hashes a second */
  reportedHashrate(connection: StratumConnection, worker: string, rate: number): void;
  /** A worker was named that is called otherwise here. */
  renamed(login: string, worker: NamedWorker): void;
  /** Where the connection's shares wait until they may be verified. */
  gate(connection: StratumConnection): ShareGate;
  /** @param mayCarry it is of a miner that has had a valid one, on a connection that lasts: it may go through a relay */
  verify(share: PendingShare, mayCarry: boolean): Promise<ShareVerdict>;
  /** Whether a share that may go through a relay is waited for without anybody being awake: what wakes us then is its answer. */
  rests?(share: PendingShare): boolean;
  /** Tells the guard. @returns false when it wants the client gone. */
  report(connection: StratumConnection, event: GuardEvent): Promise<boolean>;
  /** One submit, for rates and charts only. @param work difficulty of an accepted share, else 0 */
  count(connection: StratumConnection, worker: string, verdict: Verdict, work: number): void;
  /** Takes work that no further line has to wait for. A host that cannot outlive it gives it back: then the next effect waits. */
  background(task: Promise<void>): Promise<void> | void;
  /**
   * Only where the login comes in band: takes the connection over at its login line.
   * @param frame that line and what follows it, as they came
   * @returns null where it is to stay for now
   */
  splice?(owner: string, frame: Frame): Promise<Onward | null>;
  /** The same between two lines, with all that the connection has become. @returns null where it is to stay */
  move?(connection: StratumConnection): Promise<Onward> | null;
}

/**
 * One stratum connection: bytes in, in any pieces; lines out. Takes frames in order, runs the state machine and has its effects done.
 * The same for a WebSocket of a login, for one that has not named its login yet, and for one POST of HTTP getwork.
 */
export class StratumConnection {
  readonly #peer: Peer;
  readonly #host: ConnectionHost;
  readonly #save: ((record: ConnectionRecord) => void) | null;
  #record: ConnectionRecord;
  readonly #pace: InputPace;
  readonly #input: InputQueue;
  #earlyLines = 0;
  #saved: ConnectionRecord | null = null;
  #onward: Onward | null = null;
  #stopListening: () => void = () => undefined;

  /** @param save stores what must survive, called after every change, as hibernation gives no notice; null: nothing has to */
  constructor(
    peer: Peer,
    record: ConnectionRecord,
    host: ConnectionHost,
    save: ((record: ConnectionRecord) => void) | null = null,
  ) {
    this.#peer = peer;
    this.#record = record;
    this.#host = host;
    this.#save = save;
    this.#pace = new InputPace(host.clock);
    const take = (chunk: Uint8Array) => this.#take(chunk);
    this.#input = new InputQueue({ clock: host.clock, room: host.room, take, onFailure: (error) => this.#fail(error) });
  }

  get record(): ConnectionRecord {
    return this.#record;
  }

  get state(): SessionState {
    return this.#record.state;
  }

  /** Submits that are not in the login's history yet. */
  get tally(): Tally | null {
    return this.#record.tally ?? null;
  }

  /** False for a connection that is over with its answer. */
  get lasts(): boolean {
    return this.#save !== null;
  }

  /**
   * One frame. Frames are handled one after the other; a verdict on a share is waited for only where many are under way. The runtime
   * delivers the next frame all the same (seen in workerd, for either kind of socket), so that what waits here is bounded in bytes, for
   * each connection and for all of an isolate's together.
   * Never rejects.
   */
  async receive(frame: Frame): Promise<void> {
    // Some byte pipes close at the first frame that is not of the kind that they speak.
    this.#record = { ...this.#record, heardAtMs: this.#host.clock.nowMs(), binary: typeof frame !== "string" };
    const chunk = frameBytes(frame);
    const problem = frameProblem(chunk);
    if (problem !== null) return await this.#flooded(problem, "ban");
    const taken = this.#input.add(chunk);
    // Less of a proof than the others: an honest proxy may have much in hand while the pool is slow.
    if (taken === "of its own") return await this.#flooded("Too much at once", "malformed");
    // Of many connections together, so that it proves nothing against this one.
    if (taken === "of all") return this.close(RESTART_REASONS.noRoom, RESTART_CLOSE);
    if (taken === null) return;
    await taken;
    this.#listen();
  }

  /** Does something before the peer's next line. Never rejects. */
  async first(task: () => Promise<void>): Promise<void> {
    await this.#input.inTurn(task);
  }

  /** The body of a POST. Never rejects. */
  async post(text: string): Promise<void> {
    await this.#input.inTurn(async () => {
      await this.#host.ready(this.#record.owner);
      await this.feed({ kind: "post", text });
    });
  }

  /** Feeds anything but what the peer says. */
  async feed(input: SessionInput): Promise<void> {
    const { state, effects } = handle(this.state, input, this.#host.context(this), this.#host.clock.nowMs());
    this.#record = { ...this.#record, state };
    for (const effect of effects) await this.#perform(effect);
    this.#keep();
  }

  /** Lets the host move it while the peer says nothing. Never rejects. */
  async rest(): Promise<void> {
    await this.#input.inTurn(async () => {
      if (!this.#onward) await this.#move(() => this.#record.partial);
    });
  }

  /** Adds a submit to the tally. Whoever counts keeps the record. */
  count(worker: string, verdict: Verdict, work: number): void {
    const tally = tallied(this.tally, this.#host.clock.nowMs(), worker, verdict, work);
    this.#record = { ...this.#record, tally };
  }

  /** Takes a worker's word for its hashrate. Whoever calls keeps the record. */
  noteHashrate(worker: string, rate: number): void {
    const reported = withReport(this.#record.reported, worker, rate, this.#host.clock.nowMs());
    this.#record = { ...this.#record, reported };
  }

  /** What was counted is in the history. */
  clearTally(): void {
    this.#record = { ...this.#record, tally: null };
    this.#keep();
  }

  /** What the guard has not been told yet; kept with the record. */
  setUnreported(unreported: Unreported): void {
    this.#record = { ...this.#record, unreported };
  }

  /** Ends the connection from our side. */
  close(reason: string, code = POLICY_CLOSE): void {
    this.#record = { ...this.#record, state: { ...this.state, closed: true } };
    this.#input.end();
    try {
      this.#peer.close(code, reason);
    } catch {
      // Closed by the peer in the same moment.
    }
  }

  /** Ends the connection of a peer that says more than any miner does. */
  async #flooded(reason: string, event: GuardEvent): Promise<void> {
    await this.feed({ kind: "flood", reason, event }).catch((error: unknown) => this.#fail(error));
  }

  async #take(chunk: Uint8Array): Promise<void> {
    if (this.state.closed) return;
    if (this.#onward) {
      await this.#pace.turn(chunk.length);
      return this.#onward(this.#spoken(chunk));
    }
    const { owner, partial } = this.#record;
    const { lines, rest, oversized } = splitLines(partial, chunk);
    this.#record = { ...this.#record, partial: rest };
    for (const [index, text] of lines.entries()) {
      const isEmpty = text.trim() === "";
      await this.#pace.turn(isEmpty ? 0 : text.length);
      if (this.state.closed) return;
      if (this.state.login === null && ++this.#earlyLines > INPUT_BOUNDS.linesBeforeLogin)
        return await this.#flooded("Too many lines before the login", "malformed");
      // Keep-alives of bridges ask nothing.
      if (isEmpty) continue;
      const login = this.#host.splice && this.state.login === null ? parseLogin(loginOf(text) ?? "") : null;
      if (login && (owner === null || owner === login.address)) {
        await this.#splice(login.address, afterLines(joinBytes(partial, chunk), index));
        if (this.#onward) return;
      }
      await this.#host.ready(owner);
      await this.feed({ kind: "line", text });
      if (await this.#move(() => afterLines(joinBytes(partial, chunk), index + 1))) return;
    }
    if (oversized) await this.feed({ kind: "oversized" });
    this.#keep();
  }

  #listen(): void {
    this.#stopListening();
    if (this.#onward || !awaitsFirstJob(this.state)) return;
    const onSilence = async () => {
      if (this.#onward) return;
      await this.#host.ready(this.#record.owner);
      await this.feed({ kind: "silence" });
      // There may be no work yet.
      this.#listen();
    };
    this.#stopListening = this.#host.clock.after(FIRST_JOB_AFTER_MS, () => void this.#input.inTurn(onSilence));
  }

  async #splice(owner: string, bytes: Uint8Array): Promise<void> {
    this.#onward = (await this.#host.splice?.(owner, this.#spoken(bytes))) ?? null;
    if (!this.#onward) this.#record = { ...this.#record, owner };
  }

  /** @param rest what of the stream has not been read yet */
  async #move(rest: () => Uint8Array): Promise<boolean> {
    const moving = this.state.closed ? null : (this.#host.move?.(this) ?? null);
    if (!moving) return false;
    this.#onward = await moving;
    const bytes = rest();
    if (bytes.length > 0) this.#onward(this.#spoken(bytes));
    return true;
  }

  async #perform(effect: SessionEffect): Promise<void> {
    switch (effect.kind) {
      case "send":
        return this.#send(effect.line);
      case "close":
        return this.close(effect.reason);
      case "report":
        return await this.#host.background(this.#report(effect.event));
      case "stale":
        return this.#host.count(this, effect.worker, "stale", 0);
      case "hashrate":
        return this.#host.reportedHashrate(this, effect.worker, effect.rate);
      case "renamed":
        return this.#host.renamed(effect.login, effect.worker);
      case "authenticate":
        return await this.feed({ kind: "authenticated", allowed: await this.#host.authenticate(effect.login) });
      case "allocate":
        return await this.#allocate(effect.class, effect.resume);
      case "retarget":
        this.#host.retargeted(effect.worker, effect.class);
        if (!effect.move) return;
        return await this.#host.background(this.#allocate(effect.class, null).catch((error) => this.#fail(error)));
      case "verify":
        return await this.#submit(effect.id, effect.share);
    }
  }

  async #allocate(wanted: DifficultyClass, resume: string | null): Promise<void> {
    const value = await this.#host.allocateExtranonce(this, wanted, resume);
    await this.feed({ kind: "extranonce", value });
  }

  /** Resolves when the share is on its way: until then the next line waits. */
  async #submit(id: string, share: PendingShare): Promise<void> {
    const gate = this.#host.gate(this);
    const entered = await gate.enter(() => this.lasts || this.#host.room.claimsBlock(share));
    // What may be junk must not hold up the shares of others, and a POST is told by nobody but its answer.
    const mayCarry = gate.proven && this.lasts;
    const rests = mayCarry && this.#host.rests?.(share) === true;
    const verdict = entered ? this.#verify(share, gate, mayCarry) : Promise.resolve(CROWDED);
    const answered = this.#answer(id, share, verdict).catch((error: unknown) => this.#fail(error));
    if (!rests) await this.#host.background(answered);
  }

  async #verify(share: PendingShare, gate: ShareGate, mayCarry: boolean): Promise<ShareVerdict> {
    const { room, clock, log } = this.#host;
    const place = room.takeShare(share, gate.proven, clock.nowMs());
    let invalid = false;
    try {
      if (place === null) return room.refusal(log, clock.nowMs(), this.#record.ip);
      const asked = { ...share, ...place.before, client: this.#record.ip };
      const verdict = await this.#host.verify(asked, mayCarry);
      invalid = verdict.kind === "invalid" || verdict.kind === "lowDifficulty";
      if (verdict.kind === "accepted") gate.prove();
      return verdict;
    } finally {
      gate.leave(invalid);
      if (place !== null) room.giveBackShare(place);
    }
  }

  async #answer(id: string, share: PendingShare, judged: Promise<ShareVerdict>): Promise<void> {
    const verdict = await judged;
    // Of a share that has rested nothing else keeps us awake for what is left.
    await this.#host.background(this.#tell(id, share, verdict).catch((error: unknown) => this.#fail(error)));
  }

  async #tell(id: string, share: PendingShare, verdict: ShareVerdict): Promise<void> {
    if (verdict.kind === "accepted") this.#record = { ...this.#record, proven: true, sentBytes: 0 };
    const refused = !(await this.#reportVerdict(verdict));
    await this.feed({ kind: "verdict", id, verdict, refused });
    // The miner has its answer: whatever becomes of the charts costs it nothing.
    const work = verdict.kind === "accepted" ? Number(shareWorth(share.nonce.slice(2), share.job)) : 0;
    const counted = countedAs(verdict);
    if (counted !== null) this.#host.count(this, share.worker, counted, work);
    this.#keep();
  }

  async #reportVerdict(verdict: ShareVerdict): Promise<boolean> {
    switch (verdict.kind) {
      case "accepted":
        return await this.#host.report(this, "validShare");
      case "invalid":
        return await this.#host.report(this, "invalidShare");
      case "duplicate":
      case "lowDifficulty":
      case "stale":
      case "unavailable":
        return true;
    }
  }

  async #report(event: GuardEvent): Promise<void> {
    const allowed = await this.#host.report(this, event);
    if (!allowed && !this.state.closed) this.close("Refused");
  }

  #fail(error: unknown): void {
    const { ip, owner } = this.#record;
    this.#host.log.error("a line could not be handled", { ip, login: owner, error: thrown(error) });
    this.close(RESTART_REASONS.fault, RESTART_CLOSE);
  }

  #send(line: string): void {
    this.#record = withSent(this.#record, line);
    if (isSentTooMuch(this.#record)) return this.close(RESTART_REASONS.sentTooMuch, RESTART_CLOSE);
    try {
      this.#peer.send(this.#spoken(`${line}\n`));
    } catch {
      // The peer has gone; its close follows.
    }
  }

  /** As the peer's last frame came. */
  #spoken(content: Frame): Frame {
    return this.#record.binary === true ? frameBytes(content) : frameText(content);
  }

  #keep(): void {
    if (this.#record === this.#saved) return;
    this.#saved = this.#record;
    try {
      this.#save?.(this.#record);
    } catch {
      // A closed socket keeps nothing.
    }
  }
}
