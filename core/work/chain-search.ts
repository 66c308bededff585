import { isRecord, type JsonRpcReply, type NodeRpc } from "./node-rpc.ts";
import { parseQuantity } from "./node-work.ts";

/** A sealed header as a node gives it. All hex strings are lower case with `0x`. */
export interface SealedHeader {
  readonly hash: string;
  readonly parentHash: string;
  /** 8 bytes. */
  readonly nonce: string;
  /** 32 bytes: the mix digest, as geth calls it where it gives blocks (RPCMarshalHeader in internal/ethapi). */
  readonly mixHash: string;
  /** Hashes of the uncles that it includes; empty for an uncle. */
  readonly uncles: readonly string[];
  /** Everything that the node gave, unchecked. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Where a block stands in a chain. */
export interface ChainPlace {
  readonly as: "block" | "uncle";
  /** Of the including block, which is the block itself unless it is an uncle. */
  readonly height: number;
  readonly header: SealedHeader;
  readonly including: SealedHeader;
}

/** What one node's chain says of a block. */
export type ChainSearch =
  | { readonly kind: "found"; readonly place: ChainPlace }
  /** The node knows that part of the chain, and the block is not in it. `hash` is that of its block at the block's height. */
  | { readonly kind: "absent"; readonly hash: string }
  /** No answer, one that makes no sense, or from a node that does not know the chain that far. */
  | { readonly kind: "error"; readonly reason: string };

/** What to look for, and in which part of the chain. */
export interface ChainQuery {
  /** Heights, both included. Uncles of the first one are not looked at: they are older than what is looked for. */
  readonly from: number;
  readonly to: number;
  /** Where the block was mined. */
  readonly height: number;
  /** @param at height of a block; null for an uncle */
  readonly isIt: (header: SealedHeader, at: number | null) => boolean;
}

type Read = { readonly ok: true; readonly header: SealedHeader } | { readonly ok: false; readonly reason: string };

/** An uncle as a block lists it. */
interface UnclePlace {
  readonly height: number;
  readonly index: number;
  readonly hash: string;
  readonly including: SealedHeader;
}

const refuse = (reason: string): Read => ({ ok: false, reason });
const error = (reason: string): ChainSearch => ({ kind: "error", reason });

/** A number as JSON-RPC writes it. */
export const quantity = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Looks through a part of a node's chain, uncles included. Two batches: the blocks, then the uncles that they list. */
export async function searchChain(rpc: NodeRpc, { from, to, height, isIt }: ChainQuery): Promise<ChainSearch> {
  const heights = Array.from({ length: to - from + 1 }, (_, later) => from + later);
  const batch = await rpc.batch(
    heights.map((at) => ({ method: "eth_getBlockByNumber", params: [quantity(at), false] })),
  );
  if (batch.kind === "failed") return error(batch.reason);
  const blocks = heights.map((at, index) => readBlock(batch.replyTo(index), at));
  for (const [later, read] of blocks.entries()) {
    if (!read.ok || !isIt(read.header, from + later)) continue;
    return found({ as: "block", height: from + later, header: read.header, including: read.header });
  }
  const places = blocks.flatMap((read, later) =>
    read.ok && later > 0
      ? read.header.uncles.map((hash, index) => ({ height: from + later, index, hash, including: read.header }))
      : [],
  );
  const uncles = await readUncles(rpc, places);
  for (const [index, read] of uncles.entries()) {
    const place = places[index];
    if (!read.ok || place === undefined || !isIt(read.header, null)) continue;
    return found({ as: "uncle", height: place.height, header: read.header, including: place.including });
  }
  const problem = problemOf([...blocks, ...uncles]) ?? breakIn(blocks, from);
  if (problem !== null) return error(problem);
  const own = blocks[height - from];
  return own?.ok === true ? { kind: "absent", hash: own.header.hash } : error(`block ${height} was not asked for`);
}

const found = (place: ChainPlace): ChainSearch => ({ kind: "found", place });

async function readUncles(rpc: NodeRpc, places: readonly UnclePlace[]): Promise<Read[]> {
  // geth refuses an empty batch.
  if (places.length === 0) return [];
  const batch = await rpc.batch(
    places.map(({ height, index }) => ({
      method: "eth_getUncleByBlockNumberAndIndex",
      params: [quantity(height), quantity(index)],
    })),
  );
  return batch.kind === "failed"
    ? [refuse(batch.reason)]
    : places.map((place, index) => readUncle(batch.replyTo(index), place));
}

/** Reads a node's answer for the block at a height. */
export function readBlock(reply: JsonRpcReply, height: number): Read {
  const what = `block ${height}`;
  const read = readHeader(reply, what);
  if (!read.ok) return read;
  const { fields } = read.header;
  const number = parseQuantity(fields["number"]);
  if (number === null) return refuse(`${what}: the number is not 0x hex`);
  if (number !== BigInt(height)) return refuse(`${what}: the node gave block ${number} instead`);
  const listed = fields["uncles"];
  if (!Array.isArray(listed)) return refuse(`${what}: the uncles are not an array`);
  const uncles = listed.map((hash) => hexOf(hash, 32));
  const known = uncles.filter((hash) => hash !== null);
  if (known.length < uncles.length) return refuse(`${what}: an uncle's hash is not 32 bytes of 0x hex`);
  return { ok: true, header: { ...read.header, uncles: known } };
}

function readUncle(reply: JsonRpcReply, { height, index, hash }: UnclePlace): Read {
  const what = `uncle ${index} of block ${height}`;
  const read = readHeader(reply, what);
  if (!read.ok || read.header.hash === hash) return read;
  return refuse(`${what}: it is not the one that the block lists: the chain has changed meanwhile`);
}

/** What blocks and uncles have in common. @param what begins the reasons */
function readHeader(reply: JsonRpcReply, what: string): Read {
  if (reply.kind === "failed") return refuse(`${what}: ${reply.reason}`);
  if (reply.value === null || reply.value === undefined) return refuse(`${what}: the node does not have it`);
  if (!isRecord(reply.value)) return refuse(`${what}: the result is not an object`);
  const fields = reply.value;
  const hash = hexOf(fields["hash"], 32);
  const parentHash = hexOf(fields["parentHash"], 32);
  const nonce = hexOf(fields["nonce"], 8);
  const mixHash = hexOf(fields["mixHash"], 32);
  if (hash === null) return refuse(`${what}: the hash is not 32 bytes of 0x hex`);
  if (parentHash === null) return refuse(`${what}: the parent hash is not 32 bytes of 0x hex`);
  if (nonce === null) return refuse(`${what}: the nonce is not 8 bytes of 0x hex`);
  if (mixHash === null) return refuse(`${what}: the mix hash is not 32 bytes of 0x hex`);
  return { ok: true, header: { hash, parentHash, nonce, mixHash, uncles: [], fields } };
}

/** Lower-case `0x` hex of so many bytes; null for anything else. */
export function hexOf(value: unknown, bytes: number): string | null {
  if (typeof value !== "string" || value.length !== 2 + 2 * bytes) return null;
  const hex = value.toLowerCase();
  return /^0x[0-9a-f]+$/.test(hex) ? hex : null;
}

function problemOf(reads: readonly Read[]): string | null {
  const problem = reads.find((read) => !read.ok);
  return problem?.reason ?? null;
}

/** A reorganisation between two answers of the batch: what came before it and what came after it may both lack the block. */
function breakIn(blocks: readonly Read[], from: number): string | null {
  const at = blocks.findIndex((read, later) => {
    const before = blocks[later - 1];
    return read.ok && before?.ok === true && read.header.parentHash !== before.header.hash;
  });
  if (at === -1) return null;
  return `block ${from + at}: its parent is not the block before it: the chain has changed meanwhile`;
}
