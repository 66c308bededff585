import { unlockerProblems, type UnlockerStatus } from "../payouts/unlocker-status.ts";

/** A node as the template sees it. */
export interface NodeHealth {
  readonly name: string;
  readonly healthy: boolean;
  readonly height: number | null;
  readonly lastError: string | null;
}

/** The current work as the template sees it. */
export interface WorkHealth {
  readonly height: number | null;
  readonly networkDifficulty: string | null;
  /** ms since a node last confirmed the work; null without work. */
  readonly ageMs: number | null;
  /** Sessions that get pushes, or relays. */
  readonly subscribers: number;
  readonly polling: boolean;
  readonly upstreams: readonly NodeHealth[];
}

/** A verifier shard. */
export interface ShardHealth {
  /** Shares and blocks that wait in the durable outbox. */
  readonly outboxDepth: number;
  readonly outboxBound: number;
  /** Epoch of the light cache in memory, and how far the one being built is, 0 to 1. */
  readonly cacheEpoch: number | null;
  readonly cacheProgress: number;
  readonly waitingShares: number;
  /** Since the object started. */
  readonly recordedShares: number;
  readonly billedCommands: number;
  /** Shares that an outage longer than the ledger's evidence has left to the operator; the log has each of them. */
  readonly unresolvedShares: number;
  /** Shares that were accepted while there was no light cache, and whose mix digest was wrong: not credited. Since the object started. */
  readonly refutedShares: number;
  readonly ledger: "ok" | "sick";
  readonly lastError: string | null;
}

/** What was asked; an error text stands for a part that did not answer. */
export interface HealthParts {
  readonly work: WorkHealth | string;
  readonly shards: readonly (ShardHealth | string)[];
  /** Null: Redis answered. */
  readonly ledgerError: string | null;
  /** Oldest work that is handed out, ms. */
  readonly maxWorkAgeMs: number;
  /** Null: switched off. */
  readonly unlocker: { readonly status: UnlockerStatus | string; readonly intervalMs: number } | null;
  /** Unix time in ms. */
  readonly nowMs: number;
}

/** The body of `/health`: `healthy` decides between 200 and 503, `problems` says why in words. */
export interface HealthReport {
  readonly healthy: boolean;
  readonly problems: readonly string[];
  readonly work: WorkHealth | null;
  readonly ledger: { readonly state: "ok" | "sick"; readonly error: string | null };
  /** Over all shards. */
  readonly outbox: { readonly depth: number; readonly bound: number };
  /** Epochs whose light cache is in memory, one entry a shard; null while a shard has none. */
  readonly epochs: readonly (number | null)[];
  readonly shards: readonly (ShardHealth | null)[];
  /** Null while the unlocker is switched off or does not answer. */
  readonly unlocker: UnlockerStatus | null;
}

/**
 * Judges the pool. Healthy means: a miner who comes now gets work, and the shares of a miner who works now are kept. An idle pool does
 * not poll, so old work is a problem only while somebody mines.
 */
export function judgeHealth(parts: HealthParts): HealthReport {
  const work = typeof parts.work === "string" ? null : parts.work;
  const shards = parts.shards.map((shard) => (typeof shard === "string" ? null : shard));
  const alive = shards.filter((shard) => shard !== null);
  const problems = [
    ...(typeof parts.work === "string"
      ? [`the template does not answer: ${parts.work}`]
      : workProblems(parts.work, parts.maxWorkAgeMs)),
    ...(parts.ledgerError === null ? [] : [`the ledger does not answer: ${parts.ledgerError}`]),
    ...parts.shards.flatMap((shard, i) =>
      typeof shard === "string" ? [`shard ${i} does not answer: ${shard}`] : shardProblems(shard, i),
    ),
    ...unlockerTrouble(parts),
  ];
  const sick = parts.ledgerError !== null || alive.some(({ ledger }) => ledger === "sick");
  const sum = (of: (shard: ShardHealth) => number) => alive.reduce((total, shard) => total + of(shard), 0);
  return {
    healthy: problems.length === 0,
    problems,
    work,
    ledger: { state: sick ? "sick" : "ok", error: parts.ledgerError },
    outbox: { depth: sum((shard) => shard.outboxDepth), bound: sum((shard) => shard.outboxBound) },
    epochs: shards.map((shard) => shard?.cacheEpoch ?? null),
    shards,
    unlocker: typeof parts.unlocker?.status === "object" ? parts.unlocker.status : null,
  };
}

function unlockerTrouble({ unlocker, nowMs }: HealthParts): string[] {
  if (unlocker === null) return [];
  const { status, intervalMs } = unlocker;
  return typeof status === "string"
    ? [`the unlocker does not answer: ${status}`]
    : unlockerProblems(status, nowMs, intervalMs);
}

function workProblems(work: WorkHealth, maxAgeMs: number): string[] {
  const problems: string[] = [];
  const asked = work.upstreams.filter(({ healthy, height }) => !healthy || height !== null);
  // Before anyone has mined no node has been asked, and none can be called sick.
  if (asked.length > 0 && asked.every(({ healthy }) => !healthy)) {
    const reasons = asked.map(({ name, lastError }) => `${name}: ${lastError ?? "sick"}`);
    problems.push(`no node is well (${reasons.join("; ")})`);
  }
  if (work.subscribers === 0) return problems;
  if (work.ageMs === null) problems.push("miners wait and there is no work");
  else if (work.ageMs > maxAgeMs) problems.push(`the work is ${work.ageMs} ms old; ${maxAgeMs} ms are allowed`);
  if (!work.polling) problems.push("miners are there and the template is not being refreshed");
  return problems;
}

function shardProblems(shard: ShardHealth, index: number): string[] {
  const problems: string[] = [];
  if (shard.ledger === "sick") problems.push(`shard ${index} cannot write the ledger: ${shard.lastError ?? "sick"}`);
  if (shard.outboxDepth >= shard.outboxBound) {
    problems.push(`the outbox of shard ${index} is full (${shard.outboxDepth} of ${shard.outboxBound})`);
  }
  return problems;
}
