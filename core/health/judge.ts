import { shardProblems, type ShardHealth } from "./shard-health.ts";
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

/** What was asked; an error text stands for a part that did not answer. */
export interface HealthParts {
  readonly work: WorkHealth | string;
  readonly shards: readonly (ShardHealth | string)[];
  /** Shards that are no longer configured and may still hold something, by number. */
  readonly formerShards: readonly (readonly [shard: number, health: ShardHealth | string])[];
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
  /** Over all shards, the former ones included. */
  readonly outbox: { readonly depth: number; readonly bound: number };
  /** Epochs whose light cache is in memory, one entry a shard; null while a shard has none. */
  readonly epochs: readonly (number | null)[];
  readonly shards: readonly (ShardHealth | null)[];
  /** Shards that are no longer configured, until they are empty, and how much they hold; null where one does not answer. */
  readonly formerShards: readonly { readonly shard: number; readonly outboxDepth: number | null }[];
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
  const former = parts.formerShards.map(([shard, health]) => ({
    shard,
    health: typeof health === "string" ? null : health,
  }));
  const alive = [...shards, ...former.map(({ health }) => health)].filter((shard) => shard !== null);
  const problems = [
    ...(typeof parts.work === "string"
      ? [`the template does not answer: ${parts.work}`]
      : workProblems(parts.work, parts.maxWorkAgeMs)),
    ...(parts.ledgerError === null ? [] : [`the ledger does not answer: ${parts.ledgerError}`]),
    ...parts.shards.flatMap((shard, i) => problemsOf(shard, `shard ${i}`, parts.nowMs)),
    ...parts.formerShards.flatMap(([i, shard]) =>
      problemsOf(shard, `shard ${i}, which is no longer configured,`, parts.nowMs),
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
    formerShards: former.map(({ shard, health }) => ({ shard, outboxDepth: health?.outboxDepth ?? null })),
    unlocker: typeof parts.unlocker?.status === "object" ? parts.unlocker.status : null,
  };
}

function problemsOf(shard: ShardHealth | string, name: string, nowMs: number): string[] {
  return typeof shard === "string" ? [`${name} does not answer: ${shard}`] : shardProblems(shard, name, nowMs);
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
