/** Redis keys of the books. Names, types and member formats are open-ethereum-pool's (docs/ledger.md), so that its modules read them unchanged. */
export interface LedgerKeys {
  /** Hash: `<name>:name|height|difficulty|lastBeat` per node. */
  readonly nodes: string;
  /** Sorted set of `nonce:powHash:mixDigest` by height: what was submitted in the last heights. */
  readonly pow: string;
  /** Hash login -> sum of share difficulties of the open round. */
  readonly roundCurrent: string;
  /** Sorted set of `diff:login:id:ms` by Unix time in seconds. */
  readonly hashrate: string;
  /** Hash: `roundShares`, `lastBlockFound`. */
  readonly stats: string;
  /** Sorted set login by blocks found. */
  readonly finders: string;
  /** Sorted set of `nonce:powHash:mixDigest:ts:roundDiff:totalShares` by height. */
  readonly candidates: string;
  readonly blacklist: string;
  readonly whitelist: string;
  /** Sorted set of `diff:id:ms` by Unix time in seconds; it expires. */
  hashrateOf(login: string): string;
  /** Hash: `lastShare`, `blocksFound`, and the payouts module's balances. */
  miner(login: string): string;
  /** Hash login -> share sum of the round that the block closed. @param nonce 0x-prefixed, as submitted */
  round(height: number, nonce: string): string;
}

/** @param coin prefix of every key, as configured (`eth`) */
export function ledgerKeys(coin: string): LedgerKeys {
  return {
    nodes: `${coin}:nodes`,
    pow: `${coin}:pow`,
    roundCurrent: `${coin}:shares:roundCurrent`,
    hashrate: `${coin}:hashrate`,
    stats: `${coin}:stats`,
    finders: `${coin}:finders`,
    candidates: `${coin}:blocks:candidates`,
    blacklist: `${coin}:blacklist`,
    whitelist: `${coin}:whitelist`,
    hashrateOf: (login) => `${coin}:hashrate:${login}`,
    miner: (login) => `${coin}:miners:${login}`,
    round: (height, nonce) => `${coin}:shares:round${height}:${nonce}`,
  };
}
