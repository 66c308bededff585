import { keccak_256 } from "@noble/hashes/sha3.js";
import { CHAINS } from "../../core/chain-spec.ts";
import { OLDER_PART } from "../../core/deploy/calls-version.ts";
import { judgeHealth, type HealthParts, type WorkHealth } from "../../core/health/judge.ts";
import { PoolParts } from "../../core/health/pool-parts.ts";
import type { ShardHealth } from "../../core/health/shard-health.ts";
import { ShareEvidence } from "../../core/health/share-evidence.ts";
import { movedFrom } from "../../core/home.ts";
import { MOST_INDEXED } from "../../core/ledger/engine/score-indexes.ts";
import { emptyStatus, type PayerStatus } from "../../core/payouts/payer/payer-status.ts";
import { keySigner } from "../../core/payouts/payer/signer.ts";
import { EMPTY_STATE, type UnlockerState } from "../../core/payouts/unlocker-state.ts";
import { statusOf } from "../../core/payouts/unlocker-status.ts";
import { createNodeClient } from "../../core/work/node-client.ts";
import { nodeFailure, type NodeFailure } from "../../core/work/node-rpc.ts";
import { nodeHealthOf, UpstreamHealth } from "../../core/work/upstream-health.ts";
import { createWorkCheck } from "../../core/work/work-check.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";
import { SHARD_HEALTH as SHARD } from "./shard-health.ts";

/** What an operator may read on `/health`. `node`: why a node is of no use, as part of a longer text. */
export interface Told {
  readonly kind: "problem" | "notice" | "node";
  readonly text: string;
}

const MINUTE_MS = 60_000;
const NOW_MS = 1_790_000_000_000;
const LOGIN = `0x${"ab".repeat(20)}`;
const HASH = `0x${"7".repeat(64)}`;
const AWAY = "Error: it is away";
const WORK: WorkHealth = {
  height: 1040,
  header: HASH,
  networkDifficulty: "1000",
  ageMs: 500,
  subscribers: 2,
  polling: true,
  upstreams: [],
};
const PARTS: HealthParts = {
  work: WORK,
  soloWork: null,
  shards: [],
  formerShards: [],
  embedded: null,
  ledgerError: null,
  maxWorkAgeMs: MINUTE_MS,
  unlocker: null,
  payer: null,
  notifications: null,
  invalidShares: null,
  place: { home: "weur", roundTripsMs: { template: 1, ledger: 1, shards: [] }, parts: [] },
  misplaced: [],
  cron: { lastMs: NOW_MS, sinceMs: 0 },
  nowMs: NOW_MS,
};

const RULES = { maxFails: 1, enabled: true, forgetHeightAfterMs: 600_000 };

/** Nodes that failed so for two minutes, after they gave work where they are said to have. */
function nodesOf(failure: NodeFailure, others: { readonly worked: boolean; readonly second: boolean }) {
  const health = new UpstreamHealth(others.second ? ["main", "second"] : ["main"], RULES);
  const failing = others.second ? "second" : "main";
  const work = { height: 1040, networkDifficulty: 1n };
  if (others.worked) health.answered(failing, work, NOW_MS - 3 * MINUTE_MS);
  health.failed(failing, failure, NOW_MS - 2 * MINUTE_MS);
  if (others.second) health.answered("main", work, NOW_MS);
  return health.statuses().map((status) => nodeHealthOf(status, NOW_MS));
}

const keccak256 = (data: Uint8Array): Uint8Array => keccak_256(data);
function seedAfter(rounds: number): string {
  let seed: Uint8Array = new Uint8Array(32);
  for (let round = 0; round < rounds; round += 1) seed = keccak256(seed);
  return `0x${Buffer.from(seed).toString("hex")}`;
}

/** What the pool of a chain says of a node's work. */
function workFailure(pool: string, height: number, rounds: number, chainId: number | null): NodeFailure {
  const chain = CHAINS.find(({ name }) => name === pool);
  if (chain === undefined) throw new Error(`no chain ${pool}`);
  const check = createWorkCheck({ chain, chainId: null, devnet: false }, keccak256);
  const job = { header: HASH, seed: seedAfter(rounds), height, networkDifficulty: 1n };
  const failure = check(job, { chainId, blocks: [] });
  if (failure === null) throw new Error(`${pool} takes the work of block ${height}`);
  return failure;
}

/** A node whose work is of other blocks than the one that comes next. */
async function stuckWork(): Promise<NodeFailure> {
  const results = [[HASH, HASH, `0x${"7".repeat(64)}`, "0x410"], null, "0x3d", "0x412"];
  const body = JSON.stringify(results.map((result, at) => ({ jsonrpc: "2.0", id: at + 1, result })));
  const upstream = { name: "main", url: "https://geth.example", timeoutMs: 1, secretHeaders: {} };
  const polled = await createNodeClient(upstream, async () => ({ kind: "answered", status: 200, body })).poll();
  if (polled.kind !== "failed") throw new Error("the node's work is taken");
  return polled;
}

/** Failures of nodes that say themselves what to do. */
const NODE_FAILURES: readonly NodeFailure[] = [
  await stuckWork(),
  workFailure("ethereum", 1, 0, 61),
  workFailure("classic", 1, 0, 1337),
  workFailure("mordor", 2_698_351, 89, 63),
  workFailure("classic", 60_000_001, 3, 61),
  workFailure("classic", 2_000_000_000_000, 3, 61),
  workFailure("ethereum-pow", 25_500_000, 850, 10_001),
];

/** Kinds of {@link NODE_FAILURES}. */
export const NODE_FAILURE_KINDS: ReadonlySet<string> = new Set(NODE_FAILURES.map(({ failure }) => failure));

function workStates(): Partial<HealthParts>[] {
  const unreachable = nodeFailure("unreachable", "cannot be reached: it is away");
  const nodes = (over: Partial<WorkHealth>): Partial<HealthParts> => ({ work: { ...WORK, ...over } });
  const sick = { upstreams: nodesOf(unreachable, { worked: true, second: false }) };
  const reserve = { upstreams: nodesOf(unreachable, { worked: false, second: true }) };
  return [
    { work: AWAY },
    nodes({ paused: true }),
    nodes({ upstreams: nodesOf(unreachable, { worked: false, second: false }) }),
    nodes({ upstreams: new UpstreamHealth(["main"], RULES).statuses().map((node) => nodeHealthOf(node, NOW_MS)) }),
    nodes(sick),
    nodes(reserve),
    nodes({ ageMs: null }),
    nodes({ ageMs: 65_000 }),
    nodes({ polling: false }),
    { soloWork: AWAY },
    { soloWork: WORK },
    { soloWork: { ...WORK, header: null, ...sick } },
    { soloWork: { ...WORK, header: null, ...reserve } },
  ];
}

const inShard = (state: Partial<ShardHealth> | string): ShardHealth | string =>
  typeof state === "string" ? state : { ...SHARD, ...state };

function shardStates(): Partial<HealthParts>[] {
  const states: readonly (Partial<ShardHealth> | string)[] = [
    AWAY,
    { ledger: "sick", lastError: "time-out" },
    { outboxDepth: 100 },
    { cacheError: "RangeError: out of memory" },
    { setAsideShares: 3, refusedLogins: [{ login: LOGIN, reason: "WRONGTYPE", sinceMs: 0 }] },
    { unresolvedShares: 3 },
    { unreadableRows: 3, unreadableReasons: ["version 9"] },
    { recentlyRefuted: { shares: 3, logins: [LOGIN] } },
    { recentlyNoRoom: { shares: 3, connections: 1 } },
    { load: { sharesPerSecond: 900, slowPercent: 5 } },
  ];
  return [...states.map((state) => ({ shards: [inShard(state)] })), { formerShards: [[5, AWAY]] }];
}

/** @param credited as `ShareEvidence.found` has it */
function invalidShares(of: "only" | "3 of 4", credited: ReadonlySet<string> | null): Partial<HealthParts> {
  const evidence = new ShareEvidence(nodeSql());
  const [invalid, good] = of === "only" ? [{ "0xa": 10 }, []] : [{ "0xa": 10, "0xb": 10, "0xc": 10 }, ["0xd"]];
  evidence.heard({ invalid, good }, NOW_MS - 5 * MINUTE_MS);
  return { invalidShares: evidence.found({ chain: "classic", algorithm: "Etchash", chainId: 61 }, NOW_MS, credited) };
}

const MONTH_MS = 30 * 86_400_000;

function ledgerStates(): Partial<HealthParts>[] {
  return [
    { ledgerError: AWAY },
    { embedded: { shares: 100_000_000, windowMs: MONTH_MS } },
    { embedded: { shares: MOST_INDEXED, windowMs: 100 * MONTH_MS } },
    invalidShares("3 of 4", null),
    invalidShares("3 of 4", new Set()),
    invalidShares("only", new Set()),
    { cron: { lastMs: NOW_MS - 3 * MINUTE_MS, sinceMs: 0 } },
  ];
}

/** @param runProblems what a run may say besides, see `textsPushed` */
function unlockerStates(runProblems: readonly string[]): Partial<HealthParts>[] {
  const lastRunMs = NOW_MS - 61 * MINUTE_MS;
  const waits = (blocks: number): UnlockerState["waiting"] =>
    Object.fromEntries(
      Array.from({ length: blocks }, (_, at) => [
        `${at}`,
        { list: "candidates", height: 1040, reason: "its round is missing", sinceMs: lastRunMs, triedMs: NOW_MS },
      ]),
    );
  const states: readonly Partial<UnlockerState>[] = [
    { lastRunMs, lastSuccessMs: lastRunMs },
    { waiting: waits(53) },
    { owed: [LOGIN] },
    { fallen: [{ member: "m", height: 1040, hash: HASH, sinceMs: NOW_MS }] },
    { windowElements: 1_200_000 },
    { problems: [...runProblems] },
  ];
  return [
    { unlocker: { intervalMs: 1, status: AWAY } },
    ...states.map((state) => ({ unlocker: { intervalMs: 1, status: statusOf({ ...EMPTY_STATE, ...state }) } })),
  ];
}

function payerStates(runProblems: readonly string[]): Partial<HealthParts>[] {
  const wait = {
    login: LOGIN,
    amountShannon: "1",
    stage: "sent",
    reason: "it is not mined",
    sinceMs: NOW_MS - 61 * MINUTE_MS,
  };
  const cannotSign = keySigner(`0x${"11".repeat(32)}`, LOGIN).problem;
  const states: readonly Partial<PayerStatus>[] = [
    { cannotSign },
    { cannotSign: "the script that pays has neither PAYOUT_PRIVATE_KEY nor PAYOUT_SIGNER_URL" },
    { lastRunMs: NOW_MS, lastSuccessMs: NOW_MS - 11 * MINUTE_MS },
    { lastRunMs: NOW_MS, problems: [...runProblems] },
    { paused: "by the operator" },
    { walletShort: "17" },
    { asking: 2 },
    { forgotten: 3 },
    { waiting: [{ ...wait, id: 7 }], waitingMore: 12 },
  ];
  return [{ payer: AWAY }, ...states.map((state) => ({ payer: { ...emptyStatus(LOGIN), ...state } }))];
}

function notifierStates(): Partial<HealthParts>[] {
  const well = { waiting: 0, oldestMs: null, failing: [], minersFailing: 0, lookedMs: NOW_MS };
  return [
    { notifications: AWAY },
    { notifications: { ...well, failing: [{ name: "ops", sinceMs: NOW_MS - 17 * MINUTE_MS }] } },
    { notifications: { ...well, lookedMs: NOW_MS - 6 * MINUTE_MS } },
  ];
}

const part = (about: () => Promise<{ calls: number; version: string }>) => ({
  name: "shard 0",
  script: "verifiers" as const,
  about,
  dataCentre: async () => null,
});

async function placeStates(): Promise<Partial<HealthParts>[]> {
  const parts = [
    part(async () => await Promise.reject(new Error(`shard 0 ${OLDER_PART}`))),
    part(async () => ({ calls: 0, version: "0.1.0" })),
  ];
  const { problems } = await new PoolParts(
    parts,
    () => 0,
    async () => movedFrom("1", "eu"),
  ).look();
  return [{ misplaced: problems }];
}

function judged(state: Partial<HealthParts>) {
  const report = judgeHealth({ ...PARTS, ...state });
  if (report.problems.length + report.notices.length === 0)
    throw new Error(`nothing is told of ${JSON.stringify(state)}`);
  return report;
}

/**
 * Everything that the code says on `/health`, each by what really says it, in a pool that has what it is about.
 * @param run what runs of the unlocker and the payer say of themselves
 */
export async function healthTexts(run: {
  readonly unlocker: readonly string[];
  readonly payer: readonly string[];
}): Promise<Told[]> {
  const states = [
    ...workStates(),
    ...shardStates(),
    ...ledgerStates(),
    ...unlockerStates(run.unlocker),
    ...payerStates(run.payer),
    ...notifierStates(),
    ...(await placeStates()),
  ];
  const reports = states.map((state) => judged(state));
  const told = [
    ...reports.flatMap(({ problems }) => problems.map((text) => ({ kind: "problem" as const, text }))),
    ...reports.flatMap(({ notices }) => notices.map((text) => ({ kind: "notice" as const, text }))),
  ];
  const behind = new UpstreamHealth(["main", "second"], RULES);
  behind.answered("main", { height: 1043, networkDifficulty: 1n }, NOW_MS);
  behind.answered("second", { height: 1040, networkDifficulty: 1n }, NOW_MS);
  const fallen = behind.statuses().flatMap(({ lastError }) => lastError ?? []);
  const nodes = [...NODE_FAILURES.map(({ reason }) => reason), ...fallen];
  return [...told, ...nodes.map((text) => ({ kind: "node" as const, text }))];
}
