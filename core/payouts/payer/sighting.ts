import { hexOf, quantity } from "../../work/chain-search.ts";
import { fieldIn, isRecord, type JsonRpcReply } from "../../work/node-rpc.ts";
import { parseCount, parseQuantity } from "../../work/node-work.ts";
import type { Payment, Sighting } from "./payment.ts";
import type { ChainView, WellNode } from "./payer-nodes.ts";

/** Blocks that are read one after the other where a node has forgotten the states that would tell faster. */
const MOST_READ = 400;
const READ_AT_ONCE = 20;

/** A transaction of the account in one node's chain. */
export interface Found {
  readonly hash: string;
  readonly height: number;
  readonly to: string;
  readonly valueWei: bigint;
  readonly ok: boolean;
}

type NodeSighting = Found | "absent" | { readonly unclear: string };

/**
 * What the nodes say of a payment's nonce. A receipt counts only where its block is the one that the chain has at that height; a missing
 * receipt proves nothing: then it is the account's count of transactions that tells whether the nonce is used, and the blocks by what.
 */
export async function sight(view: ChainView, payment: Payment, account: string): Promise<Sighting> {
  const { nonce } = payment;
  if (nonce === null) return { kind: "absent", next: false };
  if (view.well.length === 0) return { kind: "unclear", reason: "no node can be believed now" };
  const sightings = await Promise.all(view.well.map((well) => sightOn(well, payment, nonce, account)));
  return together(view, sightings, payment, account);
}

function together(view: ChainView, sightings: readonly NodeSighting[], payment: Payment, account: string): Sighting {
  const [first] = sightings;
  for (const sighting of sightings)
    if (typeof sighting === "object" && "unclear" in sighting) return { kind: "unclear", reason: sighting.unclear };
  if (first === undefined || (typeof first === "object" && "unclear" in first))
    return { kind: "unclear", reason: "no node can be believed now" };
  if (!sightings.every((sighting) => same(sighting, first)))
    return {
      kind: "unclear",
      reason: `the nodes are not of one mind about nonce ${payment.nonce}: ${sightings.map((one, at) => `${view.well[at]?.node.name} ${told(one)}`).join(", ")}`,
    };
  if (first === "absent") return { kind: "absent", next: view.well.some(({ count }) => count === payment.nonce) };
  const depth = Math.min(...view.well.map(({ head }) => head)) - first.height;
  const pays = first.to === payment.login && first.valueWei === payment.valueWei;
  const kind = pays ? "pay" : first.to === account && first.valueWei === 0n ? "cancel" : "other";
  return { kind, ...first, depth, byAll: view.all };
}

function same(one: NodeSighting, other: NodeSighting): boolean {
  if (typeof one === "string" || typeof other === "string") return one === other;
  if ("unclear" in one || "unclear" in other) return false;
  return one.hash === other.hash && one.height === other.height && one.ok === other.ok;
}

const told = (sighting: NodeSighting): string =>
  typeof sighting === "string"
    ? "has none"
    : "unclear" in sighting
      ? sighting.unclear
      : `has ${sighting.hash} at ${sighting.height}`;

async function sightOn(well: WellNode, payment: Payment, nonce: number, account: string): Promise<NodeSighting> {
  const { node } = well;
  const hashes = payment.attempts.map(({ hash }) => hash);
  if (hashes.length > 0) {
    const batch = await node.rpc.batch(hashes.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] })));
    if (batch.kind === "failed") return { unclear: `node ${node.name}: ${batch.reason}` };
    for (const [at, hash] of hashes.entries()) {
      const height = parseCount(fieldIn(batch.replyTo(at), "blockNumber"));
      if (height === null) continue;
      const found = await inBlock(well, height, account, nonce);
      if (found !== null && typeof found === "object" && "hash" in found && found.hash === hash) return found;
    }
  }
  return well.count <= nonce ? "absent" : await lookUp(well, nonce, account, payment.place?.height ?? null);
}

/** By what a nonce that is used is used. @param hint height where it was seen before; null where it was not */
export async function lookUp(
  well: WellNode,
  nonce: number,
  account: string,
  hint: number | null,
): Promise<NodeSighting> {
  const height = await heightOf(well, nonce, account, hint);
  const found =
    typeof height === "number" ? await inBlock(well, height, account, nonce) : await search(well, account, nonce);
  return found ?? { unclear: `node ${well.node.name} says that nonce ${nonce} is used, and by what cannot be found` };
}

/** The account's transaction with that nonce in the block of the chain at that height. */
async function inBlock(well: WellNode, height: number, account: string, nonce: number): Promise<NodeSighting | null> {
  const { node } = well;
  const reply = await node.rpc.call({ method: "eth_getBlockByNumber", params: [quantity(height), true] });
  if (reply.kind === "failed") return { unclear: `node ${node.name}: ${reply.reason}` };
  const found = ownIn(reply, account, nonce);
  if (found === null) return null;
  const receipt = await node.rpc.call({ method: "eth_getTransactionReceipt", params: [found.hash] });
  const status = fieldIn(receipt, "status");
  if (status !== "0x1" && status !== "0x0")
    return { unclear: `node ${node.name} does not tell whether ${found.hash} succeeded` };
  if (hexOf(fieldIn(receipt, "blockHash"), 32) !== hexOf(fieldIn(reply, "hash"), 32))
    return { unclear: `node ${node.name}: the chain has changed meanwhile` };
  return { ...found, height, ok: status === "0x1" };
}

function ownIn(block: JsonRpcReply, account: string, nonce: number): Omit<Found, "height" | "ok"> | null {
  const listed = fieldIn(block, "transactions");
  if (!Array.isArray(listed)) return null;
  for (const one of listed as readonly unknown[]) {
    if (!isRecord(one) || hexOf(one["from"], 20) !== account || parseCount(one["nonce"]) !== nonce) continue;
    const hash = hexOf(one["hash"], 32);
    const valueWei = parseQuantity(one["value"]);
    if (hash === null || valueWei === null) return null;
    return { hash, to: hexOf(one["to"], 20) ?? "", valueWei };
  }
  return null;
}

/** Where the account's count of transactions passes the nonce, from the head down; null where the node has forgotten those states. */
async function heightOf(well: WellNode, nonce: number, account: string, hint: number | null): Promise<number | null> {
  const uses = async (height: number): Promise<boolean | null> => {
    const params = [account, quantity(height)];
    const reply = await well.node.rpc.call({ method: "eth_getTransactionCount", params });
    const count = reply.kind === "ok" ? parseCount(reply.value) : null;
    return count === null ? null : count > nonce;
  };
  if (hint !== null && hint <= well.head && (await inBlock(well, hint, account, nonce)) !== null) return hint;
  let high = well.head;
  let low = high;
  for (let step = 1; ; step *= 2) {
    low = Math.max(0, high - step);
    const used = await uses(low);
    if (used === null) return null;
    if (!used) break;
    if (low === 0) return 0;
    high = low;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const used = await uses(middle);
    if (used === null) return null;
    if (used) high = middle;
    else low = middle;
  }
  return high;
}

/** Block by block from the head down. */
async function search(well: WellNode, account: string, nonce: number): Promise<NodeSighting | null> {
  for (let top = well.head; top > Math.max(0, well.head - MOST_READ); top -= READ_AT_ONCE) {
    const heights = Array.from({ length: Math.min(READ_AT_ONCE, top + 1) }, (_, below) => top - below);
    const batch = await well.node.rpc.batch(
      heights.map((height) => ({ method: "eth_getBlockByNumber", params: [quantity(height), true] })),
    );
    if (batch.kind === "failed") return { unclear: `node ${well.node.name}: ${batch.reason}` };
    const at = heights.findIndex((_, index) => ownIn(batch.replyTo(index), account, nonce) !== null);
    const height = heights[at];
    if (height !== undefined) return await inBlock(well, height, account, nonce);
  }
  return null;
}
