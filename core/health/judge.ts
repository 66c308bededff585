import { MOST_INDEXED } from "../ledger/engine/score-indexes.ts";
import { type CronBeat, cronNotices } from "./cron-watch.ts";
import type { PartPlace } from "./pool-parts.ts";
import { loadNotices, noRoomNotice, refutedNotice, shardProblems, type ShardHealth } from "./shard-health.ts";
import type { InvalidShares } from "./share-evidence.ts";
import { duration } from "../units.ts";
import { VERSION } from "../version.ts";
import { notificationProblems, type NotificationsHealth } from "../notifications/notifications-health.ts";
import { payerProblems, type PayerStatus } from "../payouts/payer/payer-status.ts";
import { unlockerNotices, unlockerProblems, type UnlockerStatus } from "../payouts/unlocker-status.ts";

/** A node as the template sees it. */
export interface NodeHealth {
  readonly name: string;
  readonly healthy: boolean;
  readonly height: number | null;
  /** Why its last poll failed or it is sick; null when all is well. */
  readonly lastError: string | null;
  /** For how long there has been a `lastError`, ms. */
  readonly failingForMs: number | null;
  /** What an operator can do about it, where `lastError` does not say so itself. */
  readonly toDo: string | null;
  /** Chain id that it gave last; null where it gives none. */
  readonly chainId: number | null;
  /** How long its last answer with work took; null before the first, left out by a template of before it was measured. */
  readonly roundTripMs?: number | null;
}

/** The current work as the template sees it. */
export interface WorkHealth {
  readonly height: number | null;
  /** Of the work of now. Left out by relays. */
  readonly header?: string | null;
  readonly networkDifficulty: string | null;
  /** ms since a node last confirmed the work; null without work. */
  readonly ageMs: number | null;
  /** Sessions that get pushes, or relays. */
  readonly subscribers: number;
  readonly polling: boolean;
  /** By the operator. Left out by relays. */
  readonly paused?: boolean;
  readonly upstreams: readonly NodeHealth[];
}

/** Where the pool lives, and how far its parts are from each other. */
interface PoolPlace {
  /** The setting `home`; null where it is left out, and who called a part first decided. */
  readonly home: string | null;
  /** Those of which there is one; guards and relays are made where they are. */
  readonly parts: readonly PartPlace[];
  /**
   * From the API's object to a part and back, within the last minute; null for one that did not answer. A node's is from the template:
   * {@link NodeHealth.roundTripMs}.
   */
  readonly roundTripsMs: {
    readonly template: number | null;
    readonly ledger: number | null;
    readonly shards: readonly (number | null)[];
  };
}

/** What was asked; an error text stands for a part that did not answer. */
export interface HealthParts {
  readonly work: WorkHealth | string;
  /** Of the nodes of solo work; null where there are none. */
  readonly soloWork: WorkHealth | string | null;
  readonly shards: readonly (ShardHealth | string)[];
  /** Shards that are no longer configured and may still hold something, by number. */
  readonly formerShards: readonly (readonly [shard: number, health: ShardHealth | string])[];
  /** What the embedded ledger keeps of the hashrate window; null where the ledger is a Redis. */
  readonly embedded: { readonly shares: number; readonly windowMs: number } | null;
  /** Null: Redis answered. */
  readonly ledgerError: string | null;
  /** Oldest work that is handed out, ms. */
  readonly maxWorkAgeMs: number;
  /** Null: switched off. */
  readonly unlocker: { readonly status: UnlockerStatus | string; readonly intervalMs: number } | null;
  /** Null: switched off; an error text where it does not answer. */
  readonly payer: PayerStatus | string | null;
  /** Null: nobody is to be told of anything; an error text where the notifier does not answer. */
  readonly notifications: NotificationsHealth | string | null;
  /** Many miners' shares are invalid at once: in words, with what to do; null while they are not. */
  readonly invalidShares: InvalidShares | null;
  readonly place: PoolPlace;
  /** What the parts' versions and places ask of the operator, in words. */
  readonly misplaced: readonly string[];
  readonly cron: CronBeat;
  /** Unix time in ms. */
  readonly nowMs: number;
}

/** The body of `/health`: `healthy` decides between 200 and 503, `problems` says why in words; `notices` can wait for the morning. */
export interface HealthReport {
  readonly version: string;
  readonly healthy: boolean;
  readonly problems: readonly string[];
  readonly notices: readonly string[];
  readonly work: WorkHealth | null;
  /** Of the nodes of solo work; null where there are none, or it does not answer. */
  readonly soloWork: WorkHealth | null;
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
  /** Null while payments are switched off or their object does not answer. */
  readonly payer: PayerStatus | null;
  /** Null while nobody is to be told of anything, or the notifier does not answer. */
  readonly notifications: NotificationsHealth | null;
  readonly place: PoolPlace;
  readonly cron: CronBeat;
}

/**
 * Judges the pool. Healthy means: a miner who comes now gets work, and the shares of a miner who works now are kept and right. An idle
 * pool does not poll, so old work is a problem only while somebody mines; but a node must have given work once.
 */
export function judgeHealth(parts: HealthParts): HealthReport {
  const work = typeof parts.work === "string" ? null : parts.work;
  const soloWork = typeof parts.soloWork === "string" ? null : parts.soloWork;
  const shards = parts.shards.map((shard) => (typeof shard === "string" ? null : shard));
  const former = parts.formerShards.map(([shard, health]) => ({
    shard,
    health: typeof health === "string" ? null : health,
  }));
  const alive = [...shards, ...former.map(({ health }) => health)].filter((shard) => shard !== null);
  const refuted = refutedNotice(alive);
  const noRoom = noRoomNotice(alive, shards.length);
  const problems = [
    ...(typeof parts.work === "string"
      ? [`the template does not answer: ${parts.work}`]
      : workProblems(parts.work, parts.maxWorkAgeMs)),
    ...soloTrouble(parts),
    ...(parts.ledgerError === null ? [] : [`the ledger does not answer: ${parts.ledgerError}`]),
    ...parts.shards.flatMap((shard, i) => problemsOf(shard, `shard ${i}`, parts.nowMs)),
    ...parts.formerShards.flatMap(([i, shard]) =>
      problemsOf(shard, `shard ${i}, which is no longer configured,`, parts.nowMs),
    ),
    ...(parts.invalidShares?.isProblem === true ? [parts.invalidShares.text] : []),
    ...parts.misplaced,
    ...unlockerTrouble(parts),
    ...payerTrouble(parts),
    ...(parts.notifications === null ? [] : notificationProblems(parts.notifications, parts.nowMs)),
  ];
  const sick = parts.ledgerError !== null || alive.some(({ ledger }) => ledger === "sick");
  const sum = (of: (shard: ShardHealth) => number) => alive.reduce((total, shard) => total + of(shard), 0);
  return {
    version: VERSION,
    healthy: problems.length === 0,
    problems,
    notices: [
      ...(work === null ? [] : nodeNotices(work)),
      ...(soloWork === null ? [] : nodeNotices(soloWork).map(ofSolo)),
      ...(typeof parts.unlocker?.status === "object" ? unlockerNotices(parts.unlocker.status) : []),
      ...(parts.invalidShares?.isProblem === false ? [parts.invalidShares.text] : []),
      ...(refuted === null ? [] : [refuted]),
      ...(noRoom === null ? [] : [noRoom]),
      ...embeddedNotices(parts.embedded),
      ...cronNotices(parts.cron, parts.nowMs),
      ...shards.flatMap((shard, i) => (shard === null ? [] : loadNotices(shard, `shard ${i}`, shards.length))),
    ],
    work,
    soloWork,
    ledger: { state: sick ? "sick" : "ok", error: parts.ledgerError },
    outbox: { depth: sum((shard) => shard.outboxDepth), bound: sum((shard) => shard.outboxBound) },
    epochs: shards.map((shard) => shard?.cacheEpoch ?? null),
    shards,
    formerShards: former.map(({ shard, health }) => ({ shard, outboxDepth: health?.outboxDepth ?? null })),
    unlocker: typeof parts.unlocker?.status === "object" ? parts.unlocker.status : null,
    payer: typeof parts.payer === "object" ? parts.payer : null,
    notifications: typeof parts.notifications === "object" ? parts.notifications : null,
    place: parts.place,
    cron: parts.cron,
  };
}

/** From this part of its bound on the embedded ledger is said to become too small: moving takes a day of somebody's time. */
const EMBEDDED_WARNS = 0.6;
/** Rows of a lone share, what of them is included a month, and what a Redis costs there (scripts/cost/prices.ts). */
const ROWS = { aShare: 6, included: 50_000_000, usdPerMillion: 1 } as const;
const REDIS_USD = 10;
const MONTH_MS = 30 * 86_400_000;

const MOVE =
  "Move the books to a Redis (npm run ledger -- export, import; then the secrets UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN)";

function embeddedNotices(embedded: HealthParts["embedded"]): string[] {
  if (embedded === null) return [];
  const { shares, windowMs } = embedded;
  const rows = (shares / windowMs) * MONTH_MS * ROWS.aShare;
  const usd = (Math.max(0, rows - ROWS.included) / 1_000_000) * ROWS.usdPerMillion;
  const notices: string[] = [];
  if (usd > REDIS_USD)
    notices.push(
      `at this rate the embedded ledger writes up to ${Math.round(rows / 1_000_000)} million rows a month, $${Math.round(usd)} beyond what is included, where Upstash has plans from $${REDIS_USD}. ${MOVE}, or raise difficulty`,
    );
  if (shares >= MOST_INDEXED * EMBEDDED_WARNS)
    notices.push(
      `the embedded ledger keeps ${shares} shares of the hashrate window. Up to ${MOST_INDEXED} it finds them in memory; beyond, every reading of the figures and every sweep reads all of them. ${MOVE}, shorten api.hashrateWindow, or raise difficulty`,
    );
  return notices;
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

function payerTrouble({ payer, nowMs }: HealthParts): string[] {
  if (payer === null) return [];
  return typeof payer === "string" ? [`the payer does not answer: ${payer}`] : payerProblems(payer, nowMs);
}

const NOT_READY = 'miners hear "Work not ready"';

function workProblems(work: WorkHealth, maxAgeMs: number): string[] {
  const problems: string[] = [];
  if (work.paused === true) problems.push(`the operator has paused the pool: ${NOT_READY}`);
  const { upstreams } = work;
  const nodes = upstreams.map(describeNode).join("; ");
  if (upstreams.length > 0 && upstreams.every(({ height }) => height === null))
    problems.push(`no node has given work yet, so ${NOT_READY}. ${nodes}`);
  else if (upstreams.length > 0 && upstreams.every(({ healthy }) => !healthy))
    problems.push(`no node is well; once their last work is older than ${time(maxAgeMs)}, ${NOT_READY}. ${nodes}`);
  if (work.subscribers === 0) return problems;
  if (work.ageMs === null) problems.push(`miners wait and there is no work: ${NOT_READY}`);
  else if (work.ageMs > maxAgeMs)
    problems.push(
      `no node has confirmed the work for ${time(work.ageMs)}, and ${time(maxAgeMs)} are allowed (workMaxAge): ${NOT_READY}`,
    );
  if (!work.polling)
    problems.push(
      "miners are there and the work is not being refreshed. Cron restarts that within a minute; if this stays, see that the cron trigger runs and what the Worker's log says",
    );
  return problems;
}

/** Solo logins get work of these nodes and of no others. A pause is told once, of the common work. */
function soloTrouble({ work, soloWork, maxWorkAgeMs }: HealthParts): string[] {
  if (soloWork === null) return [];
  if (typeof soloWork === "string") return [ofSolo(`the template does not answer: ${soloWork}`)];
  const problems = workProblems({ ...soloWork, paused: false }, maxWorkAgeMs);
  if (typeof work === "object" && typeof work.header === "string" && work.header === soloWork.header)
    problems.push(
      `its node gives the header that common work has, ${work.header}: whose a block of that is cannot be told. Give the solo node another etherbase or another --miner.extradata`,
    );
  return problems.map(ofSolo);
}

const ofSolo = (text: string): string => `solo work: ${text}`;

/** Nodes that are of no use while others are well: miners notice nothing, and there is one node less to fail over to. */
function nodeNotices({ upstreams }: WorkHealth): string[] {
  const well = upstreams.filter(({ healthy, height }) => healthy && height !== null).map(({ name }) => name);
  if (well.length === 0) return [];
  return upstreams
    .filter(({ healthy, lastError }) => !healthy && lastError !== null)
    .map((node) => `the pool does not use a node and goes on with ${well.join(", ")}. ${describeNode(node)}`);
}

const time = (ms: number): string => duration(ms / 1000, true);

function describeNode({ name, lastError, failingForMs, toDo }: NodeHealth): string {
  const since = failingForMs === null ? "" : `, for ${time(failingForMs)}`;
  // Platforms end some of their errors with a full stop and some not.
  return `${name}${since}: ${lastError?.replace(/\.$/, "") ?? "no answer yet"}${toDo === null ? "" : `. To do: ${toDo}`}`;
}
