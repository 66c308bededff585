import { Redis } from "@upstash/redis";
import { ledgerKeys, type LedgerKeys } from "../../core/ledger/contract/keys.ts";

/** What the books say now. Sums of difficulties in hashes, of money in Shannon. */
export interface LedgerTotals {
  /** Difficulty credited in the open round. */
  readonly roundTotal: bigint;
  /** Members of the lists of blocks. An orphan is one in either of the last two. */
  readonly candidates: number;
  readonly immature: number;
  readonly matured: number;
  readonly orphans: number;
  /** Difficulty credited in the rounds that all these blocks closed; the round of an orphan that matured is in the open round again. */
  readonly closedTotal: bigint;
  /** Of all logins. */
  readonly immatureShannon: bigint;
  readonly balanceShannon: bigint;
  /** Sent to wallets, and settled. */
  readonly paidShannon: bigint;
}

/** Blocks in all three lists. */
export const blocksIn = ({ candidates, immature, matured }: LedgerTotals): number => candidates + immature + matured;

/** Reads totals with the stock Upstash client, as any program beside the pool would. */
export class LedgerReader {
  readonly #redis: Redis;
  readonly #keys: LedgerKeys;

  /**
   * @param endpoint Upstash REST endpoint: Upstash itself, or the pool's `/redis`
   * @param coin prefix of the keys
   */
  constructor(endpoint: { readonly url: string; readonly token: string }, coin: string) {
    this.#keys = ledgerKeys(coin);
    this.#redis = new Redis({
      ...endpoint,
      automaticDeserialization: false,
      enableAutoPipelining: false,
      enableTelemetry: false,
      // It is read again in a second anyway, and a retry would outlive the pool.
      retry: false,
    });
  }

  /** @throws what the client throws when the ledger does not answer */
  async totals(): Promise<LedgerTotals> {
    const keys = this.#keys;
    const [round, candidates, immature, matured, immatureShannon, balanceShannon, paidShannon] = await this.#redis
      .pipeline()
      .hvals(keys.roundCurrent)
      .zrange<string[]>(keys.candidates, 0, -1)
      .zrange<string[]>(keys.immature, 0, -1)
      .zrange<string[]>(keys.matured, 0, -1)
      .hget(keys.finances, "immature")
      .hget(keys.finances, "balance")
      .hget(keys.finances, "paid")
      .exec<[string[], string[], string[], string[], string | null, string | null, string | null]>();
    const kept = matured.filter((member) => !isOrphan(member));
    return {
      roundTotal: sum(round),
      candidates: candidates.length,
      immature: immature.length,
      matured: matured.length,
      orphans: [...immature, ...matured].filter(isOrphan).length,
      // nonce:powHash:mixDigest:ts:roundDiff:totalShares, and uncleHeight:orphan:nonce:blockHash:ts:diff:totalShares:rewardWei
      closedTotal: sum(parts(candidates, 5)) + sum(parts([...immature, ...kept], 6)),
      immatureShannon: BigInt(immatureShannon ?? 0),
      balanceShannon: BigInt(balanceShannon ?? 0),
      paidShannon: BigInt(paidShannon ?? 0),
    };
  }
}

const isOrphan = (member: string): boolean => member.split(":")[1] === "1";
const parts = (members: readonly string[], at: number): string[] =>
  members.map((member) => member.split(":")[at] ?? "0");
const sum = (decimals: readonly string[]): bigint => decimals.reduce((total, text) => total + BigInt(text), 0n);
