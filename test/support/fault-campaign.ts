import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FATE_HEIGHTS } from "../../core/work/block-search.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { startLocalUpstash } from "../../devnet/gateway/upstash-gateway.ts";
import { CheatingRigs, type CheatReport, type TrueAccount } from "./cheating-rigs.ts";
import { FaultProxy, type LineFault } from "./fault-proxy.ts";
import {
  KEY_TROUBLES,
  LEDGER_TIMEOUT_MS,
  LINE_TROUBLES,
  POOL_TROUBLES,
  ROW_TROUBLES,
  TOO_HARD,
  type Stage,
  type Trouble,
} from "./fault-troubles.ts";
import { LedgerAudit, type Findings } from "./ledger-audit.ts";
import { kernelAt } from "./pow.ts";
import { LONG_CHAIN } from "./proofs.ts";
import { ShareRigs } from "./share-rigs.ts";

/** How a campaign goes. */
export interface CampaignOptions {
  /** It goes on until miners have seen `true` for so many shares and a block was found ... */
  readonly acknowledged: number;
  /** ... and at least so many times each of the kinds of trouble has happened. */
  readonly rounds: number;
  readonly logins: number;
  /** Of further logins that cheat. */
  readonly cheats: number;
  readonly rigs: number;
  /** Shares of one rig that wait for their answer. Where all of them together take more than a second, the pool is only being flooded. */
  readonly window: number;
  /** `redis`: a redis-server behind an Upstash gateway and a line that fails. `embedded`: the pool's own ledger. */
  readonly ledger: "redis" | "embedded";
  /** Repeats the order of troubles (not their instants). */
  readonly seed: number;
  /** Longest outage of the ledger. */
  readonly outageMs: number;
  /** Of the first blocks; after {@link MOST_BLOCKS} nobody finds another. */
  readonly networkDifficulty: bigint;
  /** Relays between the template and the sessions, which then take shares through their sockets. Left out: as many as so few logins need, none. */
  readonly relays?: number;
  /** The pool's scripts. Left out: as they are. */
  readonly bundles?: Parameters<typeof startPool>[0]["bundles"];
  readonly onLog?: (message: string) => void;
  readonly onProgress?: (text: string) => void;
}

/** What came of it. */
export interface CampaignReport {
  readonly findings: Findings;
  readonly acknowledged: number;
  readonly recorded: number;
  readonly blocks: number;
  readonly candidates: number;
  readonly kills: number;
  readonly troubles: Readonly<Record<string, number>>;
  readonly requests: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  /** Submits that had no answer in the end. */
  readonly waiting: number;
  /** What the cheats did and heard, and how many shares they were credited. */
  readonly cheats: CheatReport & { readonly credited: number; readonly account: Omit<TrueAccount, "unexplained"> };
  readonly seconds: number;
}

const TOKEN = "fault-campaign-token";

/** So that no proof of work is swept from `eth:pow`, eight heights later, before the audit has seen it. */
const MOST_BLOCKS = 6;

/** A node whose chain becomes too hard in time, and how hard its next work has to be now. */
async function startFiniteNode(easy: bigint): Promise<{ node: DevNode; difficulty: () => bigint }> {
  // The work that follows the last block is made before that block is told: one block earlier.
  const difficulty = () => (node.chain.accepted.length >= MOST_BLOCKS - 1 ? TOO_HARD : easy);
  const node: DevNode = await startNode({
    difficulty: easy,
    blockTimeMs: null,
    onEvent: ({ kind }) => {
      if (kind === "block" && difficulty() === TOO_HARD) node.chain.setDifficulty(TOO_HARD);
    },
  });
  return { node, difficulty };
}

/** A small generator of numbers from 0 to 1 that can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Starts everything, lets miners mine while things fail, heals everything, and audits the books. */
export async function runFaultCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const startedAt = Date.now();
  const random = randomFrom(options.seed);
  const line: LineFault[] = [];
  const cleanUp: (() => Promise<unknown>)[] = [];
  try {
    const stateDir = await mkdtemp(join(tmpdir(), "edgepool-faults-"));
    cleanUp.push(() => rm(stateDir, { recursive: true, force: true }));
    const { node, difficulty } = await startFiniteNode(options.networkDifficulty);
    cleanUp.push(() => node.close());
    const upstash = options.ledger === "redis" ? await startLocalUpstash() : null;
    if (upstash) cleanUp.push(() => upstash.close());
    const proxy = upstash && new FaultProxy(upstash.gateway.url, () => line.shift() ?? { kind: "none" });
    await proxy?.start();
    if (proxy) cleanUp.push(() => proxy.stop());
    const shards = { shards: 4 };
    const { bundles, onLog } = options;
    const pool = await startPool({
      stateDir,
      ...settings(node, shards, proxy?.url ?? null, upstash?.gateway.token ?? "", options.relays),
      ...(bundles && { bundles }),
      ...(onLog && { onLog: ({ message }) => onLog(message) }),
    });
    cleanUp.push(() => pool.close());
    const kernel = kernelAt(LONG_CHAIN, 0);
    const rigs = new ShareRigs(() => pool.url, { ...options, kernelFor: () => kernel });
    cleanUp.push(async () => rigs.close());
    const cheats = new CheatingRigs(
      () => pool.url,
      options.cheats,
      () => kernel,
    );
    cleanUp.push(async () => cheats.close());
    const mining = Promise.all([rigs.run(), cheats.run()]);

    const own = { ...POOL_TROUBLES, ...ROW_TROUBLES };
    const troubles = options.ledger === "redis" ? { ...LINE_TROUBLES, ...KEY_TROUBLES, ...own } : own;
    const redis =
      upstash && upstashPort({ url: upstash.gateway.url, token: upstash.gateway.token, timeoutMs: 120_000 });
    const { logins } = rigs;
    const stage = {
      pool,
      node,
      difficulty,
      proxy,
      line,
      random,
      outageMs: options.outageMs,
      redis,
      logins,
      stateDir,
      settings: shards,
    };
    const counts = await makeTrouble(troubles, stage, rigs, options);
    rigs.stop();
    cheats.stop();
    await mining;
    line.length = 0;
    node.faults.loseSubmitReplies = 0;
    // The chain goes on: it has the last word about second nonces for one header.
    for (let height = 0; height < FATE_HEIGHTS + 1; height++) node.advance();

    const endpoint = upstash ? upstash.gateway : { url: `${pool.url}/redis`, token: TOKEN };
    const audit = new LedgerAudit(endpoint);
    const witnesses = {
      sent: new Map([...rigs.sent, ...cheats.proofs]),
      acknowledged: new Set([...rigs.acknowledged, ...cheats.acknowledged]),
      blocks: node.chain.accepted,
      together: new Set(cheats.logins),
    };
    await quiet(audit, witnesses, proxy, rigs, pool);
    const { findings, recorded, members, candidates, together } = await audit.findings(witnesses);
    const { unexplained, ...account } = cheats.account(members);
    const open = unexplained.map((member) => `told true to a cheat, right, and credited to nobody: ${member}`);
    return {
      findings: [...findings, ...open, ...(await openEnds(pool))],
      acknowledged: rigs.acknowledged.size,
      recorded,
      blocks: node.chain.accepted.length,
      candidates,
      kills: counts.get("kill") ?? 0,
      troubles: Object.fromEntries(counts),
      requests: Object.fromEntries(proxy?.counts ?? []),
      answers: Object.fromEntries(rigs.answers),
      waiting: rigs.waiting,
      cheats: { ...cheats.report, credited: together, account },
      seconds: Math.round((Date.now() - startedAt) / 1000),
    };
  } finally {
    for (const step of cleanUp.toReversed()) await step();
  }
}

/** @param shards read anew at each start of the pool */
function settings(
  node: DevNode,
  shards: { readonly shards: number },
  ledgerUrl: string | null,
  token: string,
  jobRelays?: number,
) {
  return {
    varsNow: () => ({ verifier: { shards: shards.shards } }),
    vars: {
      chain: { name: "devnet", epochLength: 30_000 },
      difficulty: 1,
      blockRefreshInterval: "200ms",
      ...(jobRelays !== undefined && { jobRelays }),
      ledgerTimeout: `${LEDGER_TIMEOUT_MS}ms`,
      upstream: [{ name: "main", url: node.url, timeout: "2s" }],
      policy: { banning: { enabled: false }, limits: { enabled: false } },
    },
    secrets: {
      REDIS_TOKEN: TOKEN,
      ...(ledgerUrl === null ? {} : { UPSTASH_REDIS_REST_URL: ledgerUrl, UPSTASH_REDIS_REST_TOKEN: token }),
    },
    cron: false,
  };
}

/** One trouble after the other, in shuffled rounds, until there were enough of them and of acknowledged shares. */
async function makeTrouble(
  troubles: Readonly<Record<string, Trouble>>,
  stage: Stage,
  rigs: ShareRigs,
  { acknowledged, rounds, onProgress }: CampaignOptions,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  await until(() => rigs.acknowledged.size > 20, 60_000, "no share is ever acknowledged");
  const enough = () => rigs.acknowledged.size >= acknowledged && stage.node.chain.accepted.length > 0;
  for (let round = 1; round <= rounds || !enough(); round++) {
    const order = Object.entries(troubles)
      .map((entry) => ({ entry, at: stage.random() }))
      .toSorted((a, b) => a.at - b.at);
    for (const { entry } of order) {
      const [name, trouble] = entry;
      await trouble(stage);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      await sleep(stage.random() * 1_000);
    }
    onProgress?.(`round ${round}: ${rigs.acknowledged.size} acknowledged, ${stage.node.chain.accepted.length} blocks`);
  }
  return counts;
}

/** What the pool itself still holds, or complains of, when all should be over. */
async function openEnds(pool: PoolProcess): Promise<string[]> {
  const response = await fetch(`${pool.url}/health`);
  const { problems, outbox }: { problems: string[]; outbox: { depth: number } } = JSON.parse(await response.text());
  return outbox.depth === 0 ? problems : [...problems, `${outbox.depth} records still wait`];
}

/** Until everything that was acknowledged has arrived and nothing more comes. */
async function quiet(
  audit: LedgerAudit,
  witnesses: Parameters<LedgerAudit["missing"]>[0],
  proxy: FaultProxy | null,
  rigs: ShareRigs,
  pool: PoolProcess,
): Promise<void> {
  const deadlineMs = Date.now() + 90_000;
  let answered = -1;
  while (Date.now() < deadlineMs) {
    const total = [...rigs.answers.values()].reduce((sum, count) => sum + count, 0);
    if (total === answered && (proxy?.onWay ?? 0) === 0 && (await audit.missing(witnesses)) === 0) return;
    answered = total;
    // No miner wakes a verifier that is no longer configured.
    await pool.scheduled();
    await sleep(2_500);
  }
}

async function until(condition: () => boolean, timeoutMs: number, otherwise: string): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadlineMs) throw new Error(otherwise);
    await sleep(50);
  }
}
