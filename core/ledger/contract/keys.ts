/**
 * Every Redis key of the books, and what it holds. Names, types and member formats are open-ethereum-pool's (docs/ledger.md), so that its
 * modules read them unchanged. What ends in `Prefix` begins the names of a family. `ts` is Unix time in seconds, amounts are Shannon.
 * @param coin prefix of every key, as configured (`eth`)
 */
export function ledgerKeys(coin: string): LedgerKeys {
  const known = made.get(coin);
  if (known) return known;
  const keys = keysOf(coin);
  made.set(coin, keys);
  return keys;
}

/** By coin, of which a pool has one: they are asked for with every request. */
const made = new Map<string, LedgerKeys>();

function keysOf(coin: string) {
  const key = (...parts: readonly (string | number)[]) => [coin, ...parts].join(":");
  return {
    prefix: key(""),

    /** Hash: `<name>:name|height|difficulty|lastBeat` per node. */
    nodes: key("nodes"),
    /** Set of logins and IPs, kept by the operator. */
    blacklist: key("blacklist"),
    /** Set of IPs, kept by the operator. */
    whitelist: key("whitelist"),

    /** This pool's own. Set of logins that are in no list of the pool's. */
    hiddenLogins: key("hidden"),
    /** This pool's own. Set of logins that mine solo, where a solo upstream is configured. */
    soloLogins: key("solo"),
    /** This pool's own. Set of logins that have signed where they want to be told of their rigs and payments. */
    notifiedLogins: key("notified"),

    /** This pool's own. String: SHA-256 and name of the backup that the books are being made of; gone when they are whole. */
    restoring: key("restoring"),

    /** Sorted set of `nonce:powHash:mixDigest` by height: what was submitted in the last heights. */
    pow: key("pow"),
    /** Sorted set of `diff:login:id:ms` by ts. */
    hashrate: key("hashrate"),
    hashratePrefix: key("hashrate", ""),
    /** Sorted set of `diff:id:ms` by ts; it expires. */
    hashrateOf: (login: string) => key("hashrate", login),
    /** This pool's own. Hash login -> ts before which its entries in {@link hashrateOf} are sums of several shares. */
    folds: key("folds"),
    /** Hash: `roundShares`, `lastBlockFound`. */
    stats: key("stats"),
    minerPrefix: key("miners", ""),
    /** Hash: `lastShare`, `blocksFound`, `balance`, `immature`, `pending`, `paid`. */
    miner: (login: string) => key("miners", login),

    /** Hash login -> sum of share difficulties of the open round. */
    roundCurrent: key("shares", "roundCurrent"),
    /**
     * This pool's own, under pplns. List of `login:difficulty,...`, one element for shares that were written together, in the order in which
     * they were written: as much of it as a block may pay.
     */
    window: key("shares", "window"),
    roundPrefix: key("shares", "round"),
    /** Hash login -> share sum of the round that the block closed. @param nonce 0x-prefixed, as submitted */
    round: (height: number, nonce: string) => key("shares", `round${height}`, nonce),
    /** Sorted set login by blocks found. */
    finders: key("finders"),
    /** Sorted set of `nonce:powHash:mixDigest:ts:roundDiff:totalShares` by height. */
    candidates: key("blocks", "candidates"),
    /** Sorted set of `uncleHeight:orphan:nonce:blockHash:ts:diff:totalShares:rewardWei` by height, orphan 0 or 1. */
    immature: key("blocks", "immature"),
    /** As {@link immature}. */
    matured: key("blocks", "matured"),

    /** Hash: `balance`, `immature`, `pending`, `paid`, `totalMined`, `lastCreditHeight`, `lastCreditHash`. */
    finances: key("finances"),
    /** Sorted set of `blockHash:ts:rewardWei` by height. */
    creditsAll: key("credits", "all"),
    /** Hashes `credits:immature:<height>:<blockHash>`, login -> amount. */
    immatureCreditsPrefix: key("credits", "immature", ""),
    /** Hash login -> amount, while a block is immature. */
    immatureCredits: (height: number, hash: string) => key("credits", "immature", height, hash),
    /** Hash login -> amount of a matured block. */
    credits: (height: number, hash: string) => key("credits", height, hash),

    /** This pool's own. Hash `nonce:ts` -> the terms that a block was found under, JSON (core/payouts/block-terms.ts). */
    blockTerms: key("blocks", "terms"),
    /** This pool's own. Hash member -> plan of a block's move that takes several steps, JSON (core/payouts/block-move.ts). */
    blockMoves: key("unlocker", "moves"),
    /** This pool's own. Hash `<login>:immature|balance` -> amount that waits until the login's account can be written again. */
    owed: key("unlocker", "owed"),

    /** Sorted set of `txHash:login:amount` by ts. */
    payments: key("payments", "all"),
    /** Sorted set of `txHash:amount` by ts. */
    paymentsOf: (login: string) => key("payments", login),
    /** Sorted set of `login:amount` by ts. */
    pendingPayments: key("payments", "pending"),
    /** open-etc-pool's payer alone. Hashes: `login:amount` of a pending payment -> its nonce in decimal, and its transaction. */
    pendingNonces: key("payments", "pendingnonce"),
    pendingTransactions: key("payments", "pendingtx"),
    /** Hash of a miner's own settings: `payoutthreshold` in Shannon, and `nonce` and `notifications` (this pool's own) of its last signed changes. */
    settings: (login: string) => key("settings", login),
    /** String: who pays out of this ledger; of the reference's payer `login:amount`. */
    paymentsLock: key("payments", "lock"),
    /** This pool's own. Hash: id of a payment -> `debited|paid|balance:login:amount`, until the payment is final. */
    openPayments: key("payouts", "open"),
  };
}

export type LedgerKeys = ReturnType<typeof keysOf>;

/** Types by the rest of the key behind the coin; the first that matches counts. */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/^shares:window$/, "list"],
  [
    /^(nodes|stats|finances|folds|shares:.*|miners:.*|credits:(?!all$).*|blocks:terms|unlocker:.*|payouts:.*|settings:.*)$/,
    "hash",
  ],
  [/^(pow|hashrate|hashrate:.*|finders|blocks:(candidates|immature|matured)|credits:all)$/, "zset"],
  [/^payments:lock$/, "string"],
  [/^payments:pending(nonce|tx)$/, "hash"],
  [/^payments:.*$/, "zset"],
  [/^(blacklist|whitelist|hidden|solo|notified)$/, "set"],
];

/** @returns the Redis type that a key of the books must have, undefined for a key that is none of theirs */
export function typeOfKey(coin: string, key: string): string | undefined {
  return TYPES.find(([shape]) => shape.test(key.slice(coin.length + 1)))?.[1];
}
