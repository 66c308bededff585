import { blockReward, minersBaseFees, nephewReward, uncleReward, type RewardRules } from "./reward-schedule.ts";

/** What a transaction's receipt says of the fee. */
export interface FeeReceipt {
  /** Who paid the gas: lower-case `0x` address. */
  readonly from: string;
  readonly gasUsed: bigint;
  /** Wei a unit of gas that was really paid, base fee included. */
  readonly effectiveGasPrice: bigint;
}

/** Where a block of ours stands in the chain, with what is needed to know its revenue. */
export type PlacedBlock =
  | {
      readonly as: "block";
      readonly height: number;
      readonly hash: string;
      readonly uncles: number;
      readonly gasUsed: bigint;
      /** 0 where the chain has none. */
      readonly baseFeePerGas: bigint;
      readonly receipts: readonly FeeReceipt[];
    }
  | {
      readonly as: "uncle";
      /** Of the block that includes it. */
      readonly height: number;
      readonly uncleHeight: number;
      readonly hash: string;
    };

/** Wei that a block brought its miner. */
export interface BlockRevenue {
  /** Static reward and what including uncles brought. */
  readonly rewardWei: bigint;
  /** Fees that others paid. */
  readonly feesWei: bigint;
  /** Fees that the pool's own accounts paid: money that comes back, not money that the miners earned. */
  readonly ownFeesWei: bigint;
}

export type RevenueResult =
  | { readonly ok: true; readonly revenue: BlockRevenue }
  | { readonly ok: false; readonly reason: string };

/**
 * What the chain paid for a block, to the Wei. Each transaction, of any type, brings gasUsed × (effectiveGasPrice − baseFeePerGas).
 * @param ownAccounts lower-case `0x` addresses of the pool
 */
export function revenueOf(rules: RewardRules, block: PlacedBlock, ownAccounts: readonly string[]): RevenueResult {
  if (block.as === "uncle") {
    const rewardWei = uncleReward(rules, block.height, block.uncleHeight);
    return { ok: true, revenue: { rewardWei, feesWei: 0n, ownFeesWei: 0n } };
  }
  const gas = block.receipts.reduce((sum, { gasUsed }) => sum + gasUsed, 0n);
  // A node that leaves a receipt out must not make the miners poorer without a word.
  if (gas !== block.gasUsed)
    return { ok: false, reason: `the receipts of block ${block.height} used ${gas} gas, the block ${block.gasUsed}` };
  let feesWei = minersBaseFees(rules, block.height, block.gasUsed * block.baseFeePerGas);
  let ownFeesWei = 0n;
  for (const { from, gasUsed, effectiveGasPrice } of block.receipts) {
    if (effectiveGasPrice < block.baseFeePerGas)
      return { ok: false, reason: `a transaction of block ${block.height} paid less than the base fee` };
    const tip = gasUsed * (effectiveGasPrice - block.baseFeePerGas);
    if (ownAccounts.includes(from)) ownFeesWei += tip;
    else feesWei += tip;
  }
  const nephews = BigInt(block.uncles) * nephewReward(rules, block.height);
  return { ok: true, revenue: { rewardWei: blockReward(rules, block.height) + nephews, feesWei, ownFeesWei } };
}
