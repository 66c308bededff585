import { ledgerKeys, type LedgerKeys } from "../ledger/contract/keys.ts";
import { RedisReplyError, type RedisCommand, type RedisPort } from "../ledger/contract/redis-port.ts";
import { creditsKey } from "./block-credits.ts";
import { blockEntries, nodeEntries, type BlockEntry } from "./entries.ts";
import { parseInteger } from "./json.ts";
import { asCount, asHash, asScored, asText, newest } from "./replies.ts";

/** What a login was credited for one block. */
interface RewardEntry {
  readonly height: number;
  readonly hash: string;
  /** When it was found, Unix time in seconds. */
  readonly timestamp: number | bigint;
  readonly uncle: boolean;
  /** Credited provisionally: the chain may yet drop it. */
  readonly immature: boolean;
  /** What the block brought, Wei, decimal. */
  readonly reward: string;
  /** Of it to the login, Shannon. */
  readonly amount: number | bigint;
}

/** Where a login's balance comes from. */
export interface AccountRewards {
  /** Shannon of the blocks that were found in the last day and week, provisional credits among them. */
  readonly rewards: { readonly "24h": number | bigint; readonly "7d": number | bigint };
  /** Every block found since then has been looked at, Unix time in seconds; older ones are not in `blocks`. 0: all there are. */
  readonly rewardsSince: number | bigint;
  /** Newest first, those with a credit. */
  readonly blocks: readonly RewardEntry[];
}

/** What must not be read anew after each restart: one command a block. It may be lost. */
export interface CreditStore {
  read(): unknown;
  write(kept: unknown): void;
}

/** Blocks that a login's credits are looked up for, of either list. */
const MOST_BLOCKS = 500;
/** Credits that one reading looks up; the next goes on. */
const BUDGET = 250;
const DAY_S = 86_400;

/**
 * A login's credits block by block. The books keep them by block, so that each is one command, once: a matured block's credits do not
 * change any more. A reading in which no block has moved costs 3 commands.
 */
export class RewardsReader {
  readonly #keys: LedgerKeys;
  readonly #login: string;
  readonly #store: CreditStore;
  /** Shannon, decimal, by list and block; empty for no credit. */
  #credits: Map<string, string>;
  #blocks: readonly ListedReward[] = [];
  #sizes = "";

  /** @param login lower-case `0x` address */
  constructor(coin: string, login: string, store: CreditStore) {
    this.#keys = ledgerKeys(coin);
    this.#login = login;
    this.#store = store;
    this.#credits = restored(store.read());
  }

  /** @returns the rewards, and what the nodes say on the way @throws RedisUnreachableError */
  async read(
    redis: RedisPort,
    nowS: number,
  ): Promise<AccountRewards & { readonly nodes: ReturnType<typeof nodeEntries> }> {
    const { immature, matured, nodes } = this.#keys;
    const [immatureCount, maturedCount, states] = await redis.pipeline([
      ["ZCARD", immature],
      ["ZCARD", matured],
      ["HGETALL", nodes],
    ]);
    const sizes = `${asCount(immatureCount)} ${asCount(maturedCount)}`;
    if (sizes !== this.#sizes) await this.#readLists(redis);
    this.#sizes = sizes;
    await this.#lookUp(redis);
    return { ...this.#summary(nowS), nodes: nodeEntries(asHash(states)) };
  }

  /** Every move of a block changes the size of a list: matured ones only grow. */
  async #readLists(redis: RedisPort): Promise<void> {
    const lists = [this.#keys.immature, this.#keys.matured].map((key) => newest(key, MOST_BLOCKS));
    const [immature, matured] = await redis.pipeline(lists);
    const listed = [
      ...rewardsOf(this.#keys, blockEntries(asScored(immature)), true),
      ...rewardsOf(this.#keys, blockEntries(asScored(matured)), false),
    ];
    this.#blocks = listed.toSorted((a, b) => b.height - a.height).slice(0, MOST_BLOCKS);
  }

  async #lookUp(redis: RedisPort): Promise<void> {
    const unknown = this.#blocks.filter(({ id }) => !this.#credits.has(id)).slice(0, BUDGET);
    if (unknown.length === 0) return;
    const replies = await redis.pipeline(unknown.map(({ key }): RedisCommand => ["HGET", key, this.#login]));
    for (const [i, { id }] of unknown.entries()) {
      const reply = replies[i];
      if (!(reply instanceof RedisReplyError)) this.#credits.set(id, asText(reply) ?? "");
    }
    const listed = new Set(this.#blocks.map(({ id }) => id));
    this.#credits = new Map([...this.#credits].filter(([id]) => listed.has(id)));
    this.#store.write({ v: 1, credits: [...this.#credits] });
  }

  #summary(nowS: number): AccountRewards {
    const missing = this.#blocks.findIndex(({ id }) => !this.#credits.has(id));
    const known = missing < 0 ? this.#blocks : this.#blocks.slice(0, missing);
    const blocks = known.flatMap(({ id, entry }) => {
      const amount = parseInteger(this.#credits.get(id)) ?? 0;
      return amount > 0 ? { ...entry, amount } : [];
    });
    const within = (seconds: number) => {
      let sum = 0n;
      for (const { timestamp, amount } of blocks) if (nowS - Number(timestamp) < seconds) sum += BigInt(amount);
      return parseInteger(sum.toString()) ?? 0;
    };
    const all = missing < 0 && this.#blocks.length < MOST_BLOCKS;
    return {
      rewards: { "24h": within(DAY_S), "7d": within(7 * DAY_S) },
      rewardsSince: all ? 0 : (known.at(-1)?.entry.timestamp ?? nowS),
      blocks,
    };
  }
}

interface ListedReward {
  /** Names the credit in what is kept: short, as there are hundreds. */
  readonly id: string;
  readonly height: number;
  /** Where the ledger has its credits. */
  readonly key: string;
  readonly entry: Omit<RewardEntry, "amount">;
}

function rewardsOf(keys: LedgerKeys, blocks: readonly BlockEntry[], immature: boolean): ListedReward[] {
  return blocks
    .filter(({ orphan }) => !orphan)
    .map((block) => {
      const { height, hash, timestamp, uncle, reward } = block;
      return {
        id: `${immature ? "i" : "m"}${height}${hash.slice(2, 12)}`,
        height,
        key: creditsKey(keys, block, immature),
        entry: { height, hash, timestamp, uncle, immature, reward },
      };
    });
}

/** @param kept what {@link CreditStore.write} was given, by whatever version */
function restored(kept: unknown): Map<string, string> {
  if (typeof kept !== "object" || kept === null || !("v" in kept) || kept.v !== 1 || !("credits" in kept))
    return new Map();
  const pairs = Array.isArray(kept.credits) ? kept.credits : [];
  return new Map(pairs.filter((pair): pair is [string, string] => isPair(pair)));
}

function isPair(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string");
}
