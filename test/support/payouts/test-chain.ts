import type { ChainNode, NodeStatus } from "../../../core/payouts/chain-node.ts";
import { createChainNode } from "../../../core/payouts/chain-node.ts";
import { nodeFailure, type JsonRpcCall, type JsonRpcReply, type NodeRpc } from "../../../core/work/node-rpc.ts";

export const POOL = `0x${"a0".repeat(20)}`;
export const OTHER_MINER = `0x${"0e".repeat(20)}`;

/** A sealed header of the test's chains. */
export interface TestBlock {
  readonly height: number;
  readonly hash: string;
  readonly nonce: string;
  readonly mixHash: string;
  readonly miner: string;
  readonly difficulty: bigint;
  readonly uncles: readonly TestBlock[];
  readonly baseFeePerGas: bigint | null;
  readonly transactions: readonly TestTransaction[];
}

export interface TestTransaction {
  readonly hash: string;
  readonly from: string;
  readonly gasUsed: bigint;
  readonly effectiveGasPrice: bigint;
}

let counter = 0;
/** Hex of so many bytes that ends in the seed's. */
export const bytes = (length: number, seed: string): string =>
  `0x${Buffer.from(seed)
    .toString("hex")
    .padStart(length * 2, "0")
    .slice(-length * 2)}`;

/** A header that nobody else has. */
export function testBlock(height: number, over: Partial<TestBlock> = {}): TestBlock {
  counter += 1;
  return {
    height,
    hash: bytes(32, `h${counter}`),
    nonce: bytes(8, `n${counter}`),
    mixHash: bytes(32, `m${counter}`),
    miner: OTHER_MINER,
    difficulty: 1_000n,
    uncles: [],
    baseFeePerGas: null,
    transactions: [],
    ...over,
  };
}

/** A node with a chain that tests write: blocks by height, and everything that can go wrong with it. */
export class TestNode {
  readonly name: string;
  readonly blocks = new Map<number, TestBlock>();
  head = 0;
  syncing = false;
  peers = 5;
  etherbase: string | null = POOL;
  away = false;
  hasBlockReceipts = true;
  /** Changes an answer before it is given. */
  twist: (call: JsonRpcCall, result: unknown) => unknown = (_call, result) => result;
  calls: JsonRpcCall[] = [];
  requests = 0;
  readonly chain: ChainNode;

  constructor(name = "main") {
    this.name = name;
    this.chain = createChainNode(name, this.#rpc());
  }

  /** Puts a block at its height; heights below that nobody set are somebody's. */
  put(block: TestBlock): void {
    this.blocks.set(block.height, block);
    this.head = Math.max(this.head, block.height);
  }

  /** The chain grows to this height with blocks of others. */
  growTo(height: number): void {
    this.head = Math.max(this.head, height);
  }

  blockAt(height: number): TestBlock | null {
    if (height > this.head || height < 0) return null;
    let block = this.blocks.get(height);
    if (block === undefined) {
      block = testBlock(height, {
        hash: bytes(32, `other${height}`),
        nonce: bytes(8, `o${height}`),
        mixHash: bytes(32, `om${height}`),
      });
      this.blocks.set(height, block);
    }
    return block;
  }

  status(): Promise<NodeStatus> {
    return this.chain.status();
  }

  /** The same answers as JSON-RPC over HTTP gives them. @param body the parsed request: one call or a batch */
  async answerHttp(body: unknown): Promise<unknown> {
    const one = ({ id, ...call }: JsonRpcCall & { id: number }) => {
      this.calls.push(call);
      const reply = this.#answer(call);
      return reply.kind === "ok"
        ? { jsonrpc: "2.0", id, result: reply.value }
        : { jsonrpc: "2.0", id, error: { code: -32601, message: reply.reason } };
    };
    const calls = body as (JsonRpcCall & { id: number }) | (JsonRpcCall & { id: number })[];
    return Array.isArray(calls) ? calls.map(one) : one(calls);
  }

  #rpc(): NodeRpc {
    const answer = (call: JsonRpcCall): JsonRpcReply => {
      this.calls.push(call);
      const reply = this.#answer(call);
      return reply.kind === "ok" ? { kind: "ok", value: this.twist(call, reply.value) } : reply;
    };
    const gone = nodeFailure("unreachable", "cannot be reached: connection refused");
    return {
      call: async (call) => ((this.requests += 1), this.away ? gone : answer(call)),
      batch: async (calls) => {
        this.requests += 1;
        if (this.away) return gone;
        const replies = calls.map(answer);
        return { kind: "ok", replyTo: (index) => replies[index] ?? nodeFailure("malformed", "gave no answer") };
      },
    };
  }

  #answer({ method, params }: JsonRpcCall): JsonRpcReply {
    switch (method) {
      case "eth_blockNumber":
        return ok(hex(this.head));
      case "eth_syncing":
        return ok(this.syncing ? { currentBlock: "0x1" } : false);
      case "net_peerCount":
        return ok(hex(this.peers));
      case "eth_coinbase":
        return this.etherbase === null
          ? nodeFailure("rpc", "eth_coinbase: etherbase must be explicitly specified")
          : ok(this.etherbase);
      case "eth_getBlockByNumber": {
        const block = this.blockAt(Number(params[0]));
        return ok(block && this.#header(block));
      }
      case "eth_getUncleByBlockNumberAndIndex": {
        const uncle = this.blockAt(Number(params[0]))?.uncles[Number(params[1])];
        return ok(uncle === undefined ? null : this.#header(uncle));
      }
      case "eth_getBlockReceipts": {
        if (!this.hasBlockReceipts)
          return nodeFailure(
            "rpc",
            "eth_getBlockReceipts: the method eth_getBlockReceipts does not exist/is not available",
          );
        const block = [...this.blocks.values()].find(({ hash }) => hash === params[0]);
        return ok(block ? block.transactions.map((transaction) => receipt(block, transaction)) : null);
      }
      case "eth_getTransactionReceipt": {
        for (const block of this.blocks.values())
          for (const transaction of block.transactions)
            if (transaction.hash === params[0]) return ok(receipt(block, transaction));
        return ok(null);
      }
      case "eth_getTransactionByHash": {
        const all = [...this.blocks.values()].flatMap(({ transactions }) => transactions);
        const found = all.find(({ hash }) => hash === params[0]);
        return ok(found ? { gasPrice: hex(found.effectiveGasPrice) } : null);
      }
      default:
        return nodeFailure("rpc", `${method}: the method ${method} does not exist/is not available`);
    }
  }

  #header(block: TestBlock): Record<string, unknown> {
    const parent = this.blocks.get(block.height - 1) ?? this.blockAt(block.height - 1);
    return {
      number: hex(block.height),
      hash: block.hash,
      parentHash: parent?.hash ?? bytes(32, "genesis"),
      nonce: block.nonce,
      mixHash: block.mixHash,
      miner: block.miner,
      difficulty: hex(block.difficulty),
      uncles: block.uncles.map(({ hash }) => hash),
      gasUsed: hex(block.transactions.reduce((sum, { gasUsed }) => sum + gasUsed, 0n)),
      transactions: block.transactions.map(({ hash }) => hash),
      ...(block.baseFeePerGas === null ? {} : { baseFeePerGas: hex(block.baseFeePerGas) }),
    };
  }
}

const ok = (value: unknown): JsonRpcReply => ({ kind: "ok", value });
const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function receipt(block: TestBlock, { hash, from, gasUsed, effectiveGasPrice }: TestTransaction) {
  return {
    blockHash: block.hash,
    transactionHash: hash,
    from,
    gasUsed: hex(gasUsed),
    effectiveGasPrice: hex(effectiveGasPrice),
  };
}
