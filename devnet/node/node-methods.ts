import { chainIdOf, genesisOf } from "../../core/work/chain-identity.ts";
import type { ChainBlock, DevChain, Uncle, Work } from "./chain.ts";
import { accountMethods } from "./account-methods.ts";
import type { NodeFaults } from "./faults.ts";
import type { Mempool } from "./mempool.ts";
import { COINBASE, gasUsedBy, transactionJson } from "./transactions.ts";
import { RpcError, type Json, type RpcMethod } from "./geth-rpc.ts";

const ZERO_HASH = hexBytes("", 32);
/** Keccak-256 of the empty trie and of the empty uncle list: what a block without either carries. */
const EMPTY_ROOT = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
const EMPTY_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
const GAS_LIMIT = 8_000_000;
/** What private chains use; for specs that no known chain has the name of. */
const PRIVATE_CHAIN_ID = 1_337;

/** Chain id of a simulated chain: its namesake's. */
export const simulatedChainId = (name: string): number => chainIdOf(name) ?? PRIVATE_CHAIN_ID;
/** Far from every epoch in use, so that a wrong seed can never be the right one. */
const OTHER_EPOCH_BLOCKS = 30_000 * 7;

/** Thrown where the fault is that the answer gets lost: the connection is cut. */
export class LostReply extends Error {
  override readonly name = "LostReply";
}

/** The calls that a mining pool makes of a node, answered from a simulated chain. Arguments are checked as geth checks them. */
export function nodeMethods(chain: DevChain, faults: NodeFaults, mempool: Mempool): ReadonlyMap<string, RpcMethod> {
  const height = (real: number): string => quantity(Math.max(0, real - faults.lowerHeights));
  const closed = (which: "latest" | number): ChainBlock | undefined =>
    which === "latest" ? chain.head : chain.block(which + faults.lowerHeights);
  let stuckAt: Work | null = null;
  const workNow = (): Work => {
    stuckAt = faults.stuckWork ? (stuckAt ?? chain.current) : null;
    return stuckAt ?? chain.current;
  };
  const methods: Record<string, RpcMethod> = {
    eth_getWork: (params) => {
      takes(params, 0, 0);
      if (faults.noWork) throw new RpcError(-32000, "no mining work available yet");
      const work = workItems(workNow(), chain, faults);
      return faults.threeItems ? work.slice(0, 3) : work;
    },
    eth_submitWork: async (params) => {
      takes(params, 3, 3);
      const [nonce, header, mixDigest] = [
        fixedBytes(params, 0, 8, "types.BlockNonce"),
        fixedBytes(params, 1, 32, "common.Hash"),
        fixedBytes(params, 2, 32, "common.Hash"),
      ];
      if (take(faults, "failSubmits")) throw new RpcError(-32000, "internal error");
      if (faults.rejectSubmits) return false;
      const accepted = await chain.submit(nonce, header, mixDigest);
      if (take(faults, "loseSubmitReplies")) throw new LostReply();
      return accepted;
    },
    eth_getBlockByNumber: (params) => {
      takes(params, 2, 2);
      const which = blockTag(params[0]);
      if (typeof params[1] !== "boolean")
        throw invalid(1, "json: cannot unmarshal non-boolean into Go value of type bool");
      if (which === "pending") return pendingBlock(chain, height);
      if (which === 0) return genesisBlock(chain);
      const block = closed(which);
      return block === undefined ? null : sealedBlock(block, chain, height, params[1]);
    },
    eth_getUncleByBlockNumberAndIndex: (params) => {
      takes(params, 2, 2);
      const [which, index] = [blockTag(params[0]), uncleIndex(params[1])];
      const uncle = which === "pending" ? undefined : closed(which)?.uncles[index];
      return uncle === undefined ? null : uncleBlock(uncle, height);
    },
    ...accountMethods(chain, mempool),
    eth_blockNumber: (params) => (takes(params, 0, 0), height(chain.head.height)),
    ...aboutNode(chain, faults),
  };
  return new Map(
    Object.entries(methods).map(([name, run]): [string, RpcMethod] => [
      name,
      async (params) => {
        const result = await run(params);
        return faults.nullResults ? null : result;
      },
    ]),
  );
}

/** What a node says of itself. */
function aboutNode(chain: DevChain, faults: NodeFaults): Record<string, RpcMethod> {
  return {
    eth_chainId: (params) => (takes(params, 0, 0), quantity(faults.chainId ?? simulatedChainId(chain.chainName))),
    eth_syncing: (params) => (takes(params, 0, 0), false),
    net_peerCount: (params) => (takes(params, 0, 0), quantity(8)),
    web3_clientVersion: (params) => (takes(params, 0, 0), "edgepool-devnet/v1"),
  };
}

/** The array that `eth_getWork` returns and `--miner.notify` pushes: header, seed, target, height. */
export function workItems(work: Work, chain: DevChain, faults: NodeFaults): string[] {
  const seed = faults.wrongSeed
    ? chain.pow.seedHash(work.height + OTHER_EPOCH_BLOCKS)
    : faults.seedByBlock
      ? chain.pow.seedAfter(Math.floor(work.height / 30_000))
      : work.seedHash;
  return [
    work.header,
    seed,
    `0x${work.target.toString(16).padStart(64, "0")}`,
    quantity(Math.max(0, work.height - faults.lowerHeights)),
  ];
}

function pendingBlock(chain: DevChain, height: (real: number) => string): Json {
  const { current, head } = chain;
  return {
    ...commonFields(current, height),
    hash: null,
    nonce: null,
    miner: null,
    mixHash: ZERO_HASH,
    logsBloom: null,
    parentHash: head.hash,
    totalDifficulty: null,
  };
}

/** Block 0, by which a node tells its chain: the simulated one begins later, and has its namesake's. */
function genesisBlock(chain: DevChain): Json {
  const hash = genesisOf(chain.chainName) ?? chain.pow.keccak(`${chain.chainName}/genesis`);
  return { number: "0x0", hash, parentHash: ZERO_HASH, transactions: [], uncles: [] };
}

/** @param whole with its transactions' bodies instead of their hashes */
function sealedBlock(block: ChainBlock, chain: DevChain, height: (real: number) => string, whole: boolean): Json {
  const uncles = block.uncles.map(({ hash }) => hash);
  return {
    ...commonFields(block, height),
    hash: block.hash,
    nonce: block.mined?.nonce ?? `0x${block.hash.slice(2, 18)}`,
    miner: block.mined === null ? hexBytes("0e", 20) : COINBASE,
    mixHash: block.mined?.mixDigest ?? block.hash,
    logsBloom: hexBytes("", 256),
    parentHash: block.parentHash,
    totalDifficulty: quantity(block.totalDifficulty),
    // As made up as the other roots; what matters is that it is not that of an empty list.
    gasUsed: quantity(gasUsedBy(block.contents.transactions)),
    transactions: block.contents.transactions.map((one) => (whole ? transactionJson(block, one) : one.hash)),
    ...(block.contents.baseFeePerGas === null ? {} : { baseFeePerGas: quantity(block.contents.baseFeePerGas) }),
    sha3Uncles: block.uncles.length === 0 ? EMPTY_UNCLES : chain.pow.keccak(uncles.join("/")),
    uncles,
  };
}

/** A header off the chain, as geth gives one: without transactions. */
function uncleBlock(uncle: Uncle, height: (real: number) => string): Json {
  const { transactions: _none, ...header } = commonFields(uncle, height);
  return {
    ...header,
    hash: uncle.hash,
    nonce: uncle.nonce,
    miner: COINBASE,
    mixHash: uncle.mixDigest,
    logsBloom: hexBytes("", 256),
    parentHash: uncle.parentHash,
  };
}

function commonFields(
  block: { height: number; difficulty: bigint; timeMs: number },
  height: (real: number) => string,
): Record<string, Json> {
  return {
    difficulty: quantity(block.difficulty),
    extraData: "0x",
    gasLimit: quantity(GAS_LIMIT),
    gasUsed: "0x0",
    number: height(block.height),
    receiptsRoot: EMPTY_ROOT,
    sha3Uncles: EMPTY_UNCLES,
    size: quantity(540),
    stateRoot: EMPTY_ROOT,
    timestamp: quantity(Math.floor(block.timeMs / 1000)),
    transactions: [],
    transactionsRoot: EMPTY_ROOT,
    uncles: [],
  };
}

function blockTag(value: unknown): "pending" | "latest" | number {
  if (value === "pending" || value === "latest") return value;
  if (value === "earliest") return 0;
  if (typeof value === "string" && /^0x(0|[1-9a-f][0-9a-f]{0,12})$/i.test(value)) return Number(value);
  throw invalid(0, typeof value === "string" ? "hex string without 0x prefix" : "non-string block number");
}

function uncleIndex(value: unknown): number {
  if (typeof value === "string" && /^0x(0|[1-9a-f][0-9a-f]{0,7})$/i.test(value)) return Number(value);
  throw invalid(1, typeof value === "string" ? "hex string without 0x prefix" : "non-string");
}

function takes(params: readonly unknown[], least: number, most: number): void {
  if (params.length < least) throw new RpcError(-32602, `missing value for required argument ${params.length}`);
  if (params.length > most) throw new RpcError(-32602, `too many arguments, want at most ${most}`);
}

function fixedBytes(params: readonly unknown[], index: number, bytes: number, type: string): string {
  const value = params[index];
  if (typeof value !== "string")
    throw invalid(index, `json: cannot unmarshal non-string into Go value of type ${type}`);
  if (!value.startsWith("0x"))
    throw invalid(index, `json: cannot unmarshal hex string without 0x prefix into Go value of type ${type}`);
  if (!/^0x[0-9a-f]*$/i.test(value))
    throw invalid(index, `json: cannot unmarshal invalid hex string into Go value of type ${type}`);
  const digits = value.length - 2;
  if (digits !== bytes * 2) throw invalid(index, `hex string has length ${digits}, want ${bytes * 2} for ${type}`);
  return value.toLowerCase();
}

function invalid(index: number, why: string): RpcError {
  return new RpcError(-32602, `invalid argument ${index}: ${why}`);
}

function take(faults: NodeFaults, counter: "failSubmits" | "loseSubmitReplies"): boolean {
  if (faults[counter] <= 0) return false;
  faults[counter]--;
  return true;
}

function quantity(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function hexBytes(end: string, bytes: number): string {
  return `0x${end.padStart(bytes * 2, "0")}`;
}
