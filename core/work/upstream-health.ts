import type { NodeHealth } from "../health/judge.ts";
import type { NodeFailure } from "./node-rpc.ts";

/** A node so many blocks behind the others is out of sync at once … */
const MOST_BLOCKS_BEHIND = 3;
/** … and one that is behind at all, after this long: blocks travel between peers in seconds. */
export const LONGEST_BEHIND_MS = 15_000;
/** With 13 s between blocks a height lasts this long once in 10^10 blocks. */
export const STALLED_AFTER_MS = 300_000;
/** No later answer heals these: whatever the node says, it is of no use as it is configured. */
const SICK_AT_ONCE: ReadonlySet<NodeFailure["failure"]> = new Set(["wrongSeed", "wrongChain", "tooLarge"]);
const OUT_OF_SYNC = "see that the node has peers, disk space and the right time, and that it is in sync (eth_syncing)";
/** What an operator can do; null where the reason itself says it. */
const TO_DO: Readonly<Record<NodeFailure["failure"], string | null>> = {
  timeout: "see that the node runs and is not overloaded, and that the tunnel to it is up",
  unreachable: "see that the node and the tunnel to it run, and that upstream has the right address",
  http: "see that upstream has the right address and UPSTREAM_SECRETS the right credentials",
  malformed: "see that upstream is the address of the node's JSON-RPC (--http) and that batches come through",
  rpc: "the node must offer eth_getWork: geth up to 1.11 or core-geth, with --mine and --http.api eth",
  noWork: "start mining on the node (--mine --miner.etherbase 0x…); while it syncs it has no work",
  inconsistent: "update the node: one since 2018 says which block its work is for",
  wrongSeed: null,
  wrongChain: null,
  tooLarge: null,
  stuck: null,
};
/** Answers in a row that a sick node must give, doubled for each relapse up to the last figure. */
const WELL_AFTER = 3;
const WELL_AFTER_AT_MOST = 24;
const RELAPSE_WITHIN_MS = 600_000;

export interface HealthRules {
  /** Failures in a row after which a node is sick. */
  readonly maxFails: number;
  /** False: the operator's order holds whatever happens. */
  readonly enabled: boolean;
  /** What a node said longer ago than this is not compared with. */
  readonly forgetHeightAfterMs: number;
}

/** Something that happened to a node, once. */
export interface HealthEvent {
  readonly node: string;
  readonly kind: "sick" | "well" | "stalled" | "moving";
  readonly reason: string;
}

/** What is known of one node. Times are Unix ms. */
export interface UpstreamStatus {
  readonly name: string;
  readonly healthy: boolean;
  /** Height that it mines, by its last answer; null before the first. */
  readonly height: number | null;
  readonly networkDifficulty: bigint | null;
  readonly answeredAtMs: number | null;
  /** Chain id that it gave last; null where it gives none. */
  readonly chainId: number | null;
  /** Why its last poll failed or it is sick; null when all is well. */
  readonly lastError: string | null;
  /** Since when there is a {@link lastError}. */
  readonly errorSinceMs: number | null;
  /** What an operator can do about it, where {@link lastError} does not say so itself. */
  readonly toDo: string | null;
  /** How long its last answer with work took, ms; null before the first. */
  readonly roundTripMs: number | null;
}

/** A status as `/health` tells it. */
export function nodeHealthOf(status: UpstreamStatus, nowMs: number): NodeHealth {
  const { name, healthy, height, lastError, errorSinceMs, toDo, chainId, roundTripMs } = status;
  const failingForMs = errorSinceMs === null ? null : nowMs - errorSinceMs;
  return { name, healthy, height, lastError, failingForMs, toDo, chainId, roundTripMs };
}

interface NodeRecord extends Writable<UpstreamStatus> {
  heightSinceMs: number;
  behindSinceMs: number | null;
  stalled: boolean;
  failures: number;
  answers: number;
  wellAfter: number;
  wellSinceMs: number;
  /** Why it is on another chain; null while it is not known to be. */
  wrongChain: string | null;
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** Judges the nodes by failures in a row, by their height beside the others', and by the age of their work. */
export class UpstreamHealth {
  readonly #nodes: readonly NodeRecord[];
  readonly #rules: HealthRules;

  /** @param names in the operator's order; every node is taken for well to begin with */
  constructor(names: readonly string[], rules: HealthRules) {
    this.#rules = rules;
    this.#nodes = names.map((name) => ({
      name,
      healthy: true,
      height: null,
      networkDifficulty: null,
      heightSinceMs: 0,
      answeredAtMs: null,
      behindSinceMs: null,
      stalled: false,
      failures: 0,
      answers: 0,
      wellAfter: WELL_AFTER,
      wellSinceMs: -Infinity,
      chainId: null,
      lastError: null,
      errorSinceMs: null,
      toDo: null,
      roundTripMs: null,
      wrongChain: null,
    }));
  }

  /** Names, the best first: well ones before stalled ones before sick ones, each in the operator's order. */
  order(): string[] {
    const penalty = (node: NodeRecord) => (this.#rules.enabled ? (node.healthy ? 0 : 2) + (node.stalled ? 1 : 0) : 0);
    return this.#nodes.toSorted((a, b) => penalty(a) - penalty(b)).map((node) => node.name);
  }

  /** Position in {@link order}; past the end for a name that is not configured. */
  rankOf(name: string): number {
    const position = this.order().indexOf(name);
    return position < 0 ? this.#nodes.length : position;
  }

  statuses(): UpstreamStatus[] {
    return this.#nodes.map((node) => ({ ...node }));
  }

  /**
   * Why work that a node pushed must not be taken: the node, or where the push does not say whose it is any node, is on another chain.
   * @param name the upstream's, null where the push does not say
   */
  refusal(name: string | null): string | null {
    const misplaced = this.#nodes.find((node) => node.wrongChain !== null && (name === null || node.name === name));
    if (misplaced === undefined) return null;
    const from = name === null ? "the push does not say which node it is from (?upstream=<name>), and of " : "of ";
    return `${from}"${misplaced.name}": ${misplaced.wrongChain}`;
  }

  /** Whether another node lately named a higher height than this one. */
  isOutvoted(name: string, height: number, nowMs: number): boolean {
    return this.#nodes.some(
      (node) =>
        node.name !== name && node.wrongChain === null && this.#isCurrent(node, nowMs) && (node.height ?? -1) > height,
    );
  }

  /** The node gave usable work. @param askedAtMs when it was asked for it */
  answered(
    name: string,
    work: { readonly height: number; readonly networkDifficulty: bigint; readonly chainId?: number | null },
    nowMs: number,
    askedAtMs: number | null = null,
  ): HealthEvent[] {
    const node = this.#find(name);
    if (askedAtMs !== null) node.roundTripMs = nowMs - askedAtMs;
    if (node.height !== work.height) node.heightSinceMs = nowMs;
    node.height = work.height;
    node.networkDifficulty = work.networkDifficulty;
    node.answeredAtMs = nowMs;
    node.chainId = work.chainId ?? null;
    node.wrongChain = null;
    node.failures = 0;
    node.answers += 1;
    if (node.healthy) setError(node, null, nowMs, null);
    const events = this.#judgeHeights(nowMs);
    if (!node.healthy && node.behindSinceMs === null && node.answers >= node.wellAfter) {
      node.healthy = true;
      node.wellSinceMs = nowMs;
      setError(node, null, nowMs, null);
      events.push({ node: name, kind: "well", reason: `${node.answers} answers in a row, height ${work.height}` });
    }
    return this.#rules.enabled ? events : [];
  }

  /** The node gave nothing usable, or has not answered in time. Work of another chain makes it sick at once. */
  failed(name: string, failure: Pick<NodeFailure, "failure" | "reason">, nowMs: number): HealthEvent[] {
    const node = this.#find(name);
    node.failures += 1;
    node.answers = 0;
    if (failure.failure === "wrongChain") node.wrongChain = failure.reason;
    setError(node, failure.reason, nowMs, TO_DO[failure.failure]);
    const isSick = node.failures >= this.#rules.maxFails || SICK_AT_ONCE.has(failure.failure);
    const events = isSick ? this.#fallSick(node, failure.reason, nowMs, TO_DO[failure.failure]) : [];
    return this.#rules.enabled ? events : [];
  }

  #judgeHeights(nowMs: number): HealthEvent[] {
    const judged = this.#nodes.filter((node) => node.height !== null && this.#isCurrent(node, nowMs));
    const best = Math.max(...judged.map((node) => node.height ?? 0));
    const events: HealthEvent[] = [];
    for (const node of judged) {
      const behind = best - (node.height ?? 0);
      node.behindSinceMs = behind > 0 ? (node.behindSinceMs ?? nowMs) : null;
      if (behind > 0) node.answers = 0;
      events.push(...this.#judgeAge(node, nowMs));
      if (behind >= MOST_BLOCKS_BEHIND || nowMs - (node.behindSinceMs ?? nowMs) > LONGEST_BEHIND_MS) {
        events.push(
          ...this.#fallSick(node, `at height ${node.height}, ${behind} behind the others`, nowMs, OUT_OF_SYNC),
        );
      }
    }
    return events;
  }

  #isCurrent({ answeredAtMs }: NodeRecord, nowMs: number): boolean {
    return answeredAtMs !== null && nowMs - answeredAtMs <= this.#rules.forgetHeightAfterMs;
  }

  #judgeAge(node: NodeRecord, nowMs: number): HealthEvent[] {
    const stalled = nowMs - node.heightSinceMs > STALLED_AFTER_MS;
    const minutes = STALLED_AFTER_MS / 60_000;
    const reason = `at height ${node.height}${stalled ? ` for ${minutes} minutes: is it in sync?` : ""}`;
    if (stalled && node.healthy) setError(node, reason, nowMs, OUT_OF_SYNC);
    if (stalled === node.stalled) return [];
    node.stalled = stalled;
    return [{ node: node.name, kind: stalled ? "stalled" : "moving", reason }];
  }

  #fallSick(node: NodeRecord, reason: string, nowMs: number, toDo: string | null): HealthEvent[] {
    setError(node, reason, nowMs, toDo);
    if (!node.healthy) return [];
    node.healthy = false;
    node.answers = 0;
    const isRelapse = nowMs - node.wellSinceMs < RELAPSE_WITHIN_MS;
    node.wellAfter = isRelapse ? Math.min(node.wellAfter * 2, WELL_AFTER_AT_MOST) : WELL_AFTER;
    return [{ node: node.name, kind: "sick", reason }];
  }

  #find(name: string): NodeRecord {
    const node = this.#nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new RangeError(`no upstream is called ${name}`);
    return node;
  }
}

function setError(node: NodeRecord, reason: string | null, nowMs: number, toDo: string | null): void {
  node.toDo = toDo;
  node.errorSinceMs = reason === null ? null : (node.errorSinceMs ?? nowMs);
  node.lastError = reason;
}
