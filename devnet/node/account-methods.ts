import { revenueOf, type PlacedBlock } from "../../core/payouts/block-revenue.ts";
import type { ChainBlock, DevChain } from "./chain.ts";
import { RpcError, type Json, type RpcMethod } from "./geth-rpc.ts";
import { transactionCount, type Mempool } from "./mempool.ts";
import { COINBASE, gasUsedBy, receiptJson, transactionJson, type Transaction } from "./transactions.ts";

/** The calls that an unlocker and a payer make of a node: whom it mines for, receipts, balances. */
export function accountMethods(chain: DevChain, mempool: Mempool): Record<string, RpcMethod> {
  const heightOf = (tag: unknown): number => {
    const height = tag === "latest" || tag === undefined ? chain.head.height : Number(tag);
    if (!chain.block(height)) throw new RpcError(-32000, "header not found");
    return height;
  };
  return {
    eth_coinbase: () => COINBASE,
    eth_getBalance: ([address, tag]) => hex(balanceAt(chain, addressOf(address), heightOf(tag))),
    // There are no contracts here.
    eth_getCode: ([, tag]) => (heightOf(tag), "0x"),
    eth_getTransactionCount: ([address, tag]) =>
      hex(
        tag === "pending"
          ? mempool.pendingCount(chain, addressOf(address))
          : transactionCount(chain, addressOf(address), heightOf(tag)),
      ),
    eth_gasPrice: () => hex(GAS_PRICE),
    eth_estimateGas: () => hex(21_000),
    eth_sendRawTransaction: ([raw]) => {
      const offered = mempool.offer(typeof raw === "string" ? raw.toLowerCase() : "", chain);
      if ("refused" in offered) throw new RpcError(-32000, offered.refused);
      return offered.hash;
    },
    eth_getBlockReceipts: ([which]) => {
      const block = blockOf(chain, which);
      return block ? block.contents.transactions.map((transaction) => receiptJson(block, transaction)) : null;
    },
    eth_getTransactionReceipt: ([hash]) => minedAs(chain, hash, receiptJson),
    eth_getTransactionByHash: ([hash]) => minedAs(chain, hash, transactionJson),
  };
}

/** One Gwei, as on a quiet chain. */
const GAS_PRICE = 10n ** 9n;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

const addressOf = (value: unknown): string => (typeof value === "string" ? value.toLowerCase() : "");

function blockOf(chain: DevChain, which: unknown): ChainBlock | undefined {
  if (typeof which !== "string") return undefined;
  if (which === "latest") return chain.head;
  return which.length === 66 ? chain.blocks().find(({ hash }) => hash === which) : chain.block(Number(which));
}

/** Null for one that no block of the chain has. */
function minedAs(chain: DevChain, hash: unknown, json: (block: ChainBlock, transaction: Transaction) => Json): Json {
  for (const block of chain.blocks())
    for (const transaction of block.contents.transactions)
      if (transaction.hash === hash) return json(block, transaction);
  return null;
}

/** What an account has after a block: what was sent to it and by it, and of the node's own rewards and fees. */
function balanceAt(chain: DevChain, account: string, height: number): bigint {
  let balance = 0n;
  for (const block of chain.blocks()) {
    if (block.height > height) continue;
    for (const { from, to, value, gasUsed, effectiveGasPrice } of block.contents.transactions) {
      if (to === account) balance += value;
      if (from === account) balance -= value + gasUsed * effectiveGasPrice;
    }
    if (account !== COINBASE) continue;
    if (block.mined !== null) balance += revenue(chain, placed(block));
    for (const uncle of block.uncles)
      balance += revenue(chain, { as: "uncle", height: block.height, uncleHeight: uncle.height, hash: uncle.hash });
  }
  return balance;
}

function placed({ height, hash, uncles, contents }: ChainBlock): PlacedBlock {
  return {
    as: "block",
    height,
    hash,
    uncles: uncles.length,
    gasUsed: gasUsedBy(contents.transactions),
    baseFeePerGas: contents.baseFeePerGas ?? 0n,
    receipts: contents.transactions,
  };
}

function revenue(chain: DevChain, block: PlacedBlock): bigint {
  const result = revenueOf(chain.rewards, block, []);
  if (!result.ok) throw new Error(result.reason);
  return result.revenue.rewardWei + result.revenue.feesWei;
}
