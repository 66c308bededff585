import {
  hexOf,
  quantity,
  readBlock,
  searchChain,
  type ChainPlace,
  type ChainQuery,
  type ChainSearch,
} from "../work/chain-search.ts";
import { isRecord, type JsonRpcReply, type NodeRpc } from "../work/node-rpc.ts";
import { parseCount, parseQuantity } from "../work/node-work.ts";
import type { FeeReceipt, PlacedBlock } from "./block-revenue.ts";

/** What a node says of itself. */
export type NodeStatus =
  | {
      readonly kind: "well";
      /** Height of its newest block. */
      readonly head: number;
      readonly syncing: boolean;
      /** Null where it does not tell (its `net` API is off). */
      readonly peers: number | null;
      /** Whom it mines for, lower-case address; null where it does not say. */
      readonly etherbase: string | null;
    }
  | { readonly kind: "failed"; readonly reason: string };

/** What a found block's revenue is computed from. */
type PlacedResult =
  | { readonly ok: true; readonly miner: string; readonly block: PlacedBlock }
  | { readonly ok: false; readonly reason: string };

/** A hash of the chain at a height. */
type HashResult = { readonly ok: true; readonly hash: string } | { readonly ok: false; readonly reason: string };

/** One node, as the unlocker asks it. Nothing throws for what a node does. */
export interface ChainNode {
  readonly name: string;
  /** One request. */
  status(): Promise<NodeStatus>;
  /** One or two requests. */
  search(query: ChainQuery): Promise<ChainSearch>;
  /** The block with its transactions' receipts: no request for an uncle or an empty block, else one or two. */
  read(place: ChainPlace): Promise<PlacedResult>;
  hashAt(height: number): Promise<HashResult>;
}

/** geth's text where it does not have `eth_getBlockReceipts` (it came with 1.13.1; core-geth's own releases differ). */
const NO_METHOD = /does not exist|not available|not supported|not found|unknown method/i;

/** @param rpc to this node */
export function createChainNode(name: string, rpc: NodeRpc): ChainNode {
  // A node does not learn a method while we talk to it; after a restart of ours it is asked again.
  let hasBlockReceipts = true;
  return {
    name,
    status: () => statusOf(rpc),
    search: (query) => searchChain(rpc, query),
    async read(place) {
      const what = `${place.as} ${place.header.hash}`;
      const miner = hexOf(place.header.fields["miner"], 20);
      if (miner === null) return { ok: false, reason: `${what}: the node does not say who mined it` };
      if (place.as === "uncle") {
        const uncleHeight = parseCount(place.header.fields["number"]);
        if (uncleHeight === null) return { ok: false, reason: `${what}: the number is not 0x hex` };
        return { ok: true, miner, block: { as: "uncle", height: place.height, uncleHeight, hash: place.header.hash } };
      }
      const { fields, hash, uncles } = place.header;
      const gasUsed = parseQuantity(fields["gasUsed"]);
      const baseFee = fields["baseFeePerGas"];
      const baseFeePerGas = baseFee === undefined || baseFee === null ? 0n : parseQuantity(baseFee);
      const hashes = transactionsOf(fields["transactions"]);
      if (gasUsed === null || baseFeePerGas === null || hashes === null)
        return { ok: false, reason: `${what}: gasUsed, baseFeePerGas or the transactions cannot be read` };
      const read = await readReceipts(rpc, hash, hashes, hasBlockReceipts);
      if (read.kind === "failed") return { ok: false, reason: `${what}: ${read.reason}` };
      hasBlockReceipts = read.byBlock;
      const { receipts } = read;
      return {
        ok: true,
        miner,
        block: { as: "block", height: place.height, hash, uncles: uncles.length, gasUsed, baseFeePerGas, receipts },
      };
    },
    async hashAt(height) {
      const read = readBlock(
        await rpc.call({ method: "eth_getBlockByNumber", params: [quantity(height), false] }),
        height,
      );
      return read.ok ? { ok: true, hash: read.header.hash } : read;
    },
  };
}

function transactionsOf(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  const hashes = value.map((hash: unknown) => hexOf(hash, 32));
  const known = hashes.filter((hash) => hash !== null);
  return known.length === hashes.length ? known : null;
}

async function statusOf(rpc: NodeRpc): Promise<NodeStatus> {
  const batch = await rpc.batch([
    { method: "eth_blockNumber", params: [] },
    { method: "eth_syncing", params: [] },
    { method: "net_peerCount", params: [] },
    { method: "eth_coinbase", params: [] },
  ]);
  if (batch.kind === "failed") return { kind: "failed", reason: batch.reason };
  const [height, syncing, peers, etherbase] = [0, 1, 2, 3].map((at) => batch.replyTo(at));
  const head = height?.kind === "ok" ? parseCount(height.value) : null;
  if (head === null) return { kind: "failed", reason: failureOf(height, "eth_blockNumber: the result is not 0x hex") };
  if (syncing?.kind !== "ok") return { kind: "failed", reason: failureOf(syncing, "eth_syncing: no answer") };
  return {
    kind: "well",
    head,
    syncing: syncing.value !== false,
    peers: peers?.kind === "ok" ? parseCount(peers.value) : null,
    etherbase: etherbase?.kind === "ok" ? hexOf(etherbase.value, 20) : null,
  };
}

const failureOf = (reply: JsonRpcReply | undefined, otherwise: string): string =>
  reply?.kind === "failed" ? reply.reason : otherwise;

type Receipts =
  | { readonly kind: "read"; readonly receipts: FeeReceipt[]; readonly byBlock: boolean }
  | { readonly kind: "failed"; readonly reason: string };

/** @param byBlock whether the node is believed to have `eth_getBlockReceipts` */
async function readReceipts(
  rpc: NodeRpc,
  block: string,
  hashes: readonly string[],
  byBlock: boolean,
): Promise<Receipts> {
  if (hashes.length === 0) return { kind: "read", receipts: [], byBlock };
  if (byBlock) {
    const reply = await rpc.call({ method: "eth_getBlockReceipts", params: [block] });
    if (reply.kind === "ok") {
      const values: unknown[] = Array.isArray(reply.value) ? reply.value : [];
      return await parseReceipts(rpc, block, hashes, values, true);
    }
    // Some have it and take heights only: the batch always works.
    if (reply.failure !== "rpc" || !(NO_METHOD.test(reply.reason) || /invalid argument/i.test(reply.reason)))
      return { kind: "failed", reason: reply.reason };
  }
  const batch = await rpc.batch(hashes.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] })));
  if (batch.kind === "failed") return { kind: "failed", reason: batch.reason };
  const values: unknown[] = [];
  for (const [index, hash] of hashes.entries()) {
    const reply = batch.replyTo(index);
    if (reply.kind === "failed") return { kind: "failed", reason: `receipt of ${hash}: ${reply.reason}` };
    values.push(reply.value);
  }
  return await parseReceipts(rpc, block, hashes, values, false);
}

/** Receipts must be those of this block's transactions, all of them and in their order. */
async function parseReceipts(
  rpc: NodeRpc,
  block: string,
  hashes: readonly string[],
  values: readonly unknown[],
  byBlock: boolean,
): Promise<Receipts> {
  if (values.length !== hashes.length)
    return { kind: "failed", reason: `${values.length} receipts for ${hashes.length} transactions` };
  const prices = values.every((value) => isRecord(value) && value["effectiveGasPrice"] !== undefined)
    ? null
    : await gasPrices(rpc, hashes);
  if (prices !== null && prices.kind === "failed") return prices;
  const receipts: FeeReceipt[] = [];
  for (const [index, hash] of hashes.entries()) {
    const value = values[index];
    const fields = isRecord(value) ? value : {};
    const from = hexOf(fields["from"], 20);
    const gasUsed = parseQuantity(fields["gasUsed"]);
    const effectiveGasPrice = parseQuantity(fields["effectiveGasPrice"]) ?? prices?.prices[index] ?? null;
    if (hexOf(fields["blockHash"], 32) !== block || hexOf(fields["transactionHash"], 32) !== hash)
      return { kind: "failed", reason: `receipt of ${hash}: missing, or of another block` };
    if (from === null || gasUsed === null || effectiveGasPrice === null)
      return { kind: "failed", reason: `receipt of ${hash}: from, gasUsed or effectiveGasPrice cannot be read` };
    receipts.push({ from, gasUsed, effectiveGasPrice });
  }
  return { kind: "read", receipts, byBlock };
}

/** Nodes from before EIP-1559 give no effective price: then the transaction's own is what was paid. */
async function gasPrices(
  rpc: NodeRpc,
  hashes: readonly string[],
): Promise<
  { readonly kind: "read"; readonly prices: (bigint | null)[] } | { readonly kind: "failed"; readonly reason: string }
> {
  const batch = await rpc.batch(hashes.map((hash) => ({ method: "eth_getTransactionByHash", params: [hash] })));
  if (batch.kind === "failed") return { kind: "failed", reason: batch.reason };
  const prices = hashes.map((_hash, index) => {
    const reply = batch.replyTo(index);
    return reply.kind === "ok" && isRecord(reply.value) ? parseQuantity(reply.value["gasPrice"]) : null;
  });
  return { kind: "read", prices };
}
