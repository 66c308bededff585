import { accountOf } from "../../core/payouts/payer/transaction.ts";
import type { Json } from "./geth-rpc.ts";

/** Everybody's key: what it moves exists on simulated chains only. */
export const COINBASE_KEY = "d7".padStart(64, "0");

/** Whom the simulated node mines for. */
export const COINBASE = accountOf(COINBASE_KEY) ?? "";

/** A transaction of a simulated block, as far as money is concerned. Amounts in Wei. */
export interface Transaction {
  readonly hash: string;
  readonly from: string;
  readonly to: string;
  /** Left out by what only looks like a transaction. */
  readonly nonce?: number;
  readonly value: bigint;
  readonly gasUsed: bigint;
  /** What a unit of gas was really paid, base fee included. */
  readonly effectiveGasPrice: bigint;
  /** 0: legacy, 2: EIP-1559. */
  readonly type: 0 | 2;
}

/** What blocks hold beside their header; by default nothing, and no base fee. */
export interface BlockContents {
  readonly transactions: readonly Transaction[];
  /** Null where the chain has none. */
  readonly baseFeePerGas: bigint | null;
}

export const EMPTY_BLOCK: BlockContents = { transactions: [], baseFeePerGas: null };

const GWEI = 10n ** 9n;

/** A few transfers between strangers, more or less of them from block to block, as on a chain that people use. */
export function everydayContents(height: number): BlockContents {
  const transactions = Array.from({ length: height % 4 }, (_, index): Transaction => ({
    hash: `0x${height.toString(16).padStart(60, "0")}${index.toString(16).padStart(4, "0")}`,
    from: `0x${(0xaaaa + index).toString(16).padStart(40, "0")}`,
    to: `0x${(0xbbbb + index).toString(16).padStart(40, "0")}`,
    value: 10n ** 17n,
    gasUsed: 21_000n + BigInt(index) * 15_000n,
    effectiveGasPrice: BigInt(1 + ((height + index) % 20)) * GWEI,
    type: index % 2 === 0 ? 0 : 2,
  }));
  return { transactions, baseFeePerGas: null };
}

/** @param block the one that holds the transaction */
export function receiptJson(block: { readonly hash: string; readonly height: number }, transaction: Transaction): Json {
  return {
    blockHash: block.hash,
    blockNumber: hex(block.height),
    transactionHash: transaction.hash,
    from: transaction.from,
    to: transaction.to,
    gasUsed: hex(transaction.gasUsed),
    effectiveGasPrice: hex(transaction.effectiveGasPrice),
    type: hex(transaction.type),
    status: "0x1",
    logs: [],
  };
}

/** @param block the one that holds the transaction */
export function transactionJson(
  block: { readonly hash: string; readonly height: number },
  transaction: Transaction,
): Json {
  const { hash, from, to, nonce = 0, value, gasUsed, effectiveGasPrice, type } = transaction;
  return {
    blockHash: block.hash,
    blockNumber: hex(block.height),
    hash,
    from,
    to,
    nonce: hex(nonce),
    value: hex(value),
    gas: hex(gasUsed),
    gasPrice: hex(effectiveGasPrice),
    type: hex(type),
  };
}

export function gasUsedBy(transactions: readonly Transaction[]): bigint {
  return transactions.reduce((sum, { gasUsed }) => sum + gasUsed, 0n);
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
