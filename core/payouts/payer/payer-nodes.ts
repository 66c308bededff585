import { hexOf, quantity } from "../../work/chain-search.ts";
import { fieldIn, type JsonRpcReply, type NodeRpc } from "../../work/node-rpc.ts";
import { parseCount, parseQuantity } from "../../work/node-work.ts";

/** A node as the payer asks it. */
export interface PayerNode {
  readonly name: string;
  readonly rpc: NodeRpc;
}

/** A node that may be believed, and what it says now. */
export interface WellNode {
  readonly node: PayerNode;
  readonly head: number;
  readonly genesis: string;
  /** Transactions of the account in its chain, and with those that it waits for. */
  readonly count: number;
  readonly pendingCount: number;
  readonly balanceWei: bigint;
  /** Null: its blocks have none. */
  readonly baseFeeWei: bigint | null;
  readonly gasPriceWei: bigint;
}

/** What all nodes say together. */
export interface ChainView {
  readonly well: readonly WellNode[];
  /** Whether every configured node is among them. */
  readonly all: boolean;
  /** Their block at the confirmed height, by the lowest of their heads; null where the only one does not give it, or there is none. */
  readonly confirmed: { readonly height: number; readonly hash: string } | null;
  /** What is wrong with nodes, one line each. */
  readonly problems: readonly string[];
}

export interface ViewTerms {
  /** Lower-case address that pays. */
  readonly account: string;
  readonly chainId: bigint;
  /** Hash of block 0; null where it is not known yet: then the nodes must agree on it. */
  readonly genesis: string | null;
  readonly requirePeers: number;
  readonly confirmations: number;
}

/** Asks every node. One of another chain, one that is syncing or has too few peers, and nodes that do not agree are none. */
export async function viewChain(nodes: readonly PayerNode[], terms: ViewTerms): Promise<ChainView> {
  const asked = await Promise.all(nodes.map(async (node) => ({ node, status: await statusOf(node, terms) })));
  const problems: string[] = [];
  const well: WellNode[] = [];
  for (const { node, status } of asked)
    if (typeof status === "string") problems.push(`node ${node.name}: ${status}`);
    else well.push(status);
  if (well.length === 0) return { well, all: false, confirmed: null, problems };
  const height = Math.max(0, Math.min(...well.map(({ head }) => head)) - terms.confirmations);
  const hashes = await Promise.all(well.map(async ({ node }) => await blockHash(node, height)));
  const split = disagreement(well, height, hashes);
  if (split !== null) return { well: [], all: false, confirmed: null, problems: [...problems, split] };
  const [hash = null] = hashes;
  const confirmed = hash === null ? null : { height, hash };
  return { well, all: well.length === nodes.length, confirmed, problems };
}

/** @returns why the node cannot be believed */
async function statusOf(node: PayerNode, terms: ViewTerms): Promise<WellNode | string> {
  const { account } = terms;
  const batch = await node.rpc.batch([
    { method: "eth_blockNumber", params: [] },
    { method: "eth_syncing", params: [] },
    { method: "net_peerCount", params: [] },
    { method: "eth_chainId", params: [] },
    { method: "eth_getBlockByNumber", params: ["0x0", false] },
    { method: "eth_getTransactionCount", params: [account, "latest"] },
    { method: "eth_getTransactionCount", params: [account, "pending"] },
    { method: "eth_getBalance", params: [account, "latest"] },
    { method: "eth_getBlockByNumber", params: ["latest", false] },
    { method: "eth_gasPrice", params: [] },
  ]);
  if (batch.kind === "failed") return batch.reason;
  const reply = (at: number): JsonRpcReply => batch.replyTo(at);
  const read = {
    head: countIn(reply(0)),
    peers: countIn(reply(2)),
    chainId: weiIn(reply(3)),
    genesis: fieldIn(reply(4), "hash"),
    count: countIn(reply(5)),
    pendingCount: countIn(reply(6)),
    balanceWei: weiIn(reply(7)),
    latest: reply(8),
    gasPriceWei: weiIn(reply(9)),
  };
  const syncing = reply(1);
  if (syncing.kind !== "ok" || syncing.value !== false) return "it is syncing, or does not say";
  if (read.chainId !== terms.chainId) return `its chain id is ${String(read.chainId)}, not ${terms.chainId}`;
  const genesis = hexOf(read.genesis, 32);
  if (genesis === null) return "it does not give block 0";
  if (terms.genesis !== null && genesis !== terms.genesis) return `its block 0 is ${genesis}, not ${terms.genesis}`;
  if (terms.requirePeers > 0 && (read.peers === null || read.peers < terms.requirePeers))
    return `it has ${read.peers ?? "an unknown number of"} peers, ${terms.requirePeers} are required`;
  const { head, count, pendingCount, balanceWei, gasPriceWei } = read;
  if (head === null || count === null || pendingCount === null || balanceWei === null || gasPriceWei === null)
    return "it does not tell its height, the account's nonce and balance, or a gas price";
  const baseFee = fieldIn(read.latest, "baseFeePerGas");
  const baseFeeWei = baseFee === undefined || baseFee === null ? null : parseQuantity(baseFee);
  return { node, head, genesis, count, pendingCount, balanceWei, baseFeeWei, gasPriceWei };
}

/** Nodes must have the same genesis and the same block at the confirmed height. @returns null where they do */
function disagreement(well: readonly WellNode[], height: number, hashes: readonly (string | null)[]): string | null {
  if (well.length < 2) return null;
  const known = new Set(hashes);
  if (known.size === 1 && !known.has(null) && new Set(well.map(({ genesis }) => genesis)).size === 1) return null;
  const said = well.map(({ node }, at) => `${node.name} ${hashes[at] ?? "nothing"}`).join(", ");
  return `the nodes are not of one mind at height ${height}: ${said}`;
}

/** Hash of a node's block at a height; null where it does not give one. */
export async function blockHash({ rpc }: PayerNode, height: number): Promise<string | null> {
  const reply = await rpc.call({ method: "eth_getBlockByNumber", params: [quantity(height), false] });
  return hexOf(fieldIn(reply, "hash"), 32);
}

const countIn = (reply: JsonRpcReply): number | null => (reply.kind === "ok" ? parseCount(reply.value) : null);
const weiIn = (reply: JsonRpcReply): bigint | null => (reply.kind === "ok" ? parseQuantity(reply.value) : null);
