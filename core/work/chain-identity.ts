import { CHAINS, type ChainSpec } from "../chain-spec.ts";

/** What a node says of the chain that it is on, null where it does not say. Hashes are lower case with `0x`. */
export interface ChainMarks {
  /** `eth_chainId` (EIP-155). */
  readonly chainId: number | null;
  /** Hashes of the blocks of {@link MARKED_HEIGHTS}. Only asked for where there is no chain id. */
  readonly blocks: readonly (string | null)[];
}

/** The genesis, and the block of 2016 that parted Ethereum and Ethereum Classic. */
export const MARKED_HEIGHTS = [0, 1_920_000] as const;

export const NO_MARKS: ChainMarks = { chainId: null, blocks: [] };

/** What a node's marks come to. `unknown`: they tell neither. `other`: `reason` is one line with what to do. */
export type ChainFinding =
  | { readonly kind: "same" }
  | { readonly kind: "unknown" }
  | { readonly kind: "other"; readonly reason: string };

/** What tells the chains apart that are known by name. Sources: EIP-155; hashes as nodes of these chains give them. */
const IDENTITIES: Readonly<Record<string, { readonly chainId: number; readonly blocks: readonly string[] }>> = {
  ethereum: {
    chainId: 1,
    blocks: [
      "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
      "0x4985f5ca3d2afbec36529aa96f74de3cc10a2a4a6c44f2157a57d2c6059a11bb",
    ],
  },
  classic: {
    chainId: 61,
    blocks: [
      "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
      "0x94365e3a8c0b35089c1d1195081fe7489b528a84b22199c916180db8b28ade7f",
    ],
  },
  mordor: { chainId: 63, blocks: ["0xa68ebde7932eccb177d38d55dcc6461a019dd795a681e59b5a3e4f3a7259a3f1"] },
  "ethereum-pow": {
    chainId: 10_001,
    blocks: [
      "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
      "0x4985f5ca3d2afbec36529aa96f74de3cc10a2a4a6c44f2157a57d2c6059a11bb",
    ],
  },
};

/** @returns undefined for a chain that is not known by name */
export const chainIdOf = (name: string): number | undefined => IDENTITIES[name]?.chainId;

/** Hash of block 0, lower case; null for a chain that is not known by name. */
export const genesisOf = (name: string): string | null => IDENTITIES[name]?.blocks[0] ?? null;

const quoted = (name: string, chainId: number | null): string =>
  chainId === null ? `"${name}"` : `"${name}" (chain id ${chainId})`;

/**
 * Tells a node of another chain by what the node says of its own. Seed hashes do not: those of Ethereum and Ethereum Classic agree in
 * every even epoch, and every share is invalid all the same.
 * @param chainId of a chain of the operator's own; null where it was not given
 * @param devnet a chain id that no known chain has is let pass: somebody's private chain
 */
export function createChainCheck(
  chain: ChainSpec,
  chainId: number | null,
  devnet: boolean,
): (marks: ChainMarks) => ChainFinding {
  const expected = chainIdOf(chain.name) ?? chainId;
  return (marks) =>
    marks.chainId === null
      ? byBlocks(chain.name, marks.blocks)
      : byId(chain, expected, { chainId: marks.chainId, devnet });
}

function byId(
  chain: ChainSpec,
  expected: number | null,
  { chainId, devnet }: { chainId: number; devnet: boolean },
): ChainFinding {
  if (chainId === expected) return { kind: "same" };
  const other = CHAINS.find(({ name }) => chainIdOf(name) === chainId);
  const pool = quoted(chain.name, expected);
  if (other !== undefined) {
    const sameRules = other.epochLength === chain.epochLength && other.ecip1099Block === chain.ecip1099Block;
    if (expected === null && sameRules) return { kind: "unknown" };
    return otherChain(quoted(other.name, chainId), pool, other.name, chain.name);
  }
  if (expected === null || devnet) return { kind: "unknown" };
  const reason =
    `the node's chain id is ${chainId}, and the pool is on ${pool}. Set upstream to a node of "${chain.name}"; ` +
    `for a chain of your own set chain = { name, epochLength, chainId = ${chainId} }`;
  return { kind: "other", reason };
}

function byBlocks(name: string, blocks: ChainMarks["blocks"]): ChainFinding {
  const fits = (chain: string): boolean =>
    blocks.every((hash, at) => {
      const known = IDENTITIES[chain]?.blocks[at];
      return hash === null || known === undefined || hash === known;
    });
  const isMarked = blocks.some((hash) => hash !== null);
  if (!isMarked || IDENTITIES[name] === undefined || fits(name)) return { kind: "unknown" };
  const other = CHAINS.find((chain) => fits(chain.name));
  if (other !== undefined) return otherChain(`"${other.name}"`, `"${name}"`, other.name, name);
  return { kind: "unknown" };
}

function otherChain(found: string, pool: string, otherName: string, name: string): ChainFinding {
  const reason =
    `the node is on ${found}, and the pool on ${pool}: every share would be invalid. ` +
    `Set upstream to a node of "${name}", or chain = "${otherName}" if that is what is mined here`;
  return { kind: "other", reason };
}
