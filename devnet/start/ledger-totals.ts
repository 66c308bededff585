import { Redis } from "@upstash/redis";
import { ledgerKeys, type LedgerKeys } from "../../core/ledger/contract/keys.ts";

/** What the books say now. Sums of difficulties, in hashes. */
export interface LedgerTotals {
  /** Difficulty credited in the open round. */
  readonly roundTotal: bigint;
  /** Members of `blocks:candidates`. */
  readonly candidates: number;
  /** Difficulty credited in the rounds that those candidates closed, as their entries state it. */
  readonly closedTotal: bigint;
}

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
    });
  }

  /** @throws what the client throws when the ledger does not answer */
  async totals(): Promise<LedgerTotals> {
    const [round, candidates] = await this.#redis
      .pipeline()
      .hvals(this.#keys.roundCurrent)
      .zrange<string[]>(this.#keys.candidates, 0, -1)
      .exec<[string[], string[]]>();
    return {
      roundTotal: sum(round),
      candidates: candidates.length,
      // nonce:powHash:mixDigest:ts:roundDiff:totalShares
      closedTotal: sum(candidates.map((member) => member.split(":")[5] ?? "0")),
    };
  }
}

const sum = (decimals: readonly string[]): bigint => decimals.reduce((total, text) => total + BigInt(text), 0n);
