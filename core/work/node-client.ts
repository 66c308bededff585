import type { Job } from "./job.ts";
import {
  createJsonRpc,
  isRecord,
  nodeFailure,
  type JsonRpc,
  type JsonRpcReply,
  type NodeClientDeps,
  type NodeFailure,
} from "./json-rpc.ts";
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
   * `eth_submitWork`. geth says `true` to duplicates as well (protocol.md, 6).
   * @param nonce 8 bytes, `0x` hex
   * @param header 32 bytes, `0x` hex
   * @param mixDigest 32 bytes, `0x` hex
   */
  submitWork(nonce: string, header: string, mixDigest: string): Promise<SubmitWorkResult>;
}

/** @param upstream where, with which credentials and how long; @param deps the platform */
export function createNodeClient(upstream: UpstreamConfig, deps: NodeClientDeps): NodeClient {
  const rpc = createJsonRpc(upstream, deps);
  return {
    name: upstream.name,
    async poll() {
      const first = await pollOnce(rpc);
      // The new block fell between the two answers of the batch: the node has settled by now.
      return first.kind === "failed" && first.failure === "inconsistent" ? await pollOnce(rpc) : first;
    },
    async submitWork(nonce, header, mixDigest) {
      const params = [nonce, header, mixDigest];
      const reply = await rpc.post({ jsonrpc: "2.0", id: 1, method: "eth_submitWork", params });
      const answer = reply.kind === "ok" ? rpc.resultOf(reply.value, "eth_submitWork") : reply;
      if (answer.kind === "failed") return { kind: "error", reason: answer.reason };
      if (typeof answer.value === "boolean") return { kind: answer.value ? "accepted" : "rejected" };
      return { kind: "error", reason: "eth_submitWork: the result is neither true nor false" };
    },
  };
}

async function pollOnce(rpc: JsonRpc): Promise<PollResult> {
  const reply = await rpc.post([
    { jsonrpc: "2.0", id: 1, method: "eth_getWork", params: [] },
    { jsonrpc: "2.0", id: 2, method: "eth_getBlockByNumber", params: ["pending", false] },
  ]);
  if (reply.kind === "failed") return reply;
  if (!Array.isArray(reply.value)) {
    const single = rpc.resultOf(reply.value, "the batch");
    return single.kind === "failed" ? single : nodeFailure("malformed", "does not answer a batch with an array");
  }
  // The answers of a batch may come in any order (JSON-RPC 2.0, section 6).
  const answers: unknown[] = reply.value;
  const resultOf = (id: number, method: string) =>
    rpc.resultOf(
      answers.find((answer) => isRecord(answer) && answer["id"] === id),
      method,
    );
  const work = resultOf(1, "eth_getWork");
  if (work.kind === "failed") return work;
  if (work.value === null || work.value === undefined) return nodeFailure("noWork", "eth_getWork: the result is null");
  return combine(work.value, resultOf(2, "eth_getBlockByNumber"));
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
