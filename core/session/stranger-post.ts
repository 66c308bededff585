import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { ClientTurns, TurnTerms } from "../policy/client-turns.ts";
import { conductOf, type Guard, type GuardEvent } from "../policy/guard.ts";
import type { ShareVerdict } from "../shares/share.ts";
import { contextOf, type PendingShare, type SessionContext } from "../stratum/session.ts";
import type { WorkSnapshot } from "../work/job.ts";
import { answerPost, GetworkPlaces, type GetworkPost } from "./getwork.ts";
import type { SessionConfig } from "./login-ports.ts";
import type { IsolateRoom } from "./isolate-room.ts";
import { IN_FLIGHT, INVALID_KEEPS_MS, ShareGate } from "./share-gate.ts";
import { ShareSubmitter, type SubmitAttempt } from "./share-submitter.ts";
import type { ConnectionHost, StratumConnection } from "./stratum-connection.ts";
import type { SubmissionTimes } from "./submission-times.ts";

/** Shares of one client's strangers: as many as pass a gate of a login's object while none was valid. */
export const STRANGERS_TURNS: TurnTerms = {
  burst: IN_FLIGHT.unproven,
  oneMoreMs: INVALID_KEEPS_MS / IN_FLIGHT.unproven,
};

/** What a POST of a stranger needs of the world. */
export interface StrangerPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly room: IsolateRoom;
  readonly guard: Guard;
  readonly submit: SubmitAttempt;
  /** Of all who submit shares of strangers here. */
  readonly times: SubmissionTimes;
  /** By {@link STRANGERS_TURNS}, of all POSTs together. */
  readonly turns: ClientTurns;
  /** The work of now; null where there is none. */
  work(): Promise<WorkSnapshot | null>;
}

/** What a stranger is told, and whether it is one no more. */
export interface StrangersAnswer {
  readonly answer: string;
  /** It has sent a valid share. */
  readonly isProven: boolean;
}

/**
 * Answers a POST of HTTP getwork of a login that the pool has never credited, shares included, without an object of its login: by the same
 * machine. Who would have had to wait for a place there is told that the pool is not ready. Charts begin with the object: they miss this share.
 */
export async function answerStranger(
  post: GetworkPost,
  config: SessionConfig,
  ports: StrangerPorts,
): Promise<StrangersAnswer> {
  const host = new StrangerPost(config, ports);
  const answer = await answerPost(post, host, new GetworkPlaces());
  return { answer, isProven: host.isProven };
}

class StrangerPost implements ConnectionHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly room: IsolateRoom;
  readonly #config: SessionConfig;
  readonly #ports: StrangerPorts;
  readonly #gate: ShareGate;
  #work: WorkSnapshot | null = null;

  constructor(config: SessionConfig, ports: StrangerPorts) {
    this.clock = ports.clock;
    this.log = ports.log;
    this.room = ports.room;
    this.#config = config;
    this.#ports = ports;
    this.#gate = new ShareGate(ports.clock, false);
  }

  get isProven(): boolean {
    return this.#gate.proven;
  }

  context({ record }: StratumConnection): SessionContext {
    return { ...contextOf(this.#config, this.#work, record.owner, () => 0), vardiff: null };
  }

  async ready(): Promise<void> {
    this.#work = await this.#ports.work();
  }

  async authenticate(): Promise<boolean> {
    return true;
  }

  async allocateExtranonce(): Promise<null> {
    return null;
  }

  retargeted(): void {
    // A POST has no past by which its difficulty could vary.
  }

  reportedHashrate(): void {
    // Believed of nobody who has not shown that he mines.
  }

  renamed(): void {
    // Whoever takes the POST knows what its URL says.
  }

  gate(): ShareGate {
    return this.#gate;
  }

  async verify(share: PendingShare): Promise<ShareVerdict> {
    const { clock, log, submit, times, turns } = this.#ports;
    const client = share.client ?? "";
    if (!turns.take(client, clock.nowMs())) return { kind: "unavailable", reason: "too many shares of strangers" };
    const submitter = new ShareSubmitter({
      clock,
      log,
      shards: this.#config.verifier.shards,
      times,
      submit,
      submitAll: async (verifier, shares) => await Promise.all(shares.map((one) => submit(verifier, one))),
      resultOf: null,
    });
    const verdict = await submitter.submit(share, clock.nowMs());
    if (verdict.kind !== "invalid" && verdict.kind !== "lowDifficulty") turns.giveBack(client);
    return verdict;
  }

  async report({ record: { ip, state } }: StratumConnection, event: GuardEvent): Promise<boolean> {
    return (await this.#ports.guard.report(ip, state.login, conductOf(event))).allowed;
  }

  count(): void {
    // Strangers are in no chart.
  }

  /** The request ends with its answer: what is due is done before. */
  async background(task: Promise<void>): Promise<void> {
    await task;
  }
}
