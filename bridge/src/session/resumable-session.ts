import { readAnswer, type Answer } from "../../../core/stratum/answers.ts";
import { readHashrate } from "../../../core/stratum/hashrate-claim.ts";
import { REJECTIONS } from "../../../core/stratum/rejections.ts";
import type { JsonObject } from "../json.ts";
import { parseMinerLine, type Login, type MinerRequest } from "../miner-side/miner-line.ts";
import { idKeyOf, parsePoolLine } from "../pool-side/pool-line.ts";
import type { LeftSession } from "./kept-session.ts";
import { localAnswers, type Overdue } from "./local-answers.ts";
import { pushedExtranonce } from "./nonce-range.ts";
import type { Outgoing, PoolOutcome, ToMiner } from "./outcomes.ts";
import {
  NEW,
  answerKind,
  answers,
  granted,
  isKept,
  isWorkPoll,
  pollKey,
  pushOf,
  refused,
  withId,
  type Tracked,
} from "./requests.ts";
import { SessionState } from "./session-state.ts";
import { isShare, lostShare, ShareFates, type ShareFate, type TrackedShare } from "./share-fates.ts";
import { UpstreamSession } from "./upstream-session.ts";

/** What a session shares with the other miners of the site. */
export interface SessionSurroundings {
  /** True once for each share that was recorded for a miner that had gone before the answer came. */
  takeClaim(claim: string): boolean;
  /** A session in which a pool granted this login to this miner, to go on with. */
  resume(request: MinerRequest): SessionState | null;
  /** A pool has granted this login. */
  granted(request: MinerRequest, state: SessionState): void;
}

/** A pool that fails on one request again and again would get it forever. A share that the miner was told yes for is worth more patience. */
const MAX_SENDS = 12;
const MAX_SENDS_KEPT = 100;
/** A pool that has just come back has the shares of a whole outage to answer: for so long a no for want of room or work is not its last word. */
const SETTLES_MS = 30_000;
/** Ids of the bridge's own: beyond what miners count through, within 32 bits. */
const FIRST_BRIDGE_ID = 1_500_000_000;
const NOTHING: PoolOutcome = { toMiner: [] };
const NOTHING_OUT: Outgoing = { toPool: [], toMiner: [], fates: [] };

/**
 * Everything that one miner has said and has not been answered, and what a new connection must be told so that it goes
 * on where the old one ended. Until the pool has answered it, a share is in exactly one of two places: waiting here, or on
 * the wire of one connection. Pure: no sockets, no clock.
 */
export class ResumableSession {
  readonly #around: SessionSurroundings;
  readonly #upstreams = new Map<number, UpstreamSession>();
  readonly #fates: ShareFates;
  #state = new SessionState();
  #waiting: Tracked[] = [];
  #deferred: Tracked[] = [];
  /** Lines that nobody answers, waiting for a connection. */
  #unanswerable: string[] = [];
  /** A job that was not told because the answer to the miner's own question brings it. */
  #asked: ToMiner | null = null;
  #active: number | null = null;
  /** When a connection came to carry the session, on the bridge's monotonic clock. */
  #activeSinceMs = -Infinity;
  #sequence = 0;
  #ids = FIRST_BRIDGE_ID;
  #hashrate: number | null = null;

  constructor(around: SessionSurroundings) {
    this.#around = around;
    this.#fates = new ShareFates((claim) => around.takeClaim(claim));
  }

  /** Null until a line of the miner named it. */
  get login(): Login | null {
    return this.#state.login;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** What the miner last said of itself, hashes a second; null if it never did. */
  get hashrate(): number | null {
    return this.#hashrate;
  }

  /** Requests that the miner waits for an answer to, and lines that wait for a connection. */
  get pending(): number {
    return this.#open().filter(({ answered }) => !answered).length + this.#unanswerable.length;
  }

  /** Shares that no pool has answered. */
  get pendingShares(): number {
    return this.#open().filter(isShare).length;
  }

  /** Requests that a connection has not answered. */
  unansweredOn(upstream: number): number {
    return this.#upstreams.get(upstream)?.wire.size ?? 0;
  }

  /** The pool gave this miner a session. */
  get loggedIn(): boolean {
    return this.#state.loggedIn;
  }

  /** The miner has asked for work and has no answer. */
  get asksForWork(): boolean {
    return this.#open().some((tracked) => isWorkPoll(tracked) && !tracked.answered);
  }

  /** Takes a line of the miner. @returns false when it is no JSON object: it must not reach the pool. */
  accept(line: string, nowMs: number): boolean {
    const parsed = parseMinerLine(line);
    if (parsed === null) return false;
    if (parsed.kind === "answer") {
      this.#unanswerable.push(line);
      return true;
    }
    if (parsed.kind === "login") this.#state.login = parsed.login ?? this.#state.login;
    if (parsed.request.method === "eth_submithashrate")
      this.#hashrate = readHashrate(parsed.request.params[0]) ?? this.#hashrate;
    this.#sequence += 1;
    const extranonce = this.#state.nonces.extranonceOf(parsed.request);
    const waited = this.#active === null || nowMs - this.#activeSinceMs < SETTLES_MS;
    const said = { sequence: this.#sequence, line, parsed, extranonce, saidAtMs: nowMs, waited };
    this.#wait([{ ...said, ...NEW }]);
    return true;
  }

  /** Goes on with what an earlier run of the bridge kept on disk: a session, and shares that it may have sent. */
  restore({ state, shares }: LeftSession): void {
    this.#state = state;
    for (const { line, extranonce, kept } of shares) {
      if (!this.accept(line, 0)) continue;
      const last = this.#waiting.pop();
      if (last !== undefined) this.#wait([{ ...last, extranonce, kept, sends: 1, answered: true }]);
    }
  }

  /**
   * What the bridge can answer itself, of what the miner has waited for too long.
   * @param patienceMs for shares, which a pool may still answer better
   * @param youngMs how old a job may be to be handed out
   */
  overdue(nowMs: number, patienceMs: number, youngMs: number): Overdue {
    // While nothing carries the session no pool will answer soon.
    const othersMs = this.#active === null && this.loggedIn ? 0 : patienceMs;
    const late = this.#open()
      .filter((tracked) => !tracked.answered && tracked.saidAtMs + (isShare(tracked) ? patienceMs : othersMs) <= nowMs)
      .toSorted((a, b) => a.sequence - b.sequence);
    if (late.length === 0) return { toMiner: [], toKeep: [], relogin: false };
    const said = localAnswers(late, this.#state, (request) => this.#around.resume(request), nowMs, youngMs);
    this.#state = said.state;
    // The logins are said again on the next connection, as those that were answered long ago.
    this.#waiting = this.#waiting.filter(({ answered, parsed }) => !answered || parsed.kind === "submit");
    return said;
  }

  /** A share is on disk. @returns what the miner is told, or null when its fate was faster */
  acknowledge(share: Tracked): ToMiner | null {
    if (share.answered || !this.#open().includes(share)) return null;
    share.answered = true;
    return { text: granted(share.parsed.request, this.#state.nonces.version2), kind: "answer" };
  }

  /** The miner has gone: only its shares still matter, and the logins that they need. */
  keepOnlyShares(): void {
    this.#unanswerable = [];
    this.#waiting = this.#waiting.filter(({ parsed }) => parsed.kind === "submit" || parsed.kind === "login");
  }

  /** The session has ended, and why: no pool will answer its shares. */
  giveUp(reason: string): readonly ShareFate[] {
    const refusal = { reason: null, code: null, message: reason };
    const fates = this.#open()
      .filter(isShare)
      .map((share) => lostShare(share, this.login, refusal));
    this.#waiting = [];
    this.#deferred = [];
    for (const { wire } of this.#upstreams.values()) wire.clear();
    return fates;
  }

  /** Nobody is to hear of its shares any more: those on disk alone are carried on. */
  keepOnlyKept(): void {
    this.#waiting = this.#waiting.filter(isKept);
    this.#deferred = this.#deferred.filter(isKept);
    for (const { wire } of this.#upstreams.values())
      for (const [id, tracked] of wire) if (!isKept(tracked)) wire.delete(id);
  }

  /** A connection is open. @returns what to say first on it: the logins that the last one had already answered. */
  open(upstream: number): readonly string[] {
    const opened = new UpstreamSession();
    this.#upstreams.set(upstream, opened);
    return this.#state.requests.map((request) => {
      const id = this.#freshId();
      opened.replay(idKeyOf(id), request);
      return withId(this.#state.nonces.replayOf(request), id);
    });
  }

  /** Whether a connection has taken the session over, so that it can be activated. */
  ready(upstream: number): boolean {
    return this.#upstreams.get(upstream)?.replaying === false;
  }

  /**
   * From now on this connection carries the session.
   * @returns what the miner must be told, or null when it cannot be told: it does not take the new extranonce, and must
   * connect again.
   */
  activate(upstream: number, nowMs: number): readonly ToMiner[] | null {
    const opened = this.#upstreams.get(upstream);
    if (opened === undefined) return [];
    this.#active = upstream;
    this.#activeSinceMs = nowMs;
    const { nonces } = this.#state;
    nonces.session = opened.session ?? nonces.session;
    const toMiner: ToMiner[] = [];
    const renewed = opened.extranonce !== null && nonces.extranonce !== null && opened.extranonce !== nonces.extranonce;
    if (renewed && !nonces.version2) {
      if (!nonces.takesExtranonce) return null;
      const body = { id: null, method: "mining.set_extranonce", params: [opened.extranonce] };
      toMiner.push(...this.#push(JSON.stringify(body), body, "setting", nowMs));
    }
    for (const { text, body, kind } of opened.held) toMiner.push(...this.#push(text, body, kind, nowMs));
    opened.held = [];
    return toMiner;
  }

  /** A connection has ended: what it did not answer waits for the next one, in the order in which the miner said it. */
  close(upstream: number): void {
    const closed = this.#upstreams.get(upstream);
    this.#upstreams.delete(upstream);
    if (this.#active === upstream) this.#active = null;
    if (closed === undefined) return;
    this.#wait([...closed.wire.values()].filter(({ answered, parsed }) => !answered || parsed.kind === "submit"));
  }

  /** Shares that the pool had no work for may be sent again. */
  releaseDeferred(): void {
    const released = this.#deferred;
    this.#deferred = [];
    this.#wait(released);
  }

  /** Everything that can go out now, to the pool on the active connection and to the miner. */
  take(): Outgoing {
    const upstream = this.#active === null ? undefined : this.#upstreams.get(this.#active);
    if (upstream === undefined || (this.#waiting.length === 0 && this.#unanswerable.length === 0)) return NOTHING_OUT;
    const out = { toPool: this.#unanswerable, toMiner: [] as ToMiner[], fates: [] as ShareFate[] };
    this.#unanswerable = [];
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tracked of waiting) {
      const { extranonce, sends, kept } = tracked;
      const stale = extranonce !== null && upstream.extranonce !== null && extranonce !== upstream.extranonce;
      if (stale || sends >= (kept === null ? MAX_SENDS : MAX_SENDS_KEPT)) this.#giveUp(tracked, out);
      // A resumed EthereumStratum/2 session learns its extranonce by a push: until then nobody knows whether the share still fits.
      else if (extranonce !== null && upstream.extranonce === null) this.#waiting.push(tracked);
      else out.toPool.push(this.#send(upstream, tracked));
    }
    return out;
  }

  /** Takes a line of the pool. */
  fromPool(upstreamId: number, text: string, nowMs: number): PoolOutcome {
    const upstream = this.#upstreams.get(upstreamId);
    if (upstream === undefined) return NOTHING;
    const line = parsePoolLine(text);
    const active = this.#active === upstreamId;
    if (line.kind === "unknown") return active ? { toMiner: [{ text, kind: "answer" }] } : NOTHING;
    if (line.kind !== "setting" && line.body["method"] === undefined) {
      const refusal = upstream.answerReplay(line.idKey, line.body, this.#state.nonces.version2);
      if (refusal !== null) {
        if (refusal !== "") return { toMiner: [], refused: refusal };
        return upstream.replaying ? NOTHING : { toMiner: [], resumed: true };
      }
      const tracked = upstream.wire.get(line.idKey);
      if (tracked !== undefined && answers(tracked, line.body))
        return this.#answer(upstream, line.idKey, tracked, text, line.body, nowMs);
    }
    if (active) {
      upstream.extranonce = pushedExtranonce(line.body) ?? upstream.extranonce;
      return { toMiner: this.#push(text, line.body, line.kind, nowMs) };
    }
    // What a connection says before it carries the session is kept for then; what it says afterwards is old.
    if (line.kind !== "answer" && (this.#active === null || upstreamId > this.#active))
      upstream.hold({ text, body: line.body, kind: line.kind });
    return NOTHING;
  }

  /** What the miner is told of a push: nothing where it holds already. */
  #push(text: string, body: JsonObject, kind: "answer" | "job" | "setting", nowMs: number): readonly ToMiner[] {
    const { nonces, work } = this.#state;
    nonces.learnPush(body);
    if (kind === "setting" && !work.learnSetting(text, body)) return [];
    if (kind === "job" && !work.learnJob(text, body, nonces.extranonce, nowMs)) return [];
    // Whoever has just asked for work gets it with the answer, and not twice.
    if (kind === "job" && this.asksForWork) {
      this.#asked = { text, kind };
      return [];
    }
    return [{ text, kind }];
  }

  #answer(
    upstream: UpstreamSession,
    idKey: string,
    tracked: Tracked,
    text: string,
    body: JsonObject,
    nowMs: number,
  ): PoolOutcome {
    upstream.wire.delete(idKey);
    const { kind, request } = tracked.parsed;
    const restored = idKeyOf(request.id) === idKey ? text : withId(body, request.id ?? null);
    const work = Array.isArray(body["result"]) && isWorkPoll(tracked);
    if (work && !tracked.answered) this.#state.work.learnJob(pushOf(body), body, null, nowMs);
    const toMiner: ToMiner[] = tracked.answered ? [] : [{ text: restored, kind: work ? "work" : answerKind(request) }];
    if (isWorkPoll(tracked) && this.#asked !== null) {
      if (!work) toMiner.push(this.#asked);
      this.#asked = null;
    }
    const answer = readAnswer(body, this.#state.nonces.version2);
    if (isShare(tracked)) return this.#answerShare(tracked, toMiner, answer);
    if (kind === "login" && answer.kind === "granted") this.#loggedIn(upstream, request, body);
    return answer.kind === "granted" ? { toMiner } : { toMiner, refusal: answer.refusal };
  }

  #answerShare(share: TrackedShare, toMiner: readonly ToMiner[], answer: Answer): PoolOutcome {
    const fate = this.#fates.judge(share, this.login, answer);
    if (fate === null) {
      this.#deferred.push(share);
      return { toMiner: [], deferred: true };
    }
    if (fate.refusal !== null) return { toMiner, share: fate, refusal: fate.refusal };
    // Recorded before, says the pool: to the miner that is a yes.
    const repeated = answer.kind === "refused" && !share.answered;
    const text = granted(share.parsed.request, this.#state.nonces.version2);
    return { toMiner: repeated ? [{ text, kind: "answer" }] : toMiner, share: fate };
  }

  #loggedIn(upstream: UpstreamSession, request: MinerRequest, body: JsonObject): void {
    this.#state.grant(request, body);
    this.#around.granted(request, this.#state);
    upstream.extranonce ??= this.#state.nonces.extranonce;
  }

  /** The pool is not asked any more: the share belongs to a job that no pool knows by its nonces, or was asked for too often. */
  #giveUp(tracked: Tracked, out: { toMiner: ToMiner[]; fates: ShareFate[] }): void {
    const reason = isShare(tracked) ? "stale" : "notReady";
    const text = refused(tracked.parsed.request, this.#state.nonces.version2, reason);
    if (!tracked.answered) out.toMiner.push({ text, kind: answerKind(tracked.parsed.request) });
    if (isShare(tracked))
      out.fates.push(
        lostShare(tracked, this.login, { reason: "stale", code: null, message: REJECTIONS.stale.message }),
      );
  }

  /** Everything that no pool has answered. */
  #open(): Tracked[] {
    const open = [...this.#waiting, ...this.#deferred];
    for (const upstream of this.#upstreams.values()) open.push(...upstream.wire.values());
    return open;
  }

  /** Of a poll with one id only the newest is worth an answer: an outage must not pile them up. */
  #wait(added: readonly Tracked[]): void {
    const all = [...this.#waiting, ...added].toSorted((a, b) => a.sequence - b.sequence);
    const newest = new Map(all.map((tracked) => [pollKey(tracked), tracked.sequence]));
    this.#waiting = all.filter(
      (tracked) => tracked.parsed.kind !== "poll" || newest.get(pollKey(tracked)) === tracked.sequence,
    );
  }

  /** The miner's own bytes, unless its id is taken on this connection or was used on an earlier one. */
  #send(upstream: UpstreamSession, tracked: Tracked): string {
    const { request } = tracked.parsed;
    tracked.sends += 1;
    const own = idKeyOf(request.id);
    if (tracked.sends === 1 && request.id !== undefined && !upstream.wire.has(own)) {
      upstream.wire.set(own, tracked);
      return tracked.line;
    }
    const id = this.#freshId();
    upstream.wire.set(idKeyOf(id), tracked);
    return withId(request.body, id);
  }

  #freshId(): number {
    this.#ids += 1;
    return this.#ids;
  }
}
