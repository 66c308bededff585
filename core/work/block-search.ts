import { isRecord, type NodeRpc, type JsonRpcReply } from "./node-rpc.ts";
import { parseQuantity } from "./node-work.ts";

/**
 * So many heights after a block its fate is open: as an uncle it may be included up to six heights later (Yellow Paper, 11.1), and a
 * node takes its work up to seven heights late (docs/protocol.md, section 6).
 */
export const FATE_HEIGHTS = 7;

/** Where a block is in the chain of one node. */
export type BlockSearch =
  | { readonly kind: "found"; readonly as: "block" | "uncle" }
  /** The node knows the chain up to {@link FATE_HEIGHTS} after it, and the block is not in it. */
  | { readonly kind: "absent" }
  /** No answer, one that makes no sense, or from a node that does not know the chain that far. */
  | { readonly kind: "error"; readonly reason: string };

/** What identifies a sealed header, and its uncles. All hex strings are lower case with `0x`. */
interface SealedHeader {
  readonly hash: string;
  readonly parentHash: string;
  /** 8 bytes. */
  readonly nonce: string;
  /** 32 bytes: the mix digest, as geth calls it where it gives blocks (RPCMarshalHeader in internal/ethapi). */
  readonly mixHash: string;
  /** Hashes of the uncles that it includes. */
  readonly uncles: readonly string[];
}

type Read = { readonly ok: true; readonly header: SealedHeader } | { readonly ok: false; readonly reason: string };

/** An uncle as a block lists it. */
interface UnclePlace {
  readonly height: number;
  readonly index: number;
  readonly hash: string;
}

const refuse = (reason: string): Read => ({ ok: false, reason });
const error = (reason: string): BlockSearch => ({ kind: "error", reason });
const quantity = (value: number): string => `0x${value.toString(16)}`;

/** See {@link NodeClient.findBlock}. Two batches: the blocks, then the uncles that they list. */
export async function findBlock(rpc: NodeRpc, height: number, nonce: string, mixDigest: string): Promise<BlockSearch> {
  const isIt = (read: Read | undefined): boolean =>
    read?.ok === true && read.header.nonce === nonce.toLowerCase() && read.header.mixHash === mixDigest.toLowerCase();
  const heights = Array.from({ length: FATE_HEIGHTS + 1 }, (_, later) => height + later);
  const batch = await rpc.batch(
    heights.map((at) => ({ method: "eth_getBlockByNumber", params: [quantity(at), false] })),
  );
  if (batch.kind === "failed") return error(batch.reason);
  const blocks = heights.map((at, index) => readBlock(batch.replyTo(index), at));
  if (isIt(blocks[0])) return { kind: "found", as: "block" };

  const places = blocks.flatMap((read, later) =>
    read.ok && later > 0 ? read.header.uncles.map((hash, index) => ({ height: height + later, index, hash })) : [],
  );
  const uncles = await readUncles(rpc, places);
  if (uncles.some(isIt)) return { kind: "found", as: "uncle" };
  const problem = problemOf([...blocks, ...uncles]) ?? breakIn(blocks, height);
  return problem === null ? { kind: "absent" } : error(problem);
}

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

function readBlock(reply: JsonRpcReply, height: number): Read {
  const what = `block ${height}`;
  const read = readHeader(reply, what);
  if (!read.ok || reply.kind !== "ok" || !isRecord(reply.value)) return read;
  const number = parseQuantity(reply.value["number"]);
  if (number === null) return refuse(`${what}: the number is not 0x hex`);
  if (number !== BigInt(height)) return refuse(`${what}: the node gave block ${number} instead`);
  const listed = reply.value["uncles"];
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
  return { ok: true, header: { hash, parentHash, nonce, mixHash, uncles: [] } };
}

/** Lower-case `0x` hex of so many bytes; null for anything else. */
function hexOf(value: unknown, bytes: number): string | null {
  if (typeof value !== "string" || value.length !== 2 + 2 * bytes) return null;
  const hex = value.toLowerCase();
  return /^0x[0-9a-f]+$/.test(hex) ? hex : null;
}

function problemOf(reads: readonly Read[]): string | null {
  const problem = reads.find((read) => !read.ok);
  return problem?.reason ?? null;
}

/** A reorganisation between two answers of the batch: what came before it and what came after it may both lack the block. */
function breakIn(blocks: readonly Read[], height: number): string | null {
  const at = blocks.findIndex((read, later) => {
    const before = blocks[later - 1];
    return read.ok && before?.ok === true && read.header.parentHash !== before.header.hash;
  });
  if (at === -1) return null;
  return `block ${height + at}: its parent is not the block before it: the chain has changed meanwhile`;
}
