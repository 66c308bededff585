import { findBlock, type BlockSearch } from "./block-search.ts";
import type { Job } from "./job.ts";
import {
  createNodeRpc,
  isRecord,
  nodeFailure,
  type NodeRpc,
  type HttpPost,
  type JsonRpcReply,
  type NodeFailure,
} from "./node-rpc.ts";
import { parseQuantity, parseWork } from "./node-work.ts";
import type { UpstreamConfig } from "./upstream.ts";

export type PollResult = { readonly kind: "work"; readonly job: Job } | NodeFailure;

/** What a node said to a block. `error`: it is unknown whether it took it; the block has to be offered again or elsewhere. */
export type SubmitWorkResult =
  | { readonly kind: "accepted" }
  | { readonly kind: "rejected" }
  | { readonly kind: "error"; readonly reason: string };

/** JSON-RPC to one node. Nothing here throws for what a node does; every outcome is a value. */
export interface NodeClient {
  /** The upstream's name. */
  readonly name: string;
  /** Asks for the current work: one batch of `eth_getWork` and `eth_getBlockByNumber("pending", false)`. */
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

/** @param upstream where, with which credentials and how long; @param post the platform */
export function createNodeClient(upstream: UpstreamConfig, post: HttpPost): NodeClient {
  const rpc = createNodeRpc(upstream, post);
  return {
    name: upstream.name,
    async poll() {
      const first = await pollOnce(rpc);
      // The new block fell between the two answers of the batch: the node has settled by now.
      return first.kind === "failed" && first.failure === "inconsistent" ? await pollOnce(rpc) : first;
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

async function pollOnce(rpc: NodeRpc): Promise<PollResult> {
  const batch = await rpc.batch([
    { method: "eth_getWork", params: [] },
    { method: "eth_getBlockByNumber", params: ["pending", false] },
  ]);
  if (batch.kind === "failed") return batch;
  const work = batch.replyTo(0);
  if (work.kind === "failed") return work;
  if (work.value === null || work.value === undefined) return nodeFailure("noWork", "eth_getWork: the result is null");
  return combine(work.value, batch.replyTo(1));
}

/** The height is the fourth item of the work where there is one; else the pending block's, if that is the same block. */
function combine(work: unknown, block: JsonRpcReply): PollResult {
  const pending = block.kind === "ok" && isRecord(block.value) ? block.value : {};
  const height = parseQuantity(pending["number"]);
  const parsed = parseWork(work, height === null ? null : Number(height));
  if (!parsed.ok) {
    const why = block.kind === "failed" ? ` (${block.reason})` : "";
    return nodeFailure("malformed", `eth_getWork: ${parsed.reason}${why}`);
  }
  const difficulty = parseQuantity(pending["difficulty"]);
  if (!parsed.ownHeight && difficulty !== parsed.job.networkDifficulty) {
    return nodeFailure(
      "inconsistent",
      `the work has difficulty ${parsed.job.networkDifficulty} and the pending block ${difficulty}: its height is not that of the work`,
    );
  }
  return { kind: "work", job: parsed.job };
}
