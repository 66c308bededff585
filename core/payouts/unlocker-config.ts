import type { Settings } from "../config-schema.ts";
import type { ConfigProblem } from "../config-problem.ts";
import { rewardRulesOf, type RewardRules } from "./reward-schedule.ts";
import type { UnlockerSettings } from "./unlocker-deps.ts";

/** What the unlocker is run with. */
export interface UnlockerConfig {
  readonly intervalMs: number;
  readonly rules: RewardRules;
  readonly settings: UnlockerSettings;
}

/** @returns null where it is switched off; what is wrong with its settings goes to `problems` */
export function unlockerOf(settings: Settings, problems: ConfigProblem[]): UnlockerConfig | null {
  const { unlocker, payouts } = settings;
  if (!unlocker.enabled) {
    if (payouts.scheme !== "prop")
      problems.push({
        variable: "payouts.scheme",
        found: payouts.scheme,
        allowed: "prop, where unlocker.enabled is not true: another unlocker knows no other scheme",
      });
    return null;
  }
  const wrong = (name: string, found: string, allowed: string): void => {
    problems.push({ variable: `unlocker.${name}`, found, allowed });
  };
  if (unlocker.accounts.length === 0)
    wrong(
      "accounts",
      "nothing",
      "the addresses that the nodes mine for (eth_coinbase); a block of any other is nobody's",
    );
  if (unlocker.depth <= unlocker.immatureDepth)
    wrong("depth", String(unlocker.depth), `more than immatureDepth, which is ${unlocker.immatureDepth}`);
  if (unlocker.finalDepth < unlocker.depth)
    wrong("finalDepth", String(unlocker.finalDepth), `at least depth, which is ${unlocker.depth}`);
  if (unlocker.donate && unlocker.donateAddress === null)
    wrong("donateAddress", "nothing", "an address, where donate is true");
  const rules = rulesOf(settings);
  if (typeof rules === "string") wrong("rewards", unlocker.rewards === null ? "nothing" : "a table", rules);
  if (typeof rules === "string") return null;
  const { accounts, poolFee, poolFeeAddress, donate, donateAddress, keepTxFees } = unlocker;
  const { depth, immatureDepth, finalDepth, requirePeers, orphanedRounds } = unlocker;
  const terms = {
    scheme: "prop" as const,
    poolFee,
    poolFeeAddress,
    donateTo: donate ? donateAddress : null,
    keepTxFees,
  };
  return {
    intervalMs: unlocker.interval,
    rules,
    settings: {
      accounts,
      depth,
      immatureDepth,
      finalDepth,
      requirePeers,
      orphanedRounds,
      terms,
      pplnsWindow: payouts.scheme === "pplns" ? payouts.pplnsWindow : null,
    },
  };
}

/** @returns the rules, or what is allowed */
function rulesOf({ chain, unlocker: { rewards } }: Settings): RewardRules | string {
  const name = typeof chain === "string" ? chain : chain.name;
  if (rewards === null) {
    const known = typeof chain === "string" ? rewardRulesOf(name) : undefined;
    return known ?? "what a chain of one's own pays: { eraLength } or { schedule = [{ from, wei }] }";
  }
  const { eraLength, schedule, uncles } = rewards;
  if ((eraLength === null) === (schedule.length === 0)) return "either eraLength or a schedule";
  if (!rising(schedule) || !rising(rewards.baseFeeToMiner)) return "steps in the order of from";
  const baseFeeToMiner = rewards.baseFeeToMiner.map(({ from, numerator, denominator }) => ({
    from,
    numerator: BigInt(numerator),
    denominator: BigInt(denominator),
  }));
  if (baseFeeToMiner.some(({ numerator, denominator }) => numerator > denominator))
    return "numerator at most denominator";
  return eraLength === null
    ? { block: { kind: "steps", steps: schedule }, uncles, baseFeeToMiner }
    : { block: { kind: "ecip1017", eraLength }, uncles, baseFeeToMiner };
}

function rising(list: readonly { readonly from: number }[]): boolean {
  return list.every(({ from }, at) => at === 0 || from > (list[at - 1]?.from ?? 0));
}
