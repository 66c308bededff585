import { blockReward, rewardRulesOf, type RewardRules } from "../payouts/reward-schedule.ts";
import { parseInteger } from "./json.ts";

/** What is known of the chain that is mined on. */
export interface NetworkFigures {
  /** Of the best node; 0 while none has told. */
  readonly height: number;
  /** Hashes; 0 while no node has told. */
  readonly difficulty: number | bigint;
  /** Seconds between two blocks: as seen over the last hour, else as the chain is known to have; null where neither is known. */
  readonly blockTime: number | null;
  /** Hashes per second that find a block in that time; null where the block time is not known. */
  readonly hashrate: number | null;
  /** Wei of the next block without fees and uncles, decimal; null for a chain whose rules are not known. */
  readonly reward: string | null;
}

export const UNKNOWN_NETWORK: NetworkFigures = {
  height: 0,
  difficulty: 0,
  blockTime: null,
  hashrate: null,
  reward: null,
};

/** Ethash's difficulty moves so that blocks come 10 to 20 s apart (EIP-2); these chains have had 13 s on average for years. */
const KNOWN_BLOCK_TIME_S: ReadonlyMap<string, number> = new Map(
  ["classic", "mordor", "ethereum", "ethereum-pow"].map((chain) => [chain, 13]),
);

/** Heights are noted at most this often, and for this long. */
const STEP_MS = 20_000;
const SPAN_MS = 3_600_000;
/** A chain that is shorter by no more than this was reorganised; one by more is another. */
const MOST_REORGANISED = 64;
/** Fewer blocks say nothing: their times scatter as much as they are long. */
const ENOUGH_BLOCKS = 20;

/** The highest node of `eth:nodes` as the API lists them. */
export function bestNode(
  nodes: readonly Readonly<Record<string, string>>[],
): Pick<NetworkFigures, "height" | "difficulty"> {
  let best: Pick<NetworkFigures, "height" | "difficulty"> = { height: 0, difficulty: 0 };
  for (const node of nodes) {
    const height = Number(parseInteger(node["height"]) ?? 0);
    if (height >= best.height) best = { height, difficulty: parseInteger(node["difficulty"]) ?? 0 };
  }
  return best;
}

/** @returns what the next block pays without fees and uncles, Wei; null where the rules are not known */
export function nextReward(chainName: string, own: RewardRules | null, height: number): bigint | null {
  const rules = own ?? rewardRulesOf(chainName);
  return rules === undefined ? null : blockReward(rules, height + 1);
}

/** Watches a chain through what the nodes say, in memory. */
export class NetworkWatch {
  readonly #chainName: string;
  readonly #rules: RewardRules | null;
  #seen: { readonly height: number; readonly atMs: number }[] = [];

  /** @param rules of a chain of the operator's own; null: those that the name is known for */
  constructor(chainName: string, rules: RewardRules | null) {
    this.#chainName = chainName;
    this.#rules = rules;
  }

  figures(nodes: readonly Readonly<Record<string, string>>[], nowMs: number): NetworkFigures {
    const { height, difficulty } = bestNode(nodes);
    if (height === 0) return UNKNOWN_NETWORK;
    this.#note(height, nowMs);
    const blockTime = this.#measured() ?? KNOWN_BLOCK_TIME_S.get(this.#chainName) ?? null;
    const reward = nextReward(this.#chainName, this.#rules, height);
    return {
      height,
      difficulty,
      blockTime,
      hashrate: blockTime === null ? null : Math.round(Number(difficulty) / blockTime),
      reward: reward === null ? null : reward.toString(),
    };
  }

  #note(height: number, atMs: number): void {
    const last = this.#seen.at(-1);
    // Another chain, or one that was set back: what was seen before tells nothing of it. A reorganisation is no such thing.
    if (last !== undefined && height < last.height - MOST_REORGANISED) this.#seen = [];
    // A reading comes some seconds after the block; only one that is the first of its height may stand for its time.
    else if (last !== undefined && (height <= last.height || atMs - last.atMs < STEP_MS)) return;
    this.#seen = [...this.#seen.filter((seen) => atMs - seen.atMs <= SPAN_MS), { height, atMs }];
  }

  #measured(): number | null {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (first === undefined || last === undefined || last.height - first.height < ENOUGH_BLOCKS) return null;
    const seconds = (last.atMs - first.atMs) / 1000 / (last.height - first.height);
    return Math.round(seconds * 10) / 10 || null;
  }
}
