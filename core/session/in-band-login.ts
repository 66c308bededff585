import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { conductOf, type Guard, type GuardEvent } from "../policy/guard.ts";
import type { DifficultyClass } from "../shares/difficulty-classes.ts";
import type { ShareVerdict } from "../shares/share.ts";
import { extranonceHex, extranonceValue, sessionName } from "../stratum/extranonce.ts";
import { contextOf, type SessionContext } from "../stratum/session.ts";
import type { WorkSnapshot } from "../work/job.ts";
import { type BegunSession, newRecord } from "./connection-record.ts";
import type { LenderPort } from "./extranonce-pool.ts";
import type { SessionConfig } from "./login-sessions.ts";
import type { ShareGate } from "./share-gate.ts";
import { type ConnectionHost, type Onward, type Peer, StratumConnection } from "./stratum-connection.ts";

/** What a connection without a login needs of the world. */
export interface InBandPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly guard: Guard;
  readonly lender: LenderPort;
  /** The work of now; null where there is none. */
  work(): Promise<WorkSnapshot | null>;
  /** Connects the peer to whoever carries the sessions of a login. @param begun null for a peer that has agreed nothing yet */
  connect(owner: string, begun: BegunSession | null): Promise<Onward>;
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
 * A connection whose login is not known yet, or that nobody knows yet: before its login line it costs no object of its own. The same state machine as for the login's own connections answers the lines before the
 * login (some dialects subscribe first); the login line and all that follows go on as they came.
 */
export class InBandLogin implements ConnectionHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly #config: SessionConfig;
  readonly #ports: InBandPorts;
  /** Session id of a client that resumes none. */
  readonly #ownId: string;
  readonly #owner: string | null;
  readonly #connection: StratumConnection;
  readonly #cancelDeadline: () => void;
  #work: WorkSnapshot | null = null;
  #spliced = false;
  #hasGone = false;
  /** The guard counts it under its login. */
  #named = false;

  /** @param id unique name of the session */
  constructor(config: SessionConfig, ports: InBandPorts, peer: Peer, from: InBandPeer, id: string) {
    const { clock, log } = ports;
    this.clock = clock;
    this.log = log;
    this.#config = config;
    this.#ports = ports;
    this.#ownId = id;
    this.#owner = from.owner;
    const { loginTimeoutMs } = config.stratum;
    const record = newRecord({ ...from, begun: null }, id, clock.nowMs());
    this.#connection = new StratumConnection(peer, record, this);
    this.#cancelDeadline = clock.after(loginTimeoutMs, () => this.#connection.close("No login"));
  }

  /** One frame. Never rejects. */
  async receive(chunk: Uint8Array): Promise<void> {
    await this.#connection.receive(chunk);
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
    const { id, extranonce } = this.#connection.state;
    const name = sessionName(this.#ownId);
    if (this.#spliced || extranonce === "" || sessionName(id) !== name) return;
    await this.#ports.lender.release(name, [extranonceValue(extranonce)]);
  }

  context(): SessionContext {
    return contextOf(this.#config, this.#work, this.#owner, () => 0);
  }

  async ready(): Promise<void> {
    this.#work ??= await this.#ports.work();
  }

  /** A block of its own; the login takes it over. Anybody can name an extranonce: a session gets back what was lent to it or to the login that it became. */
  async allocateExtranonce(
    { state: { waiting } }: StratumConnection,
    wanted: DifficultyClass,
    resume: string | null,
  ): Promise<string | null> {
    if (resume !== null && waiting?.for === "extranonce" && waiting.resume !== null) {
      const session = sessionName(waiting.resume);
      if (await this.#ports.lender.resume(session, extranonceValue(resume))) return resume;
    }
    const name = sessionName(this.#ownId);
    const [block] = await this.#ports.lender.lend(name, wanted, 1);
    if (!block) return null;
    if (!this.#hasGone) return extranonceHex(block.first);
    // The peer did not wait for it: nobody else knows that it was lent.
    await this.#ports.lender.release(name, [block.first]);
    return null;
  }

  retargeted(): void {
    neverBeforeTheLogin("retarget");
  }

  reportedHashrate(): void {
    neverBeforeTheLogin("hashrate");
  }

  renamed(): void {
    neverBeforeTheLogin("name");
  }

  async report({ record }: StratumConnection, event: GuardEvent): Promise<boolean> {
    return (await this.#ports.guard.report(record.ip, null, conductOf(event))).allowed;
  }

  /** Nothing keeps the Worker alive once the socket is closed: what is due is done first. */
  async background(task: Promise<void>): Promise<void> {
    await task;
  }

  async splice(owner: string, bytes: Uint8Array): Promise<Onward> {
    this.#cancelDeadline();
    const { record, state } = this.#connection;
    const { allowed, reason } = await this.#ports.guard.admit(record.ip, owner, "login");
    this.#named = true;
    if (!allowed) {
      this.#connection.close(reason);
      return () => undefined;
    }
    const { id, dialect, extranonce, canMove } = state;
    const begun = dialect === null ? null : { id, dialect, extranonce, canMove };
    const onward = await this.#ports.connect(owner, begun);
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
