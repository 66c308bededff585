import { findBlock, type BlockSearch } from "./block-search.ts";
import { MARKED_HEIGHTS, NO_MARKS, type ChainMarks } from "./chain-identity.ts";
import type { NodeJob } from "./job.ts";
import {
  createNodeRpc,
  isRecord,
  nodeFailure,
  type NodeRpc,
  type HttpPost,
  type JsonRpcReply,
  type NodeFailure,
} from "./node-rpc.ts";
import { parseCount, parseQuantity, parseWork } from "./node-work.ts";
import type { UpstreamConfig } from "./upstream.ts";

export type PollResult =
  | {
      readonly kind: "work";
      readonly job: NodeJob;
      readonly marks: ChainMarks;
      /** Height that the node's own chain is ready for; the work's, or one more for the moment that a node takes to make it. */
      readonly due: number;
    }
  | NodeFailure;

/** What a node said to a block. `error`: it is unknown whether it took it; the block has to be offered again or elsewhere. */
export type SubmitWorkResult =
  | { readonly kind: "accepted" }
  | { readonly kind: "rejected" }
  | { readonly kind: "error"; readonly reason: string };

/** JSON-RPC to one node. Nothing here throws for what a node does; every outcome is a value. */
export interface NodeClient {
  /** The upstream's name. */
  readonly name: string;
  /** Asks for the current work, with what tells its chain and whether it keeps up with the node's own: one batch. */
  poll(): Promise<PollResult>;
  /**
   * `eth_submitWork`. geth says `true` to duplicates as well (docs/protocol.md, section 6).
   * @param nonce 8 bytes, `0x` hex
   * @param header 32 bytes, `0x` hex
   * @param mixDigest 32 bytes, `0x` hex
   */
  submitWork(nonce: string, header: string, mixDigest: string): Promise<SubmitWorkResult>;
  /**
   * Whether the node's chain holds the block with this seal at this height, or as an uncle of a later block.
   * @param nonce 8 bytes, `0x` hex
   * @param mixDigest 32 bytes, `0x` hex
   */
  findBlock(height: number, nonce: string, mixDigest: string): Promise<BlockSearch>;
}

/** So many heights may lie between the work and the node's newest block while one arrives between the answers of a batch. */
const STUCK_AFTER_HEIGHTS = 2;

/** @param upstream where, with which credentials and how long; @param post the platform */
export function createNodeClient(upstream: UpstreamConfig, post: HttpPost): NodeClient {
  const rpc = createNodeRpc(upstream, post);
  // Nodes without eth_chainId are asked for blocks once: what program answers at an address does not change while it answers.
  let blocks: ChainMarks["blocks"] | null = null;
  const marksOf = async (chainId: JsonRpcReply): Promise<ChainMarks> => {
    if (chainId.kind === "ok") return { ...NO_MARKS, chainId: parseCount(chainId.value) };
    if (chainId.failure !== "rpc") return NO_MARKS;
    blocks ??= await markedBlocks(rpc);
    return { ...NO_MARKS, blocks: blocks ?? [] };
  };
  const pollOnce = async (): Promise<PollResult> => {
    const answer = await askForWork(rpc);
    if (answer.kind === "work") {
      const { kind, job, due } = answer;
      return { kind, job, due, marks: await marksOf(answer.chainId) };
    }
    blocks = null;
    return answer;
  };
  return {
    name: upstream.name,
    async poll() {
      const first = await pollOnce();
      // The new block fell between the two answers of the batch: the node has settled by now.
      return first.kind === "failed" && first.failure === "inconsistent" ? await pollOnce() : first;
    },
    async submitWork(nonce, header, mixDigest) {
      const answer = await rpc.call({ method: "eth_submitWork", params: [nonce, header, mixDigest] });
      if (answer.kind === "failed") return { kind: "error", reason: answer.reason };
      if (typeof answer.value === "boolean") return { kind: answer.value ? "accepted" : "rejected" };
      return { kind: "error", reason: "eth_submitWork: the result is neither true nor false" };
    },
    findBlock: (height, nonce, mixDigest) => findBlock(rpc, height, nonce, mixDigest),
  };
}

type WorkAnswer =
  | { readonly kind: "work"; readonly job: NodeJob; readonly due: number; readonly chainId: JsonRpcReply }
  | NodeFailure;

async function askForWork(rpc: NodeRpc): Promise<WorkAnswer> {
  const batch = await rpc.batch([
    { method: "eth_getWork", params: [] },
    { method: "eth_getBlockByNumber", params: ["pending", false] },
    { method: "eth_chainId", params: [] },
    { method: "eth_blockNumber", params: [] },
  ]);
  if (batch.kind === "failed") return batch;
  const work = batch.replyTo(0);
  if (work.kind === "failed") return work;
  if (work.value === null || work.value === undefined) return nodeFailure("noWork", "eth_getWork: the result is null");
  const combined = combine(work.value, batch.replyTo(1), batch.replyTo(3));
  return combined.kind === "failed" ? combined : { ...combined, chainId: batch.replyTo(2) };
}

/** Null where the node gave no answer at all: it is asked again at the next poll. */
async function markedBlocks(rpc: NodeRpc): Promise<ChainMarks["blocks"] | null> {
  const batch = await rpc.batch(
    MARKED_HEIGHTS.map((height) => ({ method: "eth_getBlockByNumber", params: [`0x${height.toString(16)}`, false] })),
  );
  if (batch.kind === "failed") return null;
  return MARKED_HEIGHTS.map((_height, at) => {
    const reply = batch.replyTo(at);
    const hash = reply.kind === "ok" && isRecord(reply.value) ? reply.value["hash"] : null;
    return typeof hash === "string" ? hash.toLowerCase() : null;
  });
}

/** The height is the fourth item of the work where there is one; else the pending block's, if that is the same block. */
function combine(work: unknown, block: JsonRpcReply, newest: JsonRpcReply) {
  const pending = block.kind === "ok" && isRecord(block.value) ? block.value : {};
  const pendingHeight = parseCount(pending["number"]);
  const parsed = parseWork(work, pendingHeight);
  if (!parsed.ok) {
    const why = block.kind === "failed" ? ` (${block.reason})` : "";
    return nodeFailure("malformed", `eth_getWork: ${parsed.reason}${why}`);
  }
  const { job } = parsed;
  const difficulty = parseQuantity(pending["difficulty"]);
  if (!parsed.ownHeight && difficulty !== job.networkDifficulty) {
    return nodeFailure(
      "inconsistent",
      `the work has difficulty ${job.networkDifficulty} and the pending block ${difficulty}: its height is not that of the work`,
    );
  }
  // The work should be for the block after the newest one.
  const newestHeight = newest.kind === "ok" ? parseCount(newest.value) : null;
  const due = Math.max(job.height, pendingHeight ?? 0, newestHeight === null ? 0 : newestHeight + 1);
  if (due - job.height < STUCK_AFTER_HEIGHTS) return { kind: "work", job, due } as const;
  return nodeFailure(
    "stuck",
    `eth_getWork is for block ${job.height} while the node itself is at ${due}: blocks found on that would be lost. Its miner is stuck: restart it (miner.stop(), miner.start() in the node's console) or the node`,
  );
}
