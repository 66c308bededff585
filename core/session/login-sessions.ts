import type { Clock } from "../clock.ts";
import type { Range, Verdict } from "../history/definitions.ts";
import type { LoginHistoryReport } from "../history/login-history.ts";
import type { Point } from "../history/series.ts";
import type { Logger } from "../log.ts";
import type { Client } from "../policy/client.ts";
import type { GuardEvent } from "../policy/guard.ts";
import type { NamedWorker } from "../policy/login.ts";
import { RenamedWorkers } from "../policy/renamed-workers.ts";
import type { DifficultyClass } from "../shares/difficulty-classes.ts";
import type { ShareVerdict } from "../shares/share.ts";
import { hasSession, sessionName } from "../stratum/extranonce.ts";
import { contextOf, type PendingShare, type SessionContext } from "../stratum/session.ts";
import type { WorkSnapshot } from "../work/job.ts";
import { RESTART_CLOSE, RESTART_REASONS } from "./closes.ts";
import { ConductReports } from "./conduct-reports.ts";
import { newRecord, type NewConnection, readRecord, storedRecord } from "./connection-record.ts";
import { Deadlines } from "./deadlines.ts";
import { ExtranoncePool, type KeptValue } from "./extranonce-pool.ts";
import { answerPost, GetworkPlaces, type GetworkPost, refusePost } from "./getwork.ts";
import type { IsolateRoom } from "./isolate-room.ts";
import { LastClasses } from "./last-classes.ts";
import { LoginLists } from "./login-lists.ts";
import type { LoginPorts, SessionConfig } from "./login-ports.ts";
import type { LastingPeer } from "./peer.ts";
import { presentRigs, type PresentRigs } from "./present-rigs.ts";
import { ReportedHashrates, type ReportedRow } from "./reported-hashrates.ts";
import { type ShareGate, ShareGates } from "./share-gate.ts";
import { ShareSubmitter } from "./share-submitter.ts";
import { SubmissionTimes } from "./submission-times.ts";
import { type ConnectionHost, StratumConnection } from "./stratum-connection.ts";
import { SubmitTallies } from "./submit-tallies.ts";
import { TurnedAway } from "./turned-away.ts";
import { UnfinishedLogins } from "./unfinished-logins.ts";
import { WorkFeed } from "./work-feed.ts";
import { WorkerNames } from "./worker-names.ts";

/** An HTTP miner polls every half second; one that has not come back for this long has left. */
const GETWORK_LISTENS_MS = 30_000;

/** All connections of one login and what they share: the work, the way to the verifier, the guard, the tallies. */
export class LoginSessions implements ConnectionHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly room: IsolateRoom;
  readonly #config: SessionConfig;
  readonly #ports: LoginPorts;
  readonly #connections = new Map<LastingPeer, StratumConnection>();
  /** Peers that are gone: the runtime still has each among the others while it tells of its end. */
  readonly #gone = new WeakSet<LastingPeer>();
  readonly #lists: LoginLists;
  readonly #feed: WorkFeed;
  readonly #submitter: ShareSubmitter;
  readonly #tallies: SubmitTallies;
  readonly #gates: ShareGates;
  readonly #unfinished = new UnfinishedLogins();
  readonly #reported = new ReportedHashrates();
  readonly #extranonces: ExtranoncePool;
  /** What each connection was given last; its state says so a moment later. */
  readonly #given = new WeakMap<StratumConnection, string>();
  readonly #classes: LastClasses;
  readonly #deadlines: Deadlines;
  readonly #paused: KeptValue;
  readonly #conduct: ConductReports;
  readonly #renamed = new RenamedWorkers();
  readonly #names: WorkerNames;
  readonly #turnedAway = new TurnedAway();
  readonly #places = new GetworkPlaces();
  #getworkUntilMs = 0;

  constructor(config: SessionConfig, ports: LoginPorts) {
    const { clock, log, room } = ports;
    [this.clock, this.log, this.room] = [clock, log, room];
    [this.#config, this.#ports] = [config, ports];
    this.#lists = new LoginLists(ports, config.work.soloUpstreams.length > 0);
    this.#feed = new WorkFeed(config.work, ports, (login) => this.#lists.isSolo(login), log);
    this.#submitter = new ShareSubmitter({ ...ports, shards: config.verifier.shards, times: new SubmissionTimes() });
    this.#tallies = new SubmitTallies(ports.history, ports.kept("getworkTally"), log);
    this.#extranonces = new ExtranoncePool(ports.name, ports.lender, ports.kept("extranonces"), clock, () =>
      this.#inUse(null),
    );
    this.#names = new WorkerNames(config.stratum.maxWorkers, clock);
    this.#classes = new LastClasses(ports.kept("classes"));
    this.#deadlines = new Deadlines(config.stratum);
    this.#paused = ports.kept("paused");
    this.#gates = new ShareGates(clock);
    this.#conduct = new ConductReports(ports.guard, clock);
  }

  /**
   * Takes a new peer in.
   * @param id unique name of its session, unless it has begun one
   * @returns when an alarm must ring, because it must have logged in by then; null where pushes come anyway
   */
  enter(peer: LastingPeer, connection: NewConnection, id: string): number | null {
    const nowMs = this.clock.nowMs();
    const record = connection.record ?? newRecord(connection, id, nowMs);
    peer.serializeAttachment(storedRecord(record));
    const begun = this.#carry(peer, record);
    this.#unfinished.add(begun);
    if (record.state.extranonce !== "") this.background(this.#adopt(begun));
    this.#turnedAway.greet(begun, nowMs);
    // It may have missed work on its way here, and hears of what comes from now on.
    if (connection.record) this.background(this.ready(record.owner));
    return this.#deadlines.ofEntry(nowMs);
  }

  /** What a session was given before its login, where nobody could look whether it is another's: if it is, the session gets one of its own. */
  async #adopt(begun: StratumConnection): Promise<void> {
    const { id, extranonce, canMove } = begun.state;
    this.#endEarlier(begun, id);
    const isTaken = this.#inUse(begun).has(extranonce);
    const given = canMove ? (other: string) => void this.#given.set(begun, other) : null;
    await begun.first(async () => {
      const own = await this.#extranonces.adopt(extranonce, sessionName(id), isTaken, given);
      if (own === null) return begun.close(RESTART_REASONS[isTaken ? "taken" : "unheld"], RESTART_CLOSE);
      if (own !== extranonce) await begun.feed({ kind: "extranonce", value: own });
    });
  }

  #inUse(except: StratumConnection | null): ReadonlySet<string> {
    const using = this.live().filter((one) => one !== except);
    return new Set(using.flatMap((one) => [one.state.extranonce, this.#given.get(one) ?? ""]));
  }

  /** The connection of a peer, restored after hibernation; a peer whose attachment cannot be read is closed. Null for one that is gone. */
  connection(peer: LastingPeer): StratumConnection | null {
    const known = this.#connections.get(peer);
    if (known || this.#gone.has(peer)) return known ?? null;
    const record = readRecord(peer.deserializeAttachment());
    if (record) return this.#carry(peer, record);
    try {
      peer.close(RESTART_CLOSE, RESTART_REASONS.unreadable);
    } catch {
      // Closed already.
    }
    return null;
  }

  /** A peer is gone. */
  async leave(peer: LastingPeer): Promise<void> {
    const connection = this.connection(peer);
    this.#connections.delete(peer);
    this.#gone.add(peer);
    if (!connection) return;
    this.#unfinished.delete(connection);
    this.#tallies.settleLast(connection);
    const { ip, state } = connection.record;
    // A session that came back on another socket before this one was known to be dead keeps its extranonce.
    const { extranonce } = state;
    if (extranonce !== "" && !this.#inUse(connection).has(extranonce)) await this.#extranonces.left(extranonce);
    const same = this.live().filter((other) => other !== connection && other.record.ip === ip);
    const conduct = this.#conduct.leave(connection, same);
    if (same.length > 0 && !this.#config.policy.limits.enabled) return;
    await this.#ports.guard.left(ip, connection.record.owner, same.length, conduct);
  }

  /**
   * Closes who has been silent for too long or has not logged in, and renews extranonces; called with every push, and by an alarm where none come.
   * @returns when the alarm must ring next; null when nobody is left, or pushes come anyway
   */
  async sweep(): Promise<number | null> {
    const next = this.#deadlines.sweep(this.live(), this.clock.nowMs());
    await this.#renewExtranonces();
    return next;
  }

  /** The newest work seen; null where there is none. */
  get work(): WorkSnapshot | null {
    return this.#feed.work;
  }

  /** How many want work: connections, logged in or not yet, and miners that poll. */
  get listeners(): number {
    return this.live().length + (this.clock.nowMs() < this.#getworkUntilMs ? 1 : 0);
  }

  /** Work pushed by a template, the one named `from`. @returns how many want the next from there */
  async push(work: WorkSnapshot, from?: string): Promise<number> {
    this.#deadlines.pushed(this.clock.nowMs());
    const login = this.live()[0]?.record.owner ?? null;
    if (await this.#feed.take(work, login, this.clock.nowMs())) await this.#announce();
    this.background(this.sweep().then(() => undefined));
    // The template of before forgets a login that has changed over.
    if (!this.#feed.isOurs(work) || !(await this.#feed.staysAt(from, login))) return 0;
    const { listeners } = this;
    if (listeners === 0) this.#feed.forgotten();
    return listeners;
  }

  /** Closes every connection of a client, and those that were let in just before. @returns how many */
  disconnectIp(ip: Client, reason: string): number {
    this.#turnedAway.note(ip, reason, this.clock.nowMs());
    this.#ports.guard.forget(ip);
    return this.live()
      .filter(({ record }) => record.ip === ip)
      .map((connection) => connection.close(reason)).length;
  }

  /** Pauses or resumes this login: no job is given and no share is taken, over restarts. */
  async pause(paused: boolean): Promise<void> {
    this.#paused.set(paused);
    if (!paused) await this.#announce();
  }

  /** Closes every connection. */
  closeAll(reason: string): void {
    for (const connection of this.live()) connection.close(reason);
  }

  /** How many connections of a client are open. */
  connectionsFrom(ip: Client): number {
    return this.live().filter(({ record }) => record.ip === ip).length;
  }

  /** The login's series and its workers' verdicts. @param worker of one worker alone, over a day at most */
  history(range: Range, worker?: string): LoginHistoryReport {
    return this.#tallies.report(range, this.clock.nowMs(), this.live(), worker);
  }

  /** The last day, and what workers say they do: those of connections that have shown that they mine. */
  figures(): { readonly points: readonly Point[]; readonly reported: readonly ReportedRow[] } {
    const [nowMs, live] = [this.clock.nowMs(), this.live()];
    const proven = live.filter(({ record }) => record.proven === true).map(({ record }) => record.reported ?? []);
    return { points: this.#tallies.points(nowMs, live), reported: this.#reported.sums(proven, nowMs) };
  }

  /** Which rigs have a connection now. */
  presentRigs(): PresentRigs {
    const told = { paused: this.#paused.get() === true, polling: this.clock.nowMs() < this.#getworkUntilMs };
    return presentRigs(this.live(), told, this.#names);
  }

  /** One POST of HTTP getwork. @returns the JSON-RPC answer */
  async getwork(request: GetworkPost): Promise<string> {
    this.#getworkUntilMs = this.clock.nowMs() + GETWORK_LISTENS_MS;
    const { allowed } = await this.#ports.guard.admit(request.ip, request.login, "request");
    if (!allowed) return refusePost(request.body, "banned");
    if (await this.#lists.isBlacklisted(request.login)) {
      this.background(this.#ports.guard.report(request.ip, null, { ban: true }).then(() => undefined));
      return refusePost(request.body, "blacklisted");
    }
    return await answerPost(request, this, this.#places);
  }

  context(connection: StratumConnection): SessionContext {
    const lastClass = (worker: string) => this.#classes.of(worker);
    const { work } = this.#feed;
    const given = work !== null && this.#paused.get() === true ? { ...work, paused: true } : work;
    const context = contextOf(this.#config, given, connection.record.owner, lastClass);
    // Difficulty varies with what a connection has done so far; a POST has no past.
    return connection.lasts ? context : { ...context, vardiff: null };
  }

  async ready(owner: string | null): Promise<void> {
    const nowMs = this.clock.nowMs();
    if (owner === null || !this.#feed.isDue(nowMs)) return;
    if (await this.#feed.refresh(owner, nowMs)) await this.#announce();
  }

  async authenticate(login: string): Promise<boolean> {
    const asked = [this.#lists.isBlacklisted(login), this.#feed.join(login, this.clock.nowMs())] as const;
    const [blacklisted] = await Promise.all(asked);
    return !blacklisted;
  }

  async allocateExtranonce(
    connection: StratumConnection,
    wanted: DifficultyClass,
    resume: string | null,
  ): Promise<string | null> {
    const { waiting } = connection.state;
    const old = waiting?.for === "extranonce" ? waiting.resume : null;
    if (old !== null) this.#endEarlier(connection, old);
    const known = resume === null || old === null ? null : { extranonce: resume, session: sessionName(old) };
    return await this.#extranonces.take(wanted, known, (given) => void this.#given.set(connection, given));
  }

  retargeted(worker: string, wanted: DifficultyClass): void {
    this.#classes.remember(worker, wanted);
  }

  reportedHashrate(connection: StratumConnection, worker: string, rate: number): void {
    const name = this.#names.of(worker);
    if (connection.lasts) connection.noteHashrate(name, rate);
    else if (this.gate(connection).proven) this.#reported.noteLoose(name, rate, this.clock.nowMs());
  }

  renamed(login: string, worker: NamedWorker): void {
    this.#renamed.note(this.log, login, worker);
  }

  gate({ record: { ip } }: StratumConnection): ShareGate {
    return this.#gates.of(ip, () => this.live().some(({ record }) => record.ip === ip && record.proven === true));
  }

  async verify(share: PendingShare, mayCarry: boolean): Promise<ShareVerdict> {
    const worker = this.#names.of(share.worker);
    const verdict = await this.#submitter.submit({ ...share, worker }, this.clock.nowMs(), mayCarry);
    if (verdict.kind === "accepted") this.#names.note(worker);
    return verdict;
  }

  rests(share: PendingShare): boolean {
    return this.#submitter.rests(share);
  }

  async report(connection: StratumConnection, event: GuardEvent): Promise<boolean> {
    return await this.#conduct.report(connection, event, () => this.live());
  }

  count(connection: StratumConnection, worker: string, verdict: Verdict, work: number): void {
    const nowMs = this.clock.nowMs();
    // Whoever has sent no valid share for this login writes nothing into its figures, be it under a random name or under a rig's own.
    if (verdict !== "accepted" && !this.gate(connection).proven) return;
    if (verdict === "stale") this.#submitter.noteStale();
    this.#tallies.settleFinished(nowMs, () => this.live());
    const name = this.#names.of(worker);
    if (connection.lasts) connection.count(name, verdict, work);
    else this.#tallies.countLoose(nowMs, name, verdict, work);
  }

  /**
   * A share that was accepted on its claim has been refuted since.
   * @param client whose it was, where that is known
   * @param login this one's address; null where the verifier did not say it
   */
  async refuted(worker: string, client: Client | undefined, login: string | null): Promise<void> {
    this.#tallies.countLoose(this.clock.nowMs(), worker, "invalid", 0);
    if (client === undefined) return;
    const { allowed } = await this.#ports.guard.report(client, login, { invalid: 1 });
    if (allowed) return;
    this.disconnectIp(client, "High rate of invalid shares");
  }

  background(task: Promise<void>): void {
    this.#ports.background(task);
  }

  /** Connections that are open from our side. */
  live(): StratumConnection[] {
    return this.#ports
      .peers()
      .flatMap((peer) => this.connection(peer) ?? [])
      .filter(({ state }) => !state.closed);
  }

  /** Of two connections with one session's extranonce one would search for nothing. */
  #endEarlier(connection: StratumConnection, id: string): void {
    for (const other of this.live())
      if (other !== connection && hasSession(other.state, sessionName(id)))
        other.close("Session resumed on another connection");
  }

  #carry(peer: LastingPeer, record: StratumConnection["record"]): StratumConnection {
    const connection = new StratumConnection(peer, record, this, (now) => peer.serializeAttachment(storedRecord(now)));
    this.#connections.set(peer, connection);
    return connection;
  }

  /** Deadlines come far more often than a lease runs out. */
  async #renewExtranonces(): Promise<void> {
    const lost = await this.#extranonces.renew();
    // Someone else searches these nonces by now: the miner comes back and gets others.
    for (const connection of lost.size === 0 ? [] : this.live())
      if (lost.has(connection.state.extranonce)) connection.close("Extranonce lost");
  }

  /** Gives the new job to every connection that wants it. */
  async #announce(): Promise<void> {
    for (const connection of this.live()) await connection.feed({ kind: "work" });
  }
}
