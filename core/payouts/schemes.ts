/** How a block's revenue is divided among miners: by the round, by the last shares over round borders, or all to the finder. */
export const SCHEMES = ["prop", "pplns", "solo"] as const;
export type Scheme = (typeof SCHEMES)[number];

/** Whom the pool's blocks belong to. */
export interface PayoutsConfig {
  /** Of common work; work of a solo upstream is its finder's, whatever stands here. */
  readonly scheme: Scheme;
  /** Under `pplns`: how many times the network difficulty of shares a block pays, decimal text. */
  readonly pplnsWindow: string;
  /** Under `solo`, in the place of `unlocker.poolFee`: decimal percent. */
  readonly soloFee: string;
}

/** Shares that were committed to the ledger together: difficulty by login. */
export type ShareGroup = ReadonlyMap<string, bigint>;

/**
 * The weights under `pplns`: the last shares before a block, the finder's own included, up to a sum of difficulty. The group that crosses the
 * window's edge counts pro rata, rounded down per login. A window that is not yet full pays what it has.
 * @param newestFirst groups in reverse commit order, the block's own first
 * @param window sum of difficulty: `pplnsWindow` × network difficulty
 */
export function pplnsWeights(newestFirst: Iterable<ShareGroup>, window: bigint): Map<string, bigint> {
  const weights = new Map<string, bigint>();
  const add = (login: string, weight: bigint): void => {
    if (weight > 0n) weights.set(login, (weights.get(login) ?? 0n) + weight);
  };
  let left = window;
  for (const group of newestFirst) {
    let total = 0n;
    for (const difficulty of group.values()) total += difficulty;
    if (total >= left) {
      for (const [login, difficulty] of group) add(login, (difficulty * left) / total);
      return weights;
    }
    for (const [login, difficulty] of group) add(login, difficulty);
    left -= total;
  }
  return weights;
}

/**
 * Difficulty that a block pays under `pplns`, at least 1.
 * @param times digits with at most one point, as the setting `pplnsWindow` @param difficulty of the network
 */
export function windowOf(times: string, difficulty: bigint): bigint {
  const [whole = "0", decimals = ""] = times.split(".");
  return (BigInt(`${whole}${decimals}`) * difficulty) / 10n ** BigInt(decimals.length) || 1n;
}
