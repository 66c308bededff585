import { searchChain } from "./chain-search.ts";
import type { NodeRpc } from "./node-rpc.ts";

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

/** See {@link NodeClient.findBlock}. */
export async function findBlock(rpc: NodeRpc, height: number, nonce: string, mixDigest: string): Promise<BlockSearch> {
  const [ourNonce, ourMix] = [nonce.toLowerCase(), mixDigest.toLowerCase()];
  const search = await searchChain(rpc, {
    from: height,
    to: height + FATE_HEIGHTS,
    height,
    isIt: (header, at) => (at === null || at === height) && header.nonce === ourNonce && header.mixHash === ourMix,
  });
  switch (search.kind) {
    case "found":
      return { kind: "found", as: search.place.as };
    case "absent":
      return { kind: "absent" };
    case "error":
      return search;
  }
}
