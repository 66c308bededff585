import type { ChainSpec } from "../chain-spec.ts";
import type { GuardEvent } from "../policy/guard.ts";
import type { NamedWorker } from "../policy/login.ts";
import type { PoolConfig, VardiffConfig } from "../pool-config.ts";
import type { ShareSubmission, ShareVerdict } from "../shares/share.ts";
import type { DifficultyClass } from "../shares/difficulty-classes.ts";
import type { HeaderTerms, Job, WorkSnapshot } from "../work/job.ts";
import type { ToldValues } from "./dialects.ts";
import type { DialectName } from "./messages.ts";
import type { PrefixTrack } from "./prefix-track.ts";
import type { Region } from "./roaming.ts";
import type { VardiffState } from "./vardiff.ts";

/**
 * One stratum connection between two lines: plain data, so that it survives hibernation as a WebSocket attachment and can be
 * handed from the Worker, which reads the first lines of `/stratum`, to the object of the login.
 */
export interface SessionState {
  /** Names the session in EthereumStratum/1 and 2; ends in the extranonce that it was told first (`extranonce.ts`). */
  readonly id: string;
  /** Null until the first request; may change until the login. */
  readonly dialect: DialectName | null;
  /** Null until the login is granted. */
  readonly login: string | null;
  /** Worker of the login; a submit may name another. */
  readonly worker: string;
  /** Worker that the connection's URL names, for miners that name none in band. */
  readonly urlWorker: string;
  /** What nonces begin with from the next job on, hex without `0x`; empty where there is none. */
  readonly extranonce: string;
  /** The peer takes another extranonce without connecting anew. */
  readonly canMove: boolean;
  /** Where a peer without extranonce searches. */
  readonly region: Region;
  /** A question of the session's that the shell has not answered yet. */
  readonly waiting: Waiting | null;
  /** Header of the job that the peer was given last. */
  readonly job: string | null;
  readonly told: ToldValues;
  readonly track: PrefixTrack;
  readonly vardiff: VardiffState;
  /** What is known of how often it has something to say: accepted shares since a moment, Unix time in ms. */
  readonly pace: { readonly sinceMs: number; readonly shares: number };
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
  /** For the answer to `mining.subscribe`. `resume`: the session that the peer wants to go on with. */
  | { readonly for: "extranonce"; readonly id: string; readonly resume: string | null }
  /** For the first job of a login whose class is another than that of its extranonce. */
  | { readonly for: "class"; readonly id: string };

/** What a session sees of the pool while it handles one input. */
export interface SessionContext {
  /** Newest work, however old; null before the first. */
  readonly work: WorkSnapshot | null;
  /** Work that no node has confirmed for this long is not handed out. */
  readonly maxWorkAgeMs: number;
  /** The pool's settings of now; a job has its own. */
  readonly terms: HeaderTerms;
  readonly vardiff: VardiffConfig | null;
  /** The class that a worker of the login had last. */
  readonly lastClass: (worker: string) => DifficultyClass;
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
  /** Answer to `allocate` or `retarget`, hex; null when no extranonce can be had. */
  | { readonly kind: "extranonce"; readonly value: string | null }
  /** Answer to a `verify` effect. `refused`: the guard wants the client gone. */
  | {
      readonly kind: "verdict";
      readonly id: string;
      readonly verdict: ShareVerdict;
      readonly refused: boolean;
    }
  /** `context.work` is new. */
  | { readonly kind: "work" }
  /** The peer has said nothing for a while. */
  | { readonly kind: "silence" };

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
  /** A worker says how many hashes a second it does. */
  | { readonly kind: "hashrate"; readonly worker: string; readonly rate: number }
  /** A worker was named that is called otherwise here. */
  | { readonly kind: "renamed"; readonly login: string; readonly worker: NamedWorker }
  | { readonly kind: "authenticate"; readonly login: string }
  /** @param resume the extranonce that the peer has had and should get again, if it is free */
  | { readonly kind: "allocate"; readonly class: DifficultyClass; readonly resume: string | null }
  /**
   * The worker's class is another from now on. `move`: the session is to get an extranonce of it. No question: whenever the answer
   * comes, it holds from the next job on.
   */
  | {
      readonly kind: "retarget";
      readonly worker: string;
      readonly class: DifficultyClass;
      readonly move: boolean;
    }
  | { readonly kind: "verify"; readonly id: string; readonly share: PendingShare };

export interface SessionStep {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

/** What the sessions of a pool with these settings see. */
export function contextOf(
  { chain, stratum, work: { maxAgeMs, terms } }: Pick<PoolConfig, "chain" | "stratum" | "work">,
  work: WorkSnapshot | null,
  owner: string | null,
  lastClass: SessionContext["lastClass"],
): SessionContext {
  const { vardiff, timeoutMs } = stratum;
  return { work, maxWorkAgeMs: maxAgeMs, terms, vardiff, lastClass, chain, timeoutMs, owner };
}

/** The job that may be handed out now; null when there is none or no node has confirmed it for too long. */
export function currentJob(context: SessionContext, nowMs: number): Job | null {
  const { work, maxWorkAgeMs } = context;
  return work !== null && work.paused !== true && nowMs - work.confirmedAtMs <= maxWorkAgeMs ? work.current : null;
}
