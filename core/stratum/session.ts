import type { ChainSpec } from "../chain-spec.ts";
import type { GuardEvent } from "../policy/guard.ts";
import type { PoolConfig, VardiffConfig } from "../pool-config.ts";
import type { ShareSubmission, ShareVerdict } from "../shares/share.ts";
import type { Job, WorkSnapshot } from "../work/job.ts";
import type { DifficultyTrack } from "./difficulty-track.ts";
import type { ToldValues } from "./dialects.ts";
import type { DialectName } from "./messages.ts";
import type { VardiffState } from "./vardiff.ts";

/**
 * One stratum connection between two lines: plain data, so that it survives hibernation as a WebSocket attachment and can be
 * handed from the Worker, which reads the first lines of `/stratum`, to the object of the login.
 */
export interface SessionState {
  /** Names the session in EthereumStratum/1 and 2. */
  readonly id: string;
  /** Null until the first request. */
  readonly dialect: DialectName | null;
  /** Null until the login is granted. */
  readonly login: string | null;
  /** Worker of the login; a submit may name another. */
  readonly worker: string;
  /** Worker that the connection's URL names, for miners that name none in band. */
  readonly urlWorker: string;
  /** What the session's nonces begin with, hex without `0x`; empty where there is none. */
  readonly extranonce: string;
  /** A question of the session's that the shell has not answered yet. */
  readonly waiting: Waiting | null;
  /** Header of the job that the peer was given last. */
  readonly job: string | null;
  readonly told: ToldValues | null;
  readonly track: DifficultyTrack;
  readonly vardiff: VardiffState;
  /** Malformed requests of the peer since a moment, Unix time in ms. */
  readonly errors: { readonly sinceMs: number; readonly count: number };
  /** Closed by us; whatever still comes in is dropped. */
  readonly closed: boolean;
}

type Waiting =
  | {
      readonly for: "login";
      readonly id: string;
      readonly address: string;
      readonly worker: string;
      readonly password: string;
    }
  | { readonly for: "extranonce"; readonly id: string };

/** What a session sees of the pool while it handles one input. */
export interface SessionContext {
  /** Newest work, however old; null before the first. */
  readonly work: WorkSnapshot | null;
  /** Work that no node has confirmed for this long is not handed out. */
  readonly maxWorkAgeMs: number;
  /** The pool's share difficulty in hashes. */
  readonly difficulty: bigint;
  readonly vardiff: VardiffConfig | null;
  readonly chain: ChainSpec;
  /** After this long without a line a peer is closed; EthereumStratum/2 tells the peer. */
  readonly timeoutMs: number;
  /** The login whose object this is; null in the Worker, where it is not known yet. */
  readonly owner: string | null;
}

/** What happens to a session. */
export type SessionInput =
  | { readonly kind: "line"; readonly text: string }
  /** The body of an HTTP getwork POST, to a session that the URL has logged in. */
  | { readonly kind: "post"; readonly text: string }
  /** A line longer than the limit. */
  | { readonly kind: "oversized" }
  /** The peer says more than any miner does. */
  | { readonly kind: "flood"; readonly reason: string; readonly event: GuardEvent }
  /** The lists' answer to an `authenticate` effect. */
  | { readonly kind: "authenticated"; readonly allowed: boolean }
  /** Answer to an `allocate` effect, hex; null when no extranonce can be had. */
  | { readonly kind: "extranonce"; readonly value: string | null }
  /** Answer to a `verify` effect. `refused`: the guard wants the client gone. */
  | {
      readonly kind: "verdict";
      readonly id: string;
      readonly difficulty: bigint;
      readonly verdict: ShareVerdict;
      readonly refused: boolean;
    }
  /** `context.work` is new. */
  | { readonly kind: "work" };

/** A submit that is ready for the verifier but for what only the shell knows. */
export type PendingShare = Omit<ShareSubmission, "timestampMs" | "retry">;

/** What the shell has to do, in order. `authenticate` and `allocate` are questions: the next line waits for their answer. */
export type SessionEffect =
  /** Without the line end. */
  | { readonly kind: "send"; readonly line: string }
  | { readonly kind: "close"; readonly reason: string }
  | { readonly kind: "report"; readonly event: GuardEvent }
  /** To be counted: a submit by this worker, on a job that is gone. */
  | { readonly kind: "stale"; readonly worker: string }
  | { readonly kind: "authenticate"; readonly login: string }
  | { readonly kind: "allocate" }
  | { readonly kind: "verify"; readonly id: string; readonly share: PendingShare };

export interface SessionStep {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

/** What the sessions of a pool with these settings see. */
export function contextOf(
  { chain, stratum, work: { maxAgeMs } }: Pick<PoolConfig, "chain" | "stratum" | "work">,
  work: WorkSnapshot | null,
  owner: string | null,
): SessionContext {
  const { difficulty, vardiff, timeoutMs } = stratum;
  return { work, maxWorkAgeMs: maxAgeMs, difficulty, vardiff, chain, timeoutMs, owner };
}

/** The job that may be handed out now; null when there is none or no node has confirmed it for too long. */
export function currentJob(context: SessionContext, nowMs: number): Job | null {
  const { work, maxWorkAgeMs } = context;
  return work !== null && nowMs - work.confirmedAtMs <= maxWorkAgeMs ? work.current : null;
}
