import { textOf, type JsonObject } from "../json.ts";
import { parseMinerLine, type Login, type MinerRequest } from "../miner-side/miner-line.ts";
import { errorOf, idKeyOf, parsePoolLine } from "../pool-side/pool-line.ts";
import { UpstreamSession, type Tracked } from "./upstream-session.ts";
import { isDuplicate, isNotReady, shareClaim, shareVerdict } from "./share-answers.ts";
import { pushedExtranonce, NonceRange } from "./nonce-range.ts";

/** How a line has to be written to the miner. */
export interface ToMiner {
  readonly text: string;
  /** `job`: a newer one replaces it; `setting`: holds for the jobs after it; `answer`, `work`: go at once, the latter with a job in it. */
  readonly kind: "answer" | "work" | "job" | "setting";
}

/** What follows from a line of the pool. */
export interface PoolOutcome {
  readonly toMiner: readonly ToMiner[];
  /** The pool has taken the session over: `activate` this connection. */
  readonly resumed?: true;
  /** The pool does not take the session over, and why. */
  readonly refused?: string;
  /** A share was answered. */
  readonly share?: { readonly accepted: boolean; readonly claim: string };
  /** A request of the miner was answered with an error. */
  readonly error?: { readonly code: number | null; readonly message: string };
  /** A share waits because the pool has no work yet: `releaseDeferred` after a while. */
  readonly deferred?: true;
}

/** Shares that were recorded for miners that had gone before the answer came. */
export interface Claims {
  /** True once for each share that was recorded so. */
  take(claim: string): boolean;
}

/** A pool that fails on one request again and again would get it forever. */
const MAX_SENDS = 12;
const MAX_DEFERRALS = 30;
const RECENT_SHARES = 512;
/** Ids of the bridge's own: beyond what miners count through, within 32 bits. */
const FIRST_BRIDGE_ID = 1_500_000_000;
const NOTHING: PoolOutcome = { toMiner: [] };

/**
 * Everything that one miner has said and has not been answered, and what a new connection must be told so that it goes
 * on where the old one ended. Until it is answered, a share is in exactly one of two places: waiting here, or on the
 * wire of one connection. Pure: no sockets, no clock.
 */
export class ResumableSession {
  readonly #claims: Claims;
  readonly #nonces = new NonceRange();
  readonly #upstreams = new Map<number, UpstreamSession>();
  readonly #logins = new Map<string, MinerRequest>();
  readonly #recent = new Set<string>();
  #waiting: Tracked[] = [];
  #deferred: Tracked[] = [];
  /** Lines that nobody answers, waiting for a connection. */
  #unanswerable: string[] = [];
  #active: number | null = null;
  #sequence = 0;
  #ids = FIRST_BRIDGE_ID;
  #login: Login | null = null;
  #hashrate: number | null = null;

  constructor(claims: Claims) {
    this.#claims = claims;
  }

  /** Null until a line of the miner named it. */
  get login(): Login | null {
    return this.#login;
  }

  /** What the miner last said of itself, hashes a second; null if it never did. */
  get hashrate(): number | null {
    return this.#hashrate;
  }

  /** Requests without an answer, and lines that wait for a connection. */
  get pending(): number {
    let count = this.#waiting.length + this.#deferred.length + this.#unanswerable.length;
    for (const upstream of this.#upstreams.values()) count += upstream.wire.size;
    return count;
  }

  /** Shares without an answer. */
  get pendingShares(): number {
    const open = [...this.#waiting, ...this.#deferred];
    for (const upstream of this.#upstreams.values()) open.push(...upstream.wire.values());
    return open.filter((tracked) => tracked.parsed.kind === "submit").length;
  }

  /** Requests that a connection has not answered. */
  unansweredOn(upstream: number): number {
    return this.#upstreams.get(upstream)?.wire.size ?? 0;
  }

  /** The pool gave this miner a session. */
  get loggedIn(): boolean {
    return this.#logins.size > 0;
  }

  /** Takes a line of the miner. @returns false when it is no JSON object: it must not reach the pool. */
  accept(line: string): boolean {
    const parsed = parseMinerLine(line);
    if (parsed === null) return false;
    if (parsed.kind === "answer") {
      this.#unanswerable.push(line);
      return true;
    }
    if (parsed.kind === "login") this.#login = parsed.login ?? this.#login;
    if (parsed.request.method === "eth_submithashrate")
      this.#hashrate = readRate(parsed.request.params[0]) ?? this.#hashrate;
    const extranonce = this.#nonces.extranonceOf(parsed.request);
    this.#sequence += 1;
    this.#wait([
      { sequence: this.#sequence, line, parsed, extranonce, waited: this.#active === null, sends: 0, deferrals: 0 },
    ]);
    return true;
  }

  /** The miner has gone: only its shares still matter, and the logins that they need. */
  keepOnlyShares(): void {
    this.#unanswerable = [];
    this.#waiting = this.#waiting.filter(({ parsed }) => parsed.kind === "submit" || parsed.kind === "login");
  }

  /** A connection is open. @returns what to say first on it: the logins that the last one had already answered. */
  open(upstream: number): readonly string[] {
    const opened = new UpstreamSession();
    this.#upstreams.set(upstream, opened);
    return [...this.#logins.values()].map((request) => {
      const id = this.#freshId();
      opened.replay(idKeyOf(id), request);
      return withId(this.#nonces.replayOf(request), id);
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
  activate(upstream: number): readonly ToMiner[] | null {
    const opened = this.#upstreams.get(upstream);
    if (opened === undefined) return [];
    this.#active = upstream;
    this.#nonces.session = opened.session ?? this.#nonces.session;
    const toMiner: ToMiner[] = [];
    const renewed =
      opened.extranonce !== null && this.#nonces.extranonce !== null && opened.extranonce !== this.#nonces.extranonce;
    if (renewed && !this.#nonces.version2) {
      if (!this.#nonces.takesExtranonce) return null;
      const body = { id: null, method: "mining.set_extranonce", params: [opened.extranonce] };
      this.#nonces.learnPush(body);
      toMiner.push({ text: JSON.stringify(body), kind: "setting" });
    }
    for (const push of opened.held) {
      this.#nonces.learnPush(push.body);
      toMiner.push({ text: push.text, kind: push.kind });
    }
    opened.held = [];
    return toMiner;
  }

  /** A connection has ended: what it did not answer waits for the next one, in the order in which the miner said it. */
  close(upstream: number): void {
    const closed = this.#upstreams.get(upstream);
    this.#upstreams.delete(upstream);
    if (this.#active === upstream) this.#active = null;
    if (closed !== undefined) this.#wait([...closed.wire.values()]);
  }

  /** Shares that the pool had no work for may be sent again. */
  releaseDeferred(): void {
    const released = this.#deferred;
    this.#deferred = [];
    this.#wait(released);
  }

  /** Everything that can go out now, to the pool on the active connection and to the miner. */
  take(): { readonly toPool: readonly string[]; readonly toMiner: readonly ToMiner[] } {
    const upstream = this.#active === null ? undefined : this.#upstreams.get(this.#active);
    if (upstream === undefined || (this.#waiting.length === 0 && this.#unanswerable.length === 0))
      return { toPool: [], toMiner: [] };
    const toPool = this.#unanswerable;
    const toMiner: ToMiner[] = [];
    this.#unanswerable = [];
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tracked of waiting) {
      const stale =
        tracked.extranonce !== null && upstream.extranonce !== null && tracked.extranonce !== upstream.extranonce;
      if (stale || tracked.sends >= MAX_SENDS)
        toMiner.push({ text: givenUp(tracked, this.#nonces.version2), kind: "answer" });
      // A resumed EthereumStratum/2 session learns its extranonce by a push: until then nobody knows whether the share still fits.
      else if (tracked.extranonce !== null && upstream.extranonce === null) this.#waiting.push(tracked);
      else toPool.push(this.#send(upstream, tracked));
    }
    return { toPool, toMiner };
  }

  /** Takes a line of the pool. */
  fromPool(upstreamId: number, text: string): PoolOutcome {
    const upstream = this.#upstreams.get(upstreamId);
    if (upstream === undefined) return NOTHING;
    const line = parsePoolLine(text);
    const active = this.#active === upstreamId;
    if (line.kind === "unknown") return active ? { toMiner: [{ text, kind: "answer" }] } : NOTHING;
    if (line.kind !== "setting" && line.body["method"] === undefined) {
      const refusal = upstream.answerReplay(line.idKey, line.body);
      if (refusal !== null) {
        if (refusal !== "") return { toMiner: [], refused: refusal };
        return upstream.replaying ? NOTHING : { toMiner: [], resumed: true };
      }
      const tracked = upstream.wire.get(line.idKey);
      if (tracked !== undefined && answers(tracked, line.body))
        return this.#answer(upstream, line.idKey, tracked, text, line.body);
    }
    const kind = line.kind === "answer" ? "answer" : line.kind;
    if (active) {
      upstream.extranonce = pushedExtranonce(line.body) ?? upstream.extranonce;
      this.#nonces.learnPush(line.body);
      return { toMiner: [{ text, kind }] };
    }
    // What a connection says before it carries the session is kept for then; what it says afterwards is old.
    if (kind !== "answer" && this.#active !== null && upstreamId < this.#active) return NOTHING;
    if (kind !== "answer") upstream.hold({ text, body: line.body, kind });
    return NOTHING;
  }

  #answer(upstream: UpstreamSession, idKey: string, tracked: Tracked, text: string, body: JsonObject): PoolOutcome {
    upstream.wire.delete(idKey);
    const error = errorOf(body);
    const restored =
      idKeyOf(tracked.parsed.request.id) === idKey ? text : withId(body, tracked.parsed.request.id ?? null);
    const toMiner: ToMiner[] = [{ text: restored, kind: Array.isArray(body["result"]) ? "work" : "answer" }];
    if (tracked.parsed.kind === "submit") return this.#answerShare(tracked, tracked.parsed.shareKey, toMiner, body);
    if (tracked.parsed.kind === "login" && error === null && body["result"] !== false)
      this.#loggedIn(upstream, tracked.parsed.request, body);
    return error === null ? { toMiner } : { toMiner, error };
  }

  #answerShare(tracked: Tracked, shareKey: string, toMiner: readonly ToMiner[], body: JsonObject): PoolOutcome {
    const error = errorOf(body);
    const claim = shareClaim(this.#login, tracked.extranonce, shareKey);
    const resent = tracked.sends > 1 || tracked.deferrals > 0;
    // Right after a restart a pool has no work yet. In quieter times the miner is told at once.
    if ((resent || tracked.waited) && isNotReady(error) && tracked.deferrals < MAX_DEFERRALS) {
      tracked.deferrals += 1;
      this.#deferred.push(tracked);
      return { toMiner: [], deferred: true };
    }
    // The first sending was recorded and only its answer was lost: to this miner the share is new, and it counts.
    const recorded = isDuplicate(error) && ((resent && !this.#recent.has(claim)) || this.#claims.take(claim));
    const accepted = recorded || (error === null && body["result"] === true);
    if (accepted) this.#remember(claim);
    const share = { accepted, claim };
    if (recorded)
      return {
        toMiner: [{ text: shareVerdict(tracked.parsed.request, true, this.#nonces.version2), kind: "answer" }],
        share,
      };
    return error === null ? { toMiner, share } : { toMiner, share, error };
  }

  #loggedIn(upstream: UpstreamSession, request: MinerRequest, body: JsonObject): void {
    const key =
      request.method === "mining.authorize" ? `${request.method} ${textOf(request.params[0])}` : request.method;
    this.#logins.set(key, request);
    this.#nonces.learnLogin(request, body);
    upstream.extranonce ??= this.#nonces.extranonce;
  }

  #remember(claim: string): void {
    this.#recent.add(claim);
    const oldest = this.#recent.keys().next();
    if (this.#recent.size > RECENT_SHARES && !oldest.done) this.#recent.delete(oldest.value);
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

/** Hex digits, zero-padded to 32 by ethminer. */
function readRate(value: unknown): number | null {
  return typeof value === "string" && /^0x[0-9a-f]{1,64}$/i.test(value) ? Number(BigInt(value)) : null;
}

function pollKey(tracked: Tracked): string {
  return `${tracked.parsed.request.method} ${idKeyOf(tracked.parsed.request.id)}`;
}

/** An array with id 0 is a push or the answer to a poll with id 0, but never that to a login or a share. */
function answers(tracked: Tracked, body: JsonObject): boolean {
  return tracked.parsed.kind !== "submit" || !Array.isArray(body["result"]);
}

/** The same object under another id; members keep their order, and a missing id comes first. */
function withId(body: JsonObject, id: unknown): string {
  return JSON.stringify("id" in body ? { ...body, id } : { id, ...body });
}

/** The bridge's own answer, after which a request is not asked again. */
function givenUp({ parsed: { kind, request } }: Tracked, version2: boolean): string {
  if (kind === "submit") return shareVerdict(request, false, version2);
  const error = { code: 0, message: "The pool cannot be reached" };
  return JSON.stringify({ id: request.id ?? null, jsonrpc: "2.0", result: null, error });
}
