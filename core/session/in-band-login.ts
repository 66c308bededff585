import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { AccessListCache } from "../policy/access-lists.ts";
import { conductOf, type Guard, type GuardEvent } from "../policy/guard.ts";
import type { NamedWorker } from "../policy/login.ts";
import type { DifficultyClass } from "../shares/difficulty-classes.ts";
import type { ShareVerdict } from "../shares/share.ts";
import { extranonceHex, extranonceValue, sessionName } from "../stratum/extranonce.ts";
import type { Frame } from "../stratum/line-splitter.ts";
import { contextOf, type PendingShare, type SessionContext } from "../stratum/session.ts";
import type { Verdict } from "../history/definitions.ts";
import type { WorkSnapshot } from "../work/job.ts";
import { type BegunSession, type ConnectionRecord, newRecord, storedRecord } from "./connection-record.ts";
import { Deadlines } from "./deadlines.ts";
import type { LenderPort } from "./extranonce-pool.ts";
import type { IsolateRoom } from "./isolate-room.ts";
import type { Lent, SharedExtranonces } from "./shared-extranonces.ts";
import type { SessionConfig } from "./login-ports.ts";
import type { SubmitAllAttempt } from "./share-bundle.ts";
import type { Onward, Peer } from "./peer.ts";
import { ShareGate } from "./share-gate.ts";
import { ShareSubmitter, type SubmitAttempt } from "./share-submitter.ts";
import type { SubmissionTimes } from "./submission-times.ts";
import { WorkFeed } from "./work-feed.ts";
import { type ConnectionHost, StratumConnection } from "./stratum-connection.ts";

/** A stranger is looked after this often: new work, deadlines. */
const LOOK_MS = 1_000;
/** The guard is asked this often whether a stranger may stay, and so counts it among the connections. */
const ASK_GUARD_MS = 30_000;
/** Who has not found a share by then goes on at its login's object all the same: it is a small rig, or has paid with a connection. */
const STRANGER_MS = 30 * 60_000;

/** What a connection without a login needs of the world. */
export interface InBandPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly room: IsolateRoom;
  readonly guard: Guard;
  readonly lender: LenderPort;
  /** Of all connections here together. */
  readonly extranonces: SharedExtranonces;
  /** Of all who submit shares of strangers here. */
  readonly times: SubmissionTimes;
  readonly submit: SubmitAttempt;
  readonly submitAll: SubmitAllAttempt;
  /** The work of now; null where there is none. */
  work(): Promise<WorkSnapshot | null>;
  /** The operator's lists, as new as can be had. */
  lists(): Promise<Pick<AccessListCache, "isBlacklisted" | "isSolo">>;
  /** A worker was named that is called otherwise here. */
  renamed(login: string, worker: NamedWorker): void;
  /** Whether the pool has ever credited a login. */
  isKnown(login: string): Promise<boolean>;
  /** Connects the peer to whoever carries the sessions of a login. */
  connect(owner: string, so: Agreed): Promise<Onward>;
}

/** What a peer has agreed by then: nothing at all, a dialect, or all there is to a session of a login. */
export interface Agreed {
  readonly begun: BegunSession | null;
  readonly record: ConnectionRecord | null;
}

/** Who has come to `/stratum`, and what its URL says already. */
export interface InBandPeer {
  readonly ip: string;
  /** The only login that it may name, lower-case `0x` address; null for any. */
  readonly owner: string | null;
  /** Worker in the URL, empty where it names none. */
  readonly worker: string;
}

/**
 * A connection whose login is not known yet, or that nobody knows yet. It costs no object of its own before its login line, and one to a login
 * that the pool has never credited none before its first valid share: whoever goes through addresses makes nothing. The same state machine as
 * for the login's own connections answers; then the connection goes on at its login's object, with all that it has become.
 */
export class InBandLogin implements ConnectionHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly room: IsolateRoom;
  readonly #config: SessionConfig;
  readonly #ports: InBandPorts;
  /** Session id of a client that resumes none. */
  readonly #ownId: string;
  readonly #connection: StratumConnection;
  readonly #feed: WorkFeed;
  readonly #submitter: ShareSubmitter;
  readonly #gate: ShareGate;
  readonly #deadlines: Deadlines;
  #cancelDeadline: () => void;
  #strangerSinceMs: number | null = null;
  #guardAskedMs = 0;
  #spliced = false;
  /** Its login's object takes it, or has it. */
  #isHanding = false;
  #hasGone = false;
  /** The guard counts it under its login. */
  #named = false;
  /** Its extranonce, where it is one of those that connections here share. */
  #lent: Lent | null = null;
  /** Since it is here; its own object has the work for it. */
  #hasChosenSolo = false;

  /** @param id unique name of the session */
  constructor(config: SessionConfig, ports: InBandPorts, peer: Peer, from: InBandPeer, id: string) {
    const { clock, log, room } = ports;
    this.clock = clock;
    this.log = log;
    this.room = room;
    this.#config = config;
    this.#ports = ports;
    this.#ownId = id;
    this.#feed = new WorkFeed(
      config.work,
      // A socket of the Worker's is never hibernated.
      { subscribe: () => ports.work(), keptWork: { get: () => null, set: () => undefined } },
      // Who mines solo is known: its own object carries it.
      async () => false,
      log,
    );
    this.#submitter = new ShareSubmitter({ ...ports, shards: config.verifier.shards, resultOf: null });
    this.#gate = new ShareGate(clock, false);
    this.#deadlines = new Deadlines(config.stratum);
    const { loginTimeoutMs } = config.stratum;
    const record = newRecord({ ...from, begun: null }, id, clock.nowMs());
    this.#connection = new StratumConnection(peer, record, this);
    this.#cancelDeadline = clock.after(loginTimeoutMs, () => this.#connection.close("No login"));
  }

  /** One frame. Never rejects. */
  async receive(frame: Frame): Promise<void> {
    await this.#connection.receive(frame);
  }

  /** The peer has gone. */
  async gone(): Promise<void> {
    this.#hasGone = true;
    this.#cancelDeadline();
    this.#connection.close("Gone");
    // Whoever carries the login gives it back where there is one; a resumed session may be alive elsewhere.
    if (this.#config.policy.limits.enabled && !this.#named) {
      await this.#ports.guard.left(this.#connection.record.ip, null, 0, {});
    }
    if (!this.#isHanding) this.#giveBack();
  }

  #giveBack(): void {
    if (this.#lent !== null) this.#ports.extranonces.left(this.#lent);
    this.#lent = null;
  }

  context({ record }: StratumConnection): SessionContext {
    return contextOf(this.#config, this.#feed.work, record.owner, () => 0);
  }

  async ready(): Promise<void> {
    const nowMs = this.clock.nowMs();
    const work = this.#feed.work === null ? await this.#ports.work() : null;
    if (work !== null) this.#feed.offer(work);
    else if (this.#feed.isDue(nowMs)) await this.#feed.refresh("", nowMs);
  }

  /** One that nothing durable knows of before the login takes it over. Anybody can name an extranonce: a session gets back what was lent to it or to the login that it became. */
  async allocateExtranonce(
    { record: { owner }, state: { waiting } }: StratumConnection,
    wanted: DifficultyClass,
    resume: string | null,
  ): Promise<string | null> {
    const { extranonces, lender } = this.#ports;
    if (resume !== null && waiting?.for === "extranonce" && waiting.resume !== null) {
      const [session, value] = [sessionName(waiting.resume), extranonceValue(resume)];
      this.#lent = extranonces.resume(session, value);
      if (this.#lent !== null || (await lender.resume(session, value, owner))) return resume;
    }
    const lent = await extranonces.take(sessionName(this.#ownId), wanted, lender);
    if (lent === null) return null;
    this.#giveBack();
    this.#lent = lent;
    if (!this.#hasGone) return extranonceHex(lent.extranonce);
    // The peer did not wait for it.
    this.#giveBack();
    return null;
  }

  retargeted(): void {
    // The share that moves a class also moves the connection, and its class with it.
  }

  reportedHashrate(connection: StratumConnection, worker: string, rate: number): void {
    connection.noteHashrate(worker, rate);
  }

  renamed(login: string, worker: NamedWorker): void {
    this.#ports.renamed(login, worker);
  }

  async report({ record }: StratumConnection, event: GuardEvent): Promise<boolean> {
    return (await this.#ports.guard.report(record.ip, record.state.login, conductOf(event))).allowed;
  }

  /** Nothing keeps the Worker alive once the socket is closed: what is due is done first. So a stranger has one share in flight. */
  async background(task: Promise<void>): Promise<void> {
    await task;
  }

  async splice(owner: string, frame: Frame): Promise<Onward | null> {
    this.#cancelDeadline();
    const { state } = this.#connection;
    // Whether a session that was resumed may have its extranonce under this login, its object knows.
    const isResumed = state.extranonce !== "" && this.#lent === null;
    if (!isResumed && !(await this.#ports.isKnown(owner))) {
      this.#strangerSinceMs = this.clock.nowMs();
      this.#guardAskedMs = this.#strangerSinceMs;
      this.#lookLater();
      return null;
    }
    const { id, dialect, extranonce, canMove } = state;
    const begun = dialect === null ? null : { id, dialect, extranonce, canMove };
    const onward = await this.#goOn(owner, { begun, record: null });
    onward(frame);
    return onward;
  }

  move({ record }: StratumConnection): Promise<Onward> | null {
    const { owner, proven, state } = record;
    if (this.#strangerSinceMs === null || this.#spliced || owner === null || state.login === null) return null;
    const isOld = this.clock.nowMs() - this.#strangerSinceMs >= STRANGER_MS;
    if (proven !== true && !isOld && !this.#hasChosenSolo) return null;
    return this.#goOn(owner, { begun: null, record: storedRecord({ ...record, partial: new Uint8Array(0) }) });
  }

  async authenticate(login: string): Promise<boolean> {
    const [lists] = await Promise.all([this.#ports.lists(), this.#feed.refresh(login, this.clock.nowMs())]);
    return !lists.isBlacklisted(login);
  }

  gate(): ShareGate {
    return this.#gate;
  }

  async verify(share: PendingShare): Promise<ShareVerdict> {
    return await this.#submitter.submit(share, this.clock.nowMs());
  }

  /** What is counted goes along with the connection; before its first valid share there is nothing to count. */
  count(connection: StratumConnection, worker: string, verdict: Verdict, work: number): void {
    if (verdict === "accepted" || this.#gate.proven) connection.count(worker, verdict, work);
  }

  async #goOn(owner: string, so: Agreed): Promise<Onward> {
    const { allowed, reason } = await this.#ports.guard.admit(this.#connection.record.ip, owner, "login");
    this.#named = true;
    if (!allowed) {
      this.#connection.close(reason);
      return () => undefined;
    }
    // From here on its object may take the extranonce, also where the peer goes before it has.
    this.#isHanding = true;
    try {
      const onward = await this.#ports.connect(owner, so);
      this.#spliced = true;
      return onward;
    } finally {
      this.#isHanding = this.#spliced;
      if (this.#hasGone && !this.#spliced) this.#giveBack();
    }
  }

  #lookLater(): void {
    this.#cancelDeadline = this.clock.after(LOOK_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    if (this.#spliced || this.#hasGone || this.#connection.state.closed) return;
    const nowMs = this.clock.nowMs();
    this.#deadlines.sweep([this.#connection], nowMs);
    const { state } = this.#connection;
    if (state.closed) return;
    await this.#mayStay(nowMs);
    if (state.login !== null && this.#config.work.soloUpstreams.length > 0)
      this.#hasChosenSolo = (await this.#ports.lists()).isSolo(state.login);
    await this.#connection.first(async () => {
      // A line before it may have moved it: its object has told it since.
      if (!this.#spliced && (await this.#feed.refresh("", nowMs))) await this.#connection.feed({ kind: "work" });
    });
    await this.#connection.rest();
    this.#lookLater();
  }

  /** A ban does not reach into the Worker: who is here asks. */
  async #mayStay(nowMs: number): Promise<void> {
    if (nowMs - this.#guardAskedMs < ASK_GUARD_MS) return;
    this.#guardAskedMs = nowMs;
    const { ip, owner } = this.#connection.record;
    const { allowed, reason } = await this.#ports.guard.admit(ip, owner, "still");
    if (!allowed) this.#connection.close(reason);
  }
}
