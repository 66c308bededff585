import type { Clock } from "../clock.ts";
import type { LoginHistory } from "../history/login-history.ts";
import type { Logger } from "../log.ts";
import type { Client } from "../policy/client.ts";
import type { Guard } from "../policy/guard.ts";
import type { PoolConfig } from "../pool-config.ts";
import type { ResultOf } from "../shares/judgement.ts";
import type { LenderPort } from "./extranonce-pool.ts";
import type { IsolateRoom } from "./isolate-room.ts";
import type { LoginListPorts } from "./login-lists.ts";
import type { LastingPeer } from "./peer.ts";
import type { SubmitAllAttempt } from "./share-bundle.ts";
import type { SharesByLine } from "./share-line.ts";
import type { SubmitAttempt } from "./share-submitter.ts";
import type { Subscribe, WorkKeeper } from "./work-feed.ts";

/** The settings that sessions go by. */
export type SessionConfig = Pick<PoolConfig, "chain" | "stratum" | "work" | "verifier" | "policy">;

/** The guard as sessions use it. It never rejects. */
export interface SessionGuard extends Guard {
  /** The client is banned: what it was admitted for is over. */
  forget(client: Client): void;
}

/** What the connections of a login need of the world. */
export interface LoginPorts extends LoginListPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly room: IsolateRoom;
  readonly guard: SessionGuard;
  /** What this login is called where it borrows extranonces. Not its address. */
  readonly name: string;
  readonly lender: LenderPort;
  readonly subscribe: Subscribe;
  readonly keptWork: WorkKeeper;
  readonly submit: SubmitAttempt;
  readonly submitAll: SubmitAllAttempt;
  /** Where relays take shares. Left out: every share goes by a call. */
  readonly carry?: SharesByLine;
  readonly resultOf: ResultOf;
  readonly history: LoginHistory;
  /** Every peer that is still connected, also those of before a hibernation. */
  peers(): readonly LastingPeer[];
  /** Work that must be outlived but that no further line waits for. */
  background(task: Promise<void>): void;
}
