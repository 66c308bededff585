import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Guard, GuardEvent } from "../policy/guard.ts";
import type { ShareVerdict } from "../shares/share.ts";
import { leaseOf } from "../stratum/extranonce.ts";
import { contextOf, type SessionContext } from "../stratum/session.ts";
import type { WorkSnapshot } from "../work/job.ts";
import { type BegunSession, newRecord } from "./connection-record.ts";
import type { ExtranoncePort, SessionConfig } from "./login-sessions.ts";
import type { ShareGate } from "./share-gate.ts";
import { type ConnectionHost, type Onward, type Peer, StratumConnection } from "./stratum-connection.ts";

/** What a connection without a login needs of the world. */
export interface InBandPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly guard: Guard;
  readonly extranonces: ExtranoncePort;
  /** The work of now; null where there is none. */
  work(): Promise<WorkSnapshot | null>;
  /** Connects the peer to whoever carries the sessions of a login. @param begun null for a peer that has agreed nothing yet */
  connect(owner: string, begun: BegunSession | null): Promise<Onward>;
}

/**
 * A connection whose login is not known yet. The same state machine as for the login's own connections answers the lines before the
 * login (some dialects subscribe first); the login line and all that follows go on as they came.
 */
export class InBandLogin implements ConnectionHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly #config: SessionConfig;
  readonly #ports: InBandPorts;
  /** Session id of a client that resumes none. */
  readonly #ownId: string;
  readonly #connection: StratumConnection;
  readonly #cancelDeadline: () => void;
  #work: WorkSnapshot | null = null;
  #spliced = false;

  /** @param id unique name of the session */
  constructor(config: SessionConfig, ports: InBandPorts, peer: Peer, ip: string, id: string) {
    const { clock, log } = ports;
    this.clock = clock;
    this.log = log;
    this.#config = config;
    this.#ports = ports;
    this.#ownId = id;
    const { difficulty, loginTimeoutMs } = config.stratum;
    const record = newRecord({ ip, owner: null, worker: "", begun: null }, id, difficulty, clock.nowMs());
    this.#connection = new StratumConnection(peer, record, this);
    this.#cancelDeadline = clock.after(loginTimeoutMs, () => this.#connection.close("No login"));
  }

  /** One frame. Never rejects. */
  async receive(chunk: Uint8Array): Promise<void> {
    await this.#connection.receive(chunk);
  }

  /** The peer has gone. */
  async gone(): Promise<void> {
    this.#cancelDeadline();
    this.#connection.close("Gone");
    // Whoever carries the login gives it back where there is one; a resumed session may be alive elsewhere.
    const { state } = this.#connection;
    const lease = !this.#spliced && state.id === this.#ownId ? leaseOf(state) : null;
    if (lease) await this.#ports.extranonces.release(lease);
  }

  context(): SessionContext {
    return contextOf(this.#config, this.#work, null);
  }

  async ready(): Promise<void> {
    this.#work ??= await this.#ports.work();
  }

  async allocateExtranonce(session: string): Promise<string | null> {
    return await this.#ports.extranonces.acquire(session);
  }

  async report(ip: string, event: GuardEvent): Promise<boolean> {
    return (await this.#ports.guard.report(ip, event)).allowed;
  }

  /** Nothing keeps the Worker alive once the socket is closed: what is due is done first. */
  async background(task: Promise<void>): Promise<void> {
    await task;
  }

  async splice(owner: string, bytes: Uint8Array): Promise<Onward> {
    this.#cancelDeadline();
    const { id, dialect, extranonce } = this.#connection.state;
    const onward = await this.#ports.connect(owner, dialect === null ? null : { id, dialect, extranonce });
    this.#spliced = true;
    onward(bytes);
    return onward;
  }

  async authenticate(): Promise<boolean> {
    return neverBeforeTheLogin("authenticate");
  }

  gate(): ShareGate {
    return neverBeforeTheLogin("gate");
  }

  async verify(): Promise<ShareVerdict> {
    return neverBeforeTheLogin("verify");
  }

  count(): void {
    neverBeforeTheLogin("count");
  }
}

/** A login line goes on as it came, so the state machine cannot come to this. */
function neverBeforeTheLogin(what: string): never {
  throw new Error(`unexpected ${what} before the login`);
}
