/** Wei of one whole coin. */
const COIN_WEI = 10n ** 18n;
/** Wei of one Shannon: the ledger's unit. */
export const SHANNON_WEI = 10n ** 9n;

/** An uncle is at most so many heights older than the block that includes it (Yellow Paper, 11.1). */
const MAX_UNCLE_AGE = 6;

/** From this height on so many Wei a block. */
interface RewardStep {
  readonly from: number;
  readonly wei: bigint;
}

/** What part of the base fee a block's miner gets from a height on: `numerator / denominator`. */
interface BaseFeeShare {
  readonly from: number;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * How uncles are paid. `ethash`: the nearer the more, in eighths of the reward, and 1/32 for including one. `ecip1017`: the same in the
 * first era, then 1/32 of the reward for either, whatever the depth. `none`: nothing.
 */
type UncleRule = "ethash" | "ecip1017" | "none";

/** What a chain pays. Steps rise by `from`; below the first one nothing is paid. */
export interface RewardRules {
  readonly block:
    | { readonly kind: "ecip1017"; readonly eraLength: number }
    | { readonly kind: "steps"; readonly steps: readonly RewardStep[] };
  readonly uncles: UncleRule;
  /** Empty: the base fee never reaches the miner, as where it is burnt. */
  readonly baseFeeToMiner: readonly BaseFeeShare[];
}

const FIRST_ERA_WEI = 5n * COIN_WEI;

const ecip1017 = (eraLength: number): RewardRules => ({
  block: { kind: "ecip1017", eraLength },
  uncles: "ecip1017",
  baseFeeToMiner: [],
});
const ethash = (...steps: readonly RewardStep[]): RewardRules => ({
  block: { kind: "steps", steps },
  uncles: "ethash",
  baseFeeToMiner: [],
});

/** Ethereum Classic's rules: ECIP-1017 with eras of five million blocks. */
export const CLASSIC_REWARDS = ecip1017(5_000_000);

/**
 * By the chain's name. Sources: ECIP-1017 and core-geth's `params/mutations` (era length of `mordor`: its chain configuration);
 * EIP-649 and EIP-1234 for ethereum, the second of which ethereum-pow never changed.
 */
const KNOWN_RULES: ReadonlyMap<string, RewardRules> = new Map([
  ["classic", CLASSIC_REWARDS],
  ["mordor", ecip1017(2_000_000)],
  [
    "ethereum",
    ethash(
      { from: 0, wei: 5n * COIN_WEI },
      { from: 4_370_000, wei: 3n * COIN_WEI },
      { from: 7_280_000, wei: 2n * COIN_WEI },
    ),
  ],
  ["ethereum-pow", ethash({ from: 0, wei: 2n * COIN_WEI })],
]);

/** The rules of a chain that is known by name; undefined for one of the operator's own. */
export function rewardRulesOf(chainName: string): RewardRules | undefined {
  return KNOWN_RULES.get(chainName);
}

/** Eras count from 0 and begin at block 1. With steps, the first step is era 0. */
function eraOf(rules: RewardRules, height: number): number {
  if (rules.block.kind === "ecip1017") return Math.floor((height - 1) / rules.block.eraLength);
  return rules.block.steps.findLastIndex((step) => height >= step.from);
}

/** Wei for a block at this height, without uncles and fees. @throws RangeError for a height below 1: nobody mined the genesis block */
export function blockReward(rules: RewardRules, height: number): bigint {
  if (!Number.isSafeInteger(height) || height < 1) throw new RangeError(`height: found ${height}, allowed: 1 or more`);
  const era = eraOf(rules, height);
  if (rules.block.kind === "steps") return rules.block.steps[era]?.wei ?? 0n;
  // One division of the whole, as core-geth does it (GetBlockWinnerRewardByEra): era by era would round each time.
  return (FIRST_ERA_WEI * 4n ** BigInt(era)) / 5n ** BigInt(era);
}

/** Wei that the including block's miner gets for each uncle. @param height of the including block */
export function nephewReward(rules: RewardRules, height: number): bigint {
  return rules.uncles === "none" ? 0n : blockReward(rules, height) / 32n;
}

/**
 * Wei for the miner of an uncle.
 * @param height of the including block, whose reward and era count
 * @param uncleHeight of the uncle itself, 1 to six lower
 * @throws RangeError where no chain could include it
 */
export function uncleReward(rules: RewardRules, height: number, uncleHeight: number): bigint {
  const age = height - uncleHeight;
  if (!Number.isSafeInteger(age) || age < 1 || age > MAX_UNCLE_AGE)
    throw new RangeError(`uncleHeight: found ${uncleHeight} in block ${height}, allowed: 1 to ${MAX_UNCLE_AGE} lower`);
  if (rules.uncles === "none") return 0n;
  const reward = blockReward(rules, height);
  if (rules.uncles === "ecip1017" && eraOf(rules, height) > 0) return reward / 32n;
  return (BigInt(8 - age) * reward) / 8n;
}

/** What of a block's base fees its miner gets, in Wei. @param baseFeesWei gas used times base fee */
export function minersBaseFees(rules: RewardRules, height: number, baseFeesWei: bigint): bigint {
  const share = rules.baseFeeToMiner.findLast((step) => height >= step.from);
  return share === undefined ? 0n : (baseFeesWei * share.numerator) / share.denominator;
}
