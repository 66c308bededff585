/** The ledger's keys that the unlocker writes, beside those that it shares with the shares' scripts. Names as in open-ethereum-pool; what begins with `unlocker:` and `blocks:terms` is this pool's own. */
export interface PayoutKeys {
  readonly candidates: string;
  readonly immature: string;
  readonly matured: string;
  /** Sorted set of `blockHash:ts:rewardWei` by height. */
  readonly creditsAll: string;
  /** Hash: balance, immature, pending, paid, totalMined (Shannon), lastCreditHeight, lastCreditHash. */
  readonly finances: string;
  /** Hash {@link blockId} -> terms that a block was found under (see block-terms.ts). */
  readonly terms: string;
  /** Hash member -> plan of a move that takes several steps. */
  readonly moves: string;
  /** Hash `<login>:immature|balance` -> Shannon that wait until the login's account can be written again. */
  readonly owed: string;
  readonly roundCurrent: string;
  readonly stats: string;
  /** What stands before a login in the key of its account. */
  readonly minerPrefix: string;
  /** Hash login -> Shannon, while a block is immature. */
  creditsImmature(height: number, hash: string): string;
  /** Hash login -> Shannon of a matured block. */
  credits(height: number, hash: string): string;
  round(height: number, nonce: string): string;
}

/** @param coin prefix of every key, as configured (`eth`) */
export function payoutKeys(coin: string): PayoutKeys {
  return {
    candidates: `${coin}:blocks:candidates`,
    immature: `${coin}:blocks:immature`,
    matured: `${coin}:blocks:matured`,
    creditsAll: `${coin}:credits:all`,
    finances: `${coin}:finances`,
    terms: `${coin}:blocks:terms`,
    moves: `${coin}:unlocker:moves`,
    owed: `${coin}:unlocker:owed`,
    roundCurrent: `${coin}:shares:roundCurrent`,
    stats: `${coin}:stats`,
    minerPrefix: `${coin}:miners:`,
    creditsImmature: (height, hash) => `${coin}:credits:immature:${height}:${hash}`,
    credits: (height, hash) => `${coin}:credits:${height}:${hash}`,
    round: (height, nonce) => `${coin}:shares:round${height}:${nonce}`,
  };
}
