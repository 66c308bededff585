import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { createChainCheck } from "../../core/work/chain-identity.ts";
import { createNodeRpc, isRecord, type NodeRpc } from "../../core/work/node-rpc.ts";
import { parseCount } from "../../core/work/node-work.ts";
import { chainByName, customChain, type ChainSpec } from "../../core/chain-spec.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";
import { ask, isOnThisMachine, jsonOf } from "./ask.ts";
import { converse } from "./dialects.ts";
import type { DoctorOptions } from "./options.ts";
import { fail, ok, skipped, warn, type Finding } from "./finding.ts";
import { openDirect } from "./miner-checks.ts";
import type { PoolReport } from "./pool-checks.ts";

const facts = v.object({
  chain: v.string(),
  epochLength: v.number(),
  ecip1099Block: v.nullable(v.number()),
});

type Node = NonNullable<DoctorOptions["node"]>;

/** Namespaces that let whoever asks change the node or spend from it. */
const DANGEROUS = new Set(["admin", "personal", "miner", "debug", "clique"]);
const OLD_BLOCK_S = 600;
const FUTURE_BLOCK_S = 15;
const ASKED_AGAIN = 4;
const ASK_AGAIN_MS = 1_000;

const NEEDED = ["eth_getWork", "eth_getBlockByNumber", "eth_chainId", "eth_blockNumber", "eth_syncing"] as const;

/** The node as the pool reaches it, and back: chain, sync, work, clock, what is open to everybody, and whether pushed work arrives. */
export async function* nodeChecks(options: DoctorOptions, pool: PoolReport): AsyncGenerator<Finding> {
  const { node, timeoutMs } = options;
  if (node === null) {
    yield skipped(
      "node",
      "not asked itself: give --node https://geth.mypool.com (and UPSTREAM_SECRETS, as the pool has it)",
    );
    yield* await notifyToken(options);
    return;
  }
  const state = yield* nodeFindings({ ...options, node }, await chainOf(options));
  if (state === null) return;
  yield staleness(state, pool);
  yield* await openToAll(node, timeoutMs);
  yield* await notifyComesBack(options, state);
}

/** What a node says of itself. @param chain that it should be on, null where that is not known @returns null where it gave nothing usable */
export async function* nodeFindings(
  { node, timeoutMs, nowMs }: Pick<DoctorOptions, "timeoutMs" | "nowMs"> & { readonly node: Node },
  chain: ChainSpec | null,
): AsyncGenerator<Finding, NodeState | null> {
  const rpc = createNodeRpc({ name: "node", url: node.url, timeoutMs, secretHeaders: node.headers }, httpPost);
  const state = await readNode(rpc);
  if (typeof state === "string") {
    const asked = await ask(node.url, timeoutMs, { method: "POST", body: "{}", headers: node.headers });
    yield asked.kind === "trouble"
      ? fail("node", `${hostOf(node)}: ${asked.trouble.found}`, asked.trouble.fix)
      : fail(
          "node",
          `${hostOf(node)}: ${state}`,
          "geth --mine --http --http.api eth,net,web3 --http.vhosts <name>; what is between must pass batches",
        );
    return null;
  }
  yield ok("node", `${hostOf(node)} answers a batch, block ${state.height ?? "?"}`);
  yield chainFinding(chain, state);
  yield* stateFindings(state, nowMs());
  return state;
}

const hostOf = ({ url }: Node): string => new URL(url).host;

interface NodeState {
  readonly work: readonly string[] | null;
  readonly workSaid: string;
  readonly height: number | null;
  readonly timestampS: number | null;
  readonly chainId: number | null;
  readonly syncing: boolean | null;
}

/** @returns why it gave nothing usable, as text */
async function readNode(rpc: NodeRpc): Promise<NodeState | string> {
  const params = { eth_getBlockByNumber: ["latest", false] } as const;
  const batch = await rpc.batch(
    NEEDED.map((method) => ({ method, params: method === "eth_getBlockByNumber" ? params[method] : [] })),
  );
  if (batch.kind === "failed") return batch.reason;
  const [work, block, chainId, height, syncing] = NEEDED.map((_, at) => batch.replyTo(at));
  const valueOf = (reply: typeof work): unknown => (reply?.kind === "ok" ? reply.value : null);
  const latest = valueOf(block);
  const items = valueOf(work);
  const isWork = Array.isArray(items) && items.every((item) => typeof item === "string");
  const sync = valueOf(syncing);
  return {
    work: isWork ? items : null,
    workSaid: work?.kind === "failed" ? work.reason : isWork ? "" : "the result is no work",
    height: parseCount(valueOf(height)),
    timestampS: isRecord(latest) ? parseCount(latest["timestamp"]) : null,
    chainId: parseCount(valueOf(chainId)),
    syncing: sync === false ? false : isRecord(sync) ? true : null,
  };
}

async function chainOf({ pool, timeoutMs }: DoctorOptions): Promise<ChainSpec | null> {
  const asked = await ask(`${pool}/api/pool`, timeoutMs);
  const parsed = asked.kind === "answered" ? v.safeParse(facts, jsonOf(asked.answer)) : null;
  if (parsed?.success !== true) return null;
  const { chain: name, ...rules } = parsed.output;
  return chainByName(name) ?? customChain({ name, ...rules });
}

function chainFinding(chain: ChainSpec | null, { chainId }: NodeState): Finding {
  if (chain === null) return skipped("node chain", "which chain the pool is on is not known (/api/pool)");
  const finding = createChainCheck(chain, null, true)({ chainId, blocks: [] });
  if (finding.kind === "other")
    return fail("node chain", finding.reason, "upstream must lead to a node of the pool's chain; or set chain");
  return ok("node chain", `chain id ${chainId ?? "not given"}, the pool is on ${chain.name}`);
}

function* stateFindings(state: NodeState, nowMs: number): Generator<Finding> {
  const { work, workSaid, timestampS, syncing } = state;
  yield work === null
    ? fail("node work", `eth_getWork: ${workSaid}`, "geth --mine --miner.etherbase 0x…; a node that syncs has no work")
    : ok("node work", "eth_getWork gives work");
  if (syncing === true)
    yield fail("node synced", "eth_syncing: it is still syncing", "wait; blocks found meanwhile are lost");
  else if (timestampS !== null && nowMs / 1000 - timestampS > OLD_BLOCK_S)
    yield warn(
      "node synced",
      `its newest block is ${Math.round((nowMs / 1000 - timestampS) / 60)} minutes old`,
      "peers, disk space, clock (eth_syncing, net_peerCount); on a quiet chain of your own it is nothing",
    );
  else yield ok("node synced", "eth_syncing is false, and its newest block is fresh");
  if (timestampS !== null && timestampS - nowMs / 1000 > FUTURE_BLOCK_S)
    yield fail(
      "node clock",
      `its newest block is of ${Math.round(timestampS - nowMs / 1000)} s in the future`,
      "set the clocks of the node's and of this machine by NTP: others refuse blocks of the future",
    );
}

function staleness({ height }: NodeState, pool: PoolReport): Finding {
  // An idle pool asks once a minute; the report's judgement was made a little before the node was asked.
  const behind = height === null || pool.work?.height == null ? 0 : height + 1 - pool.work.height;
  return behind > 2
    ? fail(
        "stale work",
        `the pool gives work for block ${pool.work?.height}, ${behind} below what the node is at`,
        "what health says of this node; is --node the one in upstream?",
      )
    : ok("stale work", "the pool's work is that of the node's height");
}

async function openToAll(node: Node, timeoutMs: number): Promise<Finding[]> {
  const bare = createNodeRpc({ name: "node", url: node.url, timeoutMs, secretHeaders: {} }, httpPost);
  const modules = await bare.call({ method: "rpc_modules", params: [] });
  const anybody = modules.kind === "ok" || modules.failure === "rpc";
  const open = modules.kind === "ok" && isRecord(modules.value) ? Object.keys(modules.value) : [];
  const dangerous = open.filter((name) => DANGEROUS.has(name));
  if (dangerous.length > 0)
    return [
      fail(
        "node doors",
        `${dangerous.join(", ")} answer everybody at this name`,
        "--http.api eth,net,web3 and nothing else; and put the name behind Cloudflare Access (docs/OPERATING.md, A private node)",
      ),
    ];
  if (!anybody) return [ok("node doors", "without the credentials nothing is answered")];
  if (isOnThisMachine(node.url)) return [ok("node doors", "answers on this machine")];
  return [
    warn(
      "node doors",
      "the node answers everybody who knows its name",
      "put it behind Cloudflare Access with a service token, or a Workers VPC (docs/OPERATING.md, A private node)",
    ),
  ];
}

const CHECK = "node notify";

async function push({ pool, timeoutMs, secrets, node }: DoctorOptions, body: string) {
  const query = node?.name == null ? "" : `?upstream=${encodeURIComponent(node.name)}`;
  const url = `${pool}/notify/${secrets.notifyToken ?? ""}${query}`;
  return await ask(url, timeoutMs, { method: "POST", body, headers: { "Content-Type": "application/json" } });
}

/** Without a node's work: the pool says of an empty push what is wrong with it, if the token is right. */
async function notifyToken(options: DoctorOptions): Promise<Finding[]> {
  if (options.secrets.notifyToken === null) return [];
  const asked = await push(options, "[]");
  if (asked.kind === "trouble") return [fail(CHECK, asked.trouble.found, asked.trouble.fix)];
  return [
    asked.answer.status === 400
      ? ok(CHECK, "NOTIFY_TOKEN is the pool's")
      : fail(
          CHECK,
          "NOTIFY_TOKEN is not the pool's",
          "npm run secret -- NOTIFY_TOKEN, and the same in geth's --miner.notify",
        ),
  ];
}

/** The node's own work, pushed as geth does, has to be what a miner is given then. */
async function notifyComesBack(options: DoctorOptions, { work }: NodeState): Promise<Finding[]> {
  if (options.secrets.notifyToken === null)
    return [skipped(CHECK, "not tried: NOTIFY_TOKEN is not in the environment; polling alone works, seconds later")];
  if (work === null) return await notifyToken(options);
  const asked = await push(options, JSON.stringify(work));
  if (asked.kind === "trouble") return [fail(CHECK, asked.trouble.found, asked.trouble.fix)];
  if (asked.answer.status === 404)
    return [
      fail(
        CHECK,
        "NOTIFY_TOKEN is not the pool's",
        "npm run secret -- NOTIFY_TOKEN, and the same in geth's --miner.notify",
      ),
    ];
  const reason: unknown = Object(jsonOf(asked.answer)).reason;
  if (asked.answer.status !== 200)
    return [fail(CHECK, `the pool refuses the node's work: ${String(reason)}`, "as it says")];
  for (let time = 0; time < ASKED_AGAIN; time += 1) {
    const opened = await openDirect(options);
    if (opened.kind === "trouble") break;
    const came = await converse(opened.socket, "eth-proxy", options.login, options.timeoutMs);
    opened.socket.close();
    if (came.kind === "mined" && came.header === work[0])
      return [ok(CHECK, "the node's work, pushed to /notify, is what a miner is given")];
    await sleep(ASK_AGAIN_MS);
  }
  return [
    warn(
      CHECK,
      "pushed work was taken, and a miner was given another header",
      "a node that makes work faster than this looks; try again",
    ),
  ];
}
