import { Transaction } from "micro-eth-signer";
import { nodeFailure, type JsonRpcCall, type JsonRpcReply, type NodeRpc } from "../../../core/work/node-rpc.ts";
import { bytes } from "./test-chain.ts";

/** A transaction of the simulated chain, as its bytes say. */
export interface SimTransaction {
  readonly hash: string;
  readonly raw: string;
  readonly from: string;
  readonly to: string;
  readonly nonce: number;
  readonly valueWei: bigint;
  readonly gasLimit: bigint;
  readonly price: bigint;
  readonly chainId: bigint;
}

interface SimBlock {
  readonly height: number;
  readonly hash: string;
  readonly transactions: readonly { readonly transaction: SimTransaction; readonly ok: boolean }[];
}

const GAS = 21_000n;

/**
 * A chain that checks what real ones check of transfers: chain id, signature, nonces in order, one transaction a nonce, replacements at 110 %,
 * balances, contracts that refuse. It can be reorganised, and what falls out may come back or be lost.
 */
export class SimChain {
  readonly chainId: bigint;
  readonly blocks: SimBlock[] = [];
  readonly refusing = new Set<string>();
  readonly funds = new Map<string, bigint>();
  readonly mempool = new Map<string, SimTransaction>();
  minPrice = 1n;
  baseFee: bigint | null = null;
  /** Everything that was ever offered and accepted, whatever became of it. */
  readonly seen = new Map<string, SimTransaction>();
  readonly #accounts = new Map<string, { sent: number[]; moved: bigint }>();
  readonly #places = new Map<string, number>();
  #branch = 0;

  constructor(chainId = 61n) {
    this.chainId = chainId;
    this.#append([]);
  }

  get head(): number {
    return this.blocks.length - 1;
  }

  /** Transactions of an account up to a height. */
  count(account: string, height = this.head): number {
    const heights = this.#account(account).sent;
    let count = heights.length;
    while (count > 0 && (heights[count - 1] ?? 0) > height) count -= 1;
    return count;
  }

  /** The same with what waits and can follow: geth leaves out what waits behind a gap. */
  pendingCount(account: string): number {
    const waiting = new Set(
      [...this.mempool.values()].filter(({ from }) => from === account).map(({ nonce }) => nonce),
    );
    let next = this.count(account);
    while (waiting.has(next)) next += 1;
    return next;
  }

  balance(account: string): bigint {
    return (this.funds.get(account) ?? 0n) + this.#account(account).moved;
  }

  /** What reached an address, Wei. */
  received(address: string, from: string): bigint {
    let sum = 0n;
    for (const { transactions } of this.blocks)
      for (const { transaction, ok } of transactions)
        if (ok && transaction.from === from && transaction.to === address) sum += transaction.valueWei;
    return sum;
  }

  /** @returns geth's words where it refuses; null where it takes it */
  offer(raw: string): string | null {
    const transaction = this.seenRaw(raw);
    if (typeof transaction === "string") return transaction;
    const { hash, from, nonce, price, chainId } = transaction;
    if (chainId !== this.chainId) return "invalid sender";
    if (nonce < this.count(from)) return "nonce too low";
    if (this.mempool.has(hash)) return "already known";
    if (price < this.minPrice) return "transaction underpriced";
    const rival = [...this.mempool.values()].find((other) => other.from === from && other.nonce === nonce);
    if (rival !== undefined && price * 10n < rival.price * 11n) return "replacement transaction underpriced";
    if (rival !== undefined) this.mempool.delete(rival.hash);
    this.mempool.set(hash, transaction);
    return null;
  }

  seenRaw(raw: string): SimTransaction | string {
    const known = this.seen.get(raw);
    if (known !== undefined) return known;
    const decoded = decode(raw);
    if (typeof decoded !== "string") this.seen.set(raw, decoded);
    return decoded;
  }

  /** Blocks that take in what waits, cheapest price first refused. @param empty blocks without transactions */
  mine(blocks = 1, empty = false): void {
    for (let i = 0; i < blocks; i += 1) this.#append(empty ? [] : this.#takeable());
  }

  /** The newest blocks give way to others, one more. @param fate of what was in them: waits again, or is lost */
  reorganise(depth: number, fate: "back" | "lost", empty = true): void {
    const gone = this.blocks.splice(Math.max(1, this.blocks.length - depth));
    for (const block of gone.toReversed()) this.#apply(block, -1n);
    this.#branch += 1;
    if (fate === "back")
      for (const { transactions } of gone)
        for (const { transaction } of transactions) this.mempool.set(transaction.hash, transaction);
    this.mine(gone.length + 1, empty);
  }

  find(hash: string): { readonly block: SimBlock; readonly ok: boolean; readonly transaction: SimTransaction } | null {
    const block = this.blocks[this.#places.get(hash) ?? -1];
    const found = block?.transactions.find(({ transaction }) => transaction.hash === hash);
    return block === undefined || found === undefined ? null : { block, ...found };
  }

  #account(account: string): { sent: number[]; moved: bigint } {
    const known = this.#accounts.get(account) ?? { sent: [], moved: 0n };
    this.#accounts.set(account, known);
    return known;
  }

  /** What a block does to accounts; taken back where it falls out. */
  #apply({ height, transactions }: SimBlock, sign: 1n | -1n): void {
    for (const { transaction, ok } of transactions) {
      const { from, to, hash, price, valueWei } = transaction;
      const sender = this.#account(from);
      sender.moved -= sign * (GAS * price + (ok ? valueWei : 0n));
      if (sign === 1n) sender.sent.push(height);
      else sender.sent.pop();
      if (ok) this.#account(to).moved += sign * valueWei;
      if (sign === 1n) this.#places.set(hash, height);
      else this.#places.delete(hash);
    }
  }

  #takeable(): SimBlock["transactions"] {
    const taken: { transaction: SimTransaction; ok: boolean }[] = [];
    const next = new Map<string, number>();
    const waiting = [...this.mempool.values()].toSorted((a, b) => a.nonce - b.nonce);
    for (const transaction of waiting) {
      const { hash, from, nonce, price, valueWei } = transaction;
      const expected = next.get(from) ?? this.count(from);
      if (nonce < expected) this.mempool.delete(hash);
      if (nonce !== expected || price < this.minPrice || taken.length >= 50) continue;
      const spent = taken
        .filter((one) => one.transaction.from === from)
        .reduce((sum, one) => sum + one.transaction.valueWei + GAS * one.transaction.price, 0n);
      if (this.balance(from) - spent < valueWei + GAS * price) continue;
      taken.push({ transaction, ok: !this.refusing.has(transaction.to) });
      this.mempool.delete(hash);
      next.set(from, nonce + 1);
    }
    return taken;
  }

  #append(transactions: SimBlock["transactions"]): void {
    const height = this.blocks.length;
    const block = { height, hash: bytes(32, `b${this.#branch}.${height}`), transactions };
    this.blocks.push(block);
    this.#apply(block, 1n);
  }
}

function decode(raw: string): SimTransaction | string {
  try {
    const signed = Transaction.fromHex(raw);
    const fields: Record<string, unknown> = { ...signed.raw };
    const big = (name: string): bigint => {
      const value = fields[name];
      return typeof value === "bigint" ? value : 0n;
    };
    return {
      hash: `0x${signed.hash.replace(/^0x/, "")}`,
      raw,
      from: signed.recoverSender().address.toLowerCase(),
      to: String(fields["to"]).toLowerCase(),
      nonce: Number(big("nonce")),
      valueWei: big("value"),
      gasLimit: big("gasLimit"),
      price: signed.type === "legacy" ? big("gasPrice") : big("maxFeePerGas"),
      chainId: big("chainId"),
    };
  } catch {
    return "rlp: value size exceeds available input length";
  }
}

/** A node over the chain, with what can be wrong with it. */
export class SimNode {
  readonly name: string;
  readonly chain: SimChain;
  away = false;
  /** It does what it is asked, and its answer is lost. */
  losesAnswers = 0;
  /** It has not heard of the newest blocks. */
  behind = 0;
  /** It says that no transaction of the account is there. */
  denies = false;
  /** It says that every nonce is used. */
  invents = false;
  /** Blocks with their transactions take it too long. */
  slow = false;
  peers = 8;
  gasPrice = 1_000_000_000n;
  /** What it says that a transfer takes: more for a contract. */
  gasEstimate = GAS;
  /** States older than this many blocks are forgotten, as geth does; null: an archive. */
  states: number | null = 128;
  readonly rpc: NodeRpc;

  constructor(name: string, chain: SimChain) {
    this.name = name;
    this.chain = chain;
    const lost = nodeFailure("timeout", "no answer within 5000 ms");
    const gone = nodeFailure("unreachable", "cannot be reached: connection refused");
    this.rpc = {
      call: async (call) => {
        if (this.away) return gone;
        const reply = this.#answer(call);
        if (this.losesAnswers > 0) {
          this.losesAnswers -= 1;
          return lost;
        }
        return reply;
      },
      batch: async (calls) => {
        if (this.away) return gone;
        const replies = calls.map((call) => this.#answer(call));
        return { kind: "ok", replyTo: (index) => replies[index] ?? nodeFailure("malformed", "gave no answer") };
      },
    };
  }

  /** The same over HTTP. @param body the parsed request: one call or a batch */
  answerHttp(body: unknown): unknown {
    const one = (call: unknown): unknown => {
      const { id, method, params } = call as JsonRpcCall & { readonly id: number };
      const reply = this.#answer({ method, params });
      return reply.kind === "ok"
        ? { jsonrpc: "2.0", id, result: reply.value }
        : { jsonrpc: "2.0", id, error: { code: -32_000, message: reply.reason } };
    };
    return Array.isArray(body) ? body.map(one) : one(body);
  }

  get #head(): number {
    return Math.max(0, this.chain.head - this.behind);
  }

  #answer({ method, params }: JsonRpcCall): JsonRpcReply {
    const { chain } = this;
    const [first, second] = params;
    switch (method) {
      case "eth_blockNumber":
        return ok(hex(this.#head));
      case "eth_syncing":
        return ok(false);
      case "net_peerCount":
        return ok(hex(this.peers));
      case "eth_chainId":
        return ok(hex(chain.chainId));
      case "eth_gasPrice":
        return ok(hex(this.gasPrice));
      case "eth_getBalance":
        return ok(hex(chain.balance(String(first))));
      case "eth_estimateGas":
        return this.#estimate(first);
      case "eth_getTransactionCount":
        return this.#count(String(first), String(second));
      case "eth_getBlockByNumber":
        if (this.slow && second === true) return nodeFailure("timeout", "no answer within 5000 ms");
        return ok(this.#block(first === "latest" ? this.#head : Number(first), second === true));
      case "eth_getTransactionByHash":
        return ok(this.#transaction(String(first)));
      case "eth_getTransactionReceipt":
        return ok(this.#receipt(String(first)));
      case "eth_sendRawTransaction": {
        const problem = chain.offer(String(first));
        return problem === null ? ok("0x") : nodeFailure("rpc", `eth_sendRawTransaction: ${problem}`);
      }
      default:
        return nodeFailure("rpc", `${method}: the method ${method} does not exist/is not available`);
    }
  }

  #estimate(request: unknown): JsonRpcReply {
    const to = typeof request === "object" && request !== null && "to" in request ? String(request.to) : "";
    return this.chain.refusing.has(to)
      ? nodeFailure("rpc", "eth_estimateGas: execution reverted")
      : ok(hex(this.gasEstimate));
  }

  #count(account: string, tag: string): JsonRpcReply {
    const { chain } = this;
    if (this.invents) return ok(hex(1_000_000));
    if (this.denies) return ok("0x0");
    if (tag === "latest") return ok(hex(chain.count(account, this.#head)));
    if (tag === "pending") return ok(hex(chain.pendingCount(account)));
    if (this.states !== null && Number(tag) < this.#head - this.states)
      return nodeFailure("rpc", "eth_getTransactionCount: missing trie node");
    return ok(hex(chain.count(account, Number(tag))));
  }

  #block(height: number, whole: boolean): unknown {
    const block = this.chain.blocks[height];
    if (block === undefined || height > this.#head) return null;
    const transactions = this.denies ? [] : block.transactions;
    return {
      number: hex(height),
      hash: block.hash,
      timestamp: hex(1_790_000_000 + 13 * height),
      ...(this.chain.baseFee === null ? {} : { baseFeePerGas: hex(this.chain.baseFee) }),
      transactions: transactions.map(({ transaction: one }) =>
        whole
          ? { hash: one.hash, from: one.from, to: one.to, nonce: hex(one.nonce), value: hex(one.valueWei) }
          : one.hash,
      ),
    };
  }

  #transaction(hash: string): unknown {
    const found = this.chain.find(hash);
    if (found === null) return null;
    const { from, to, nonce, valueWei, gasLimit, price } = found.transaction;
    const numbers = { nonce: hex(nonce), value: hex(valueWei), gas: hex(gasLimit), gasPrice: hex(price) };
    return { blockNumber: hex(found.block.height), hash, from, to, ...numbers };
  }

  #receipt(hash: string): unknown {
    const found = this.denies ? null : this.chain.find(hash);
    if (found === null || found.block.height > this.#head) return null;
    return { blockNumber: hex(found.block.height), blockHash: found.block.hash, status: found.ok ? "0x1" : "0x0" };
  }
}

const ok = (value: unknown): JsonRpcReply => ({ kind: "ok", value });
const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
