import { revenueOf, type PlacedBlock } from "../../core/payouts/block-revenue.ts";
import type { ChainBlock, DevChain } from "./chain.ts";
import { RpcError, type Json, type RpcMethod } from "./geth-rpc.ts";
import { COINBASE, gasUsedBy, receiptJson } from "./transactions.ts";

/** The calls that an unlocker and a payer make of a node: whom it mines for, receipts, balances. */
export function accountMethods(chain: DevChain): Record<string, RpcMethod> {
  return {
    eth_coinbase: () => COINBASE,
    eth_getBalance: ([address, tag]) => {
      if (typeof address !== "string" || address.toLowerCase() !== COINBASE) return "0x0";
      const height = tag === "latest" || tag === undefined ? chain.head.height : Number(tag);
      if (!chain.block(height)) throw new RpcError(-32000, "header not found");
      return `0x${balanceAt(chain, height).toString(16)}`;
    },
    eth_getBlockReceipts: ([which]) => {
      const block = blockOf(chain, which);
      return block ? block.contents.transactions.map((transaction) => receiptJson(block, transaction)) : null;
    },
    eth_getTransactionReceipt: ([hash]) => receiptOf(chain, hash),
  };
}

function blockOf(chain: DevChain, which: unknown): ChainBlock | undefined {
  if (typeof which !== "string") return undefined;
  if (which === "latest") return chain.head;
  return which.length === 66 ? chain.blocks().find(({ hash }) => hash === which) : chain.block(Number(which));
}

function receiptOf(chain: DevChain, hash: unknown): Json {
  for (const block of chain.blocks())
    for (const transaction of block.contents.transactions)
      if (transaction.hash === hash) return receiptJson(block, transaction);
  return null;
}

/** What the node's account has after a block: rewards, fees, and what was sent to it and by it. */
function balanceAt(chain: DevChain, height: number): bigint {
  let balance = 0n;
  for (const block of chain.blocks()) {
    if (block.height > height) continue;
    for (const { from, to, value, gasUsed, effectiveGasPrice } of block.contents.transactions) {
      if (to === COINBASE) balance += value;
      if (from === COINBASE) balance -= value + gasUsed * effectiveGasPrice;
    }
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
