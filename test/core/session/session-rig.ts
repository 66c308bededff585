import { allWithin } from "../../../core/clock.ts";
import { customChain } from "../../../core/chain-spec.ts";
import { LoginHistory } from "../../../core/history/login-history.ts";
import { createLogger } from "../../../core/log.ts";
import type { Conduct, GuardEvent } from "../../../core/policy/guard.ts";
import type { NewConnection } from "../../../core/session/connection-record.ts";
import { IsolateRoom } from "../../../core/session/isolate-room.ts";
import type { LoginPorts, SessionConfig } from "../../../core/session/login-ports.ts";
import { LoginSessions } from "../../../core/session/login-sessions.ts";
import type { ShareSubmission, ShareVerdict } from "../../../core/shares/share.ts";
import { ExtranonceLender } from "../../../core/session/extranonce-lender.ts";
import type { LastingPeer } from "../../../core/session/peer.ts";
import { type Frame, frameText } from "../../../core/stratum/line-splitter.ts";
import type { Job, WorkSnapshot } from "../../../core/work/job.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";

export const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
/** What the login's object is called elsewhere. */
export const HOLDER = "the object of the login";
export const IP = "192.0.2.1";
const MIX = `0x${"e".repeat(64)}`;
const NONCE = "0x0123456789abcdef";
export const LOGIN_LINE = `{"id":1,"method":"eth_submitLogin","params":["${LOGIN}.rig"]}`;
export const GET_WORK = '{"id":5,"method":"eth_getWork","params":[]}';
export const GRANTED = (id: number) => `{"id":${id},"jsonrpc":"2.0","result":true}`;
export const NOT_READY = (id: number) =>
  `{"id":${id},"jsonrpc":"2.0","result":null,"error":{"code":0,"message":"Work not ready"}}`;

export function job(digit: string, height = 1_000): Job {
  return {
    header: `0x${digit.repeat(64)}`,
    seed: `0x${"5".repeat(64)}`,
    height,
    networkDifficulty: 3_000_000_000_000n,
    poolDifficulty: 2_000_000_000n,
    classTable: 1,
  };
}

export const submit = (id: number, digit = "a", more = "") =>
  `{"id":${id},"method":"eth_submitWork","params":["${NONCE}","${job(digit).header}","${MIX}"]${more}}`;

export const CONFIG: SessionConfig = {
  chain: customChain({ name: "test" }),
  stratum: { difficulty: 2_000_000_000n, timeoutMs: 120_000, loginTimeoutMs: 10_000, maxWorkers: 2_048, vardiff: null },
  work: {
    terms: { poolDifficulty: 2_000_000_000n, classTable: 1 },
    upstreams: [],
    soloUpstreams: [],
    blockRefreshIntervalMs: 1_000,
    recommitIntervalMs: 13_000,
    upstreamCheckIntervalMs: 1_000,
    stateUpdateIntervalMs: 1_000,
    maxAgeMs: 60_000,
    jobRelays: null,
    notifyToken: null,
    healthCheck: false,
    maxFails: 3,
  },
  verifier: { shards: 1, queueBound: 1, queueTimeoutMs: 1_000 },
  policy: {
    refreshIntervalMs: 60_000,
    resetIntervalMs: 3_600_000,
    bridgeToken: null,
    banning: { enabled: true, timeoutMs: 1_800_000, invalidPercent: 30, checkThreshold: 30, malformedLimit: 5 },
    limits: { enabled: false, limit: 30, graceMs: 300_000, limitJump: 10 },
  },
};

/** What a report is about. */
function eventOf({ ban = false, malformed = 0, invalid = 0 }: Conduct): GuardEvent {
  if (ban) return "ban";
  return malformed > 0 ? "malformed" : invalid > 0 ? "invalidShare" : "validShare";
}

/** A miner's end of a connection: what the pool wrote, and its attachment as a socket would keep it. */
export class FakePeer implements LastingPeer {
  lines: string[] = [];
  /** Of every frame that the pool has sent. */
  readonly kinds: ("text" | "binary")[] = [];
  closed: { code: number; reason: string } | null = null;
  attachment: unknown = undefined;

  send(line: Frame): void {
    const text = frameText(line);
    this.kinds.push(typeof line === "string" ? "text" : "binary");
    if (this.closed) throw new Error("closed");
    if (!text.endsWith("\n")) throw new Error("a line without its end");
    this.lines.push(text.slice(0, -1));
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  serializeAttachment(attachment: unknown): void {
    this.attachment = structuredClone(attachment);
  }

  deserializeAttachment(): unknown {
    return structuredClone(this.attachment);
  }

  /** What was written since the last call. */
  read(): string[] {
    return this.lines.splice(0);
  }
}

/** The connections of one login under a clock that stands still, with a world that the test rules. */
export class SessionRig {
  readonly clock = new VirtualClock();
  /** What the cheap test says: every claim is of a share. */
  resultOf: () => Uint8Array = () => new Uint8Array(32).fill(0xff);
  readonly room = new IsolateRoom(() => this.resultOf());
  readonly peers: FakePeer[] = [];
  /** To verifiers. */
  calls = 0;
  readonly attempts: { readonly verifier: string; readonly share: ShareSubmission }[] = [];
  readonly reports: (readonly [ip: string, event: GuardEvent])[] = [];
  readonly conducts: Conduct[] = [];
  readonly reportedLogins: (string | null)[] = [];
  readonly goodbyes: (readonly [ip: string, remaining: number, conduct: Conduct])[] = [];
  readonly forgotten: string[] = [];
  readonly released: (readonly number[])[] = [];
  readonly renewals: (readonly number[])[] = [];
  /** The pool's allocator; null where it is away. */
  lender: ExtranonceLender | null = new ExtranonceLender(
    nodeSql(),
    () => this.clock.nowMs(),
    () => 0,
  );
  /** What outlives the login's memory. */
  readonly kept = new Map<string, unknown>();
  readonly subscriptions: string[] = [];
  readonly logged: string[] = [];
  readonly sql = nodeSql();
  readonly history = new LoginHistory(this.sql);
  /** What the template says to whoever subscribes. */
  work: WorkSnapshot | null = this.snapshot(1, [job("a"), job("b")]);
  verdict: (share: ShareSubmission) => Promise<ShareVerdict> = async () => ({ kind: "accepted", block: false });
  /** What the guard says to an event. */
  allows: (event: GuardEvent) => boolean = () => true;
  admits = true;
  /** Valid shares that may wait, as the guard says. */
  reportAt = 256;
  /** The guard cannot be asked. */
  isGuardAway = false;
  /** It says nothing to a report until then. */
  guardAnswers: Promise<void> = Promise.resolve();
  lists = { loaded: true, isBlacklisted: (_login: string) => false, isSolo: (_login: string) => false };
  subscribe: () => Promise<WorkSnapshot | null> = async () => this.work;
  /** What a relay's socket has in its attachment, where one is open. */
  keptWork: WorkSnapshot | null = null;
  hasLine = false;
  sessions: LoginSessions;
  #sessionCount = 0;

  constructor(config: SessionConfig = CONFIG) {
    this.sessions = new LoginSessions(config, this.ports());
  }

  snapshot(sequence: number, jobs: readonly Job[]): WorkSnapshot {
    const [current] = jobs;
    if (!current) throw new Error("a snapshot needs a job");
    return { sequence, current, jobs, confirmedAtMs: this.clock.nowMs() };
  }

  ports(): LoginPorts {
    const { clock } = this;
    return {
      clock,
      room: this.room,
      log: createLogger({ level: "warn", sink: (line) => this.logged.push(line), now: () => clock.nowMs() }),
      guard: {
        admit: async () => ({ allowed: this.admits, reason: "" }),
        report: async (ip, login, conduct) => {
          this.reportedLogins.push(login);
          this.reports.push([ip, eventOf(conduct)]);
          this.conducts.push(conduct);
          await this.guardAnswers;
          const allowed = this.isGuardAway || this.allows(eventOf(conduct));
          return { allowed, reason: "", reportAt: this.reportAt, unheard: this.isGuardAway };
        },
        left: async (ip, _login, remaining, conduct) => void this.goodbyes.push([ip, remaining, conduct]),
        forget: (ip) => void this.forgotten.push(ip),
      },
      name: HOLDER,
      lender: {
        lend: async (holder, wanted, count) => this.lender?.lend(holder, wanted, count) ?? [],
        renew: async (holder, firsts) => {
          this.renewals.push(firsts);
          return this.lender?.renew(holder, firsts) ?? null;
        },
        release: async (holder, firsts) => {
          this.released.push(firsts);
          this.lender?.release(holder, firsts);
        },
        transfer: async (from, to, first) => this.lender?.transfer(from, to, first) ?? null,
        takeOver: async (session, to, extranonce) => this.lender?.takeOver(session, to, extranonce) ?? null,
        resume: async (session, extranonce, owner) => this.lender?.resume(session, extranonce, owner) ?? false,
        forget: async (session) => this.lender?.forget(session),
      },
      kept: (name) => ({
        get: () => structuredClone(this.kept.get(name)),
        set: (value) => void this.kept.set(name, structuredClone(value)),
      }),
      keptWork: { get: () => this.keptWork, set: (work) => void (this.keptWork = this.hasLine ? work : null) },
      subscribe: async (template, login) => {
        this.subscriptions.push(`${template} ${login}`);
        return await this.subscribe();
      },
      resultOf: () => this.resultOf(),
      submitAll: async (verifier, shares) => {
        this.calls += 1;
        this.attempts.push(...shares.map((share) => ({ verifier, share })));
        return await allWithin(
          this.clock,
          250,
          shares.map((share) => this.verdict(share)),
        );
      },
      submit: async (verifier, share) => {
        this.calls += 1;
        this.attempts.push({ verifier, share });
        return await this.verdict(share);
      },
      history: this.history,
      lists: async () => this.lists,
      peers: () => this.peers,
      background: (task) => void task,
    };
  }

  /** A miner connects. */
  connect(connection: Partial<NewConnection> = {}): FakePeer {
    const peer = new FakePeer();
    this.peers.push(peer);
    this.sessions.enter(peer, { ip: IP, owner: LOGIN, worker: "", begun: null, ...connection }, this.#nextId());
    return peer;
  }

  /** A miner that has logged in, its answers read. */
  async loggedIn(connection: Partial<NewConnection> = {}): Promise<FakePeer> {
    const peer = this.connect(connection);
    await this.say(peer, LOGIN_LINE);
    return peer;
  }

  /** A frame, as it is. */
  async frame(peer: FakePeer, frame: Frame): Promise<void> {
    await this.sessions.connection(peer)?.receive(frame);
  }

  /** Lines in one frame. @returns what the pool wrote since, once nothing is left to do without time passing */
  async say(peer: FakePeer, ...lines: string[]): Promise<string[]> {
    await this.frame(peer, lines.map((line) => `${line}\n`).join(""));
    await settled();
    return peer.read();
  }

  /** The miner closes. As in workerd the peer is still among the others while that is told. */
  async leave(peer: FakePeer): Promise<void> {
    await this.sessions.leave(peer);
    const at = this.peers.indexOf(peer);
    if (at >= 0) this.peers.splice(at, 1);
  }

  /** The same with other ports. */
  sessionsWith(ports: Partial<LoginPorts>, config: SessionConfig = CONFIG): LoginSessions {
    return new LoginSessions(config, { ...this.ports(), ...ports });
  }

  /** The memory is lost; the sockets stay. */
  hibernate(config: SessionConfig = CONFIG): void {
    this.sessions = this.sessionsWith({}, config);
  }

  #nextId(): string {
    return `00000000-0000-4000-8000-${String(++this.#sessionCount).padStart(12, "0")}`;
  }
}
