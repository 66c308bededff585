import { payoutThresholdOf } from "../accounts/settings-books.ts";
import { ledgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import type { PayoutProgress } from "../payouts/payer/payer-view.ts";
import { thresholdFor } from "../payouts/payer/planning.ts";
import { parsePercent } from "../payouts/revenue-split.ts";
import { SHANNON_WEI } from "../payouts/reward-schedule.ts";
import type { PoolConfig } from "../pool-config.ts";
import type { SessionFigures } from "./account-history.ts";
import { RewardsReader, type AccountRewards, type CreditStore } from "./account-rewards.ts";
import { AccountStats, type AccountSnapshot, type WorkerEntry } from "./account-stats.ts";
import { seconds } from "./api-config.ts";
import { Cached } from "./cached.ts";
import { csv, isoTime } from "./csv.ts";
import { emptyRecord, encodeJson, parseInteger } from "./json.ts";
import { bestNode, nextReward } from "./network.ts";
import { accountPayoutBody } from "./payouts-view.ts";
import { feeOf } from "./pool-facts.ts";
import type { DatedBody } from "./pool-routes.ts";

/** Hashrate entries that one reading may catch up with beyond its first page. */
const BUDGET = 40_000;

/** What moves slowly is asked for once a minute: credits move when a block does, and programs report their hashrate once a minute. */
const SLOW_MS = 60_000;

const NO_FIGURES: SessionFigures = { charts: [], reported: [] };
const DAY_S = 86_400n;

/** What is paid moves every 15 seconds. */
const PAYOUT_MS = 15_000;

/** `/api/accounts/<login>`: the reference's members, and what this pool says beyond them. */
export interface AccountBody extends Omit<AccountSnapshot, "workers">, Pick<SessionFigures, "charts"> {
  readonly workers: Readonly<Record<string, WorkerEntry & { readonly reportedHashrate?: number }>>;
  /** Part of the open round, 0 to 1. */
  readonly roundShare: number;
  /** Since when the hashrates are counted, Unix seconds: the first share in the large window; 0 where there is none. */
  readonly firstShare: number;
  /** What the workers say they do, together, hashes per second; null where none says anything. */
  readonly reportedHashrate: number | null;
  /** As {@link AccountRewards}; null where they have not been read. */
  readonly rewards: AccountRewards["rewards"] | null;
  readonly rewardsSince: AccountRewards["rewardsSince"] | null;
  /** Shannon a day on average at `currentHashrate`, at the present difficulty, less the pool's fee; null where that is not known. */
  readonly estimatePerDay: number | bigint | null;
}

/** `/api/accounts/<login>/rewards`. */
export interface AccountRewardsBody extends AccountRewards {
  /** What the account has of all its credits, Shannon: `balance`, `immature`, `pending` and `paid`. */
  readonly stats: AccountSnapshot["stats"];
}

/** What of a login can be asked for. */
export const ACCOUNT_ROUTES = ["account", "payments.csv", "rewards", "rewards.csv", "payout"] as const;
export type AccountRoute = (typeof ACCOUNT_ROUTES)[number];

/** What the view asks of the rest of the pool. */
export interface AccountViewDeps {
  readonly redis: RedisPort;
  readonly store: CreditStore;
  /** Asks the object of the login's sessions. */
  readonly session: () => Promise<SessionFigures>;
  /** Asks the payer what it has paid to the login; null while payments are switched off. */
  readonly payout: () => Promise<PayoutProgress | null>;
}

interface Reading {
  readonly account: AccountSnapshot;
  readonly roundShare: number;
  readonly firstShare: number;
  readonly atMs: number;
}

interface Payout {
  readonly progress: PayoutProgress;
  /** Shannon. */
  readonly threshold: bigint;
}

interface Slow {
  readonly figures: SessionFigures;
  readonly rewards: Awaited<ReturnType<RewardsReader["read"]>> | null;
}

/** One login's account as the API shows it, read from the ledger at most once per `statsCollectInterval`. */
export class AccountView {
  readonly #config: PoolConfig;
  readonly #deps: AccountViewDeps;
  readonly #readings: Cached<Reading | null>;
  readonly #rewards: RewardsReader;
  readonly #slow: Cached<Slow>;
  readonly #payout: Cached<Payout | null>;

  /** @param login lower-case `0x` address */
  constructor(config: PoolConfig, login: string, deps: AccountViewDeps) {
    this.#config = config;
    this.#deps = deps;
    const stats = new AccountStats(config, login);
    this.#readings = new Cached(async (nowMs) => {
      const { account, roundShare, firstShare } = await stats.read(deps.redis, nowMs, BUDGET);
      return account && { account, roundShare, firstShare, atMs: nowMs };
    }, config.api.statsCollectIntervalMs);
    this.#rewards = new RewardsReader(config.coin, login, deps.store);
    this.#slow = new Cached((nowMs) => this.#readSlow(nowMs), SLOW_MS);
    this.#payout = new Cached(() => this.#readPayout(login), PAYOUT_MS);
  }

  /**
   * Null for a login that the ledger does not know. The last one where the ledger cannot be asked.
   * @throws RedisUnreachableError when there is no last one either
   */
  async body(nowMs: number, route: AccountRoute = "account"): Promise<DatedBody | null> {
    const reading = await this.#latest(nowMs);
    if (reading === null) return null;
    if (route === "payout") return await this.#payoutBody(reading, nowMs);
    const body =
      route === "payments.csv"
        ? paymentTable(reading.account)
        : this.#encode(route, reading, await this.#slow.get(nowMs));
    return { body, atMs: reading.atMs };
  }

  /** Null where this pool pays nobody itself. */
  async #payoutBody({ account, atMs }: Reading, nowMs: number): Promise<DatedBody | null> {
    const payout = await this.#payout.get(nowMs);
    if (payout === null) return null;
    const { rewards } = await this.#slow.get(nowMs);
    const estimate = rewards && this.#estimate(account.currentHashrate, rewards.nodes);
    const body = accountPayoutBody(payout.progress, {
      balance: BigInt(account.stats["balance"] ?? 0),
      threshold: payout.threshold,
      estimatePerDay: estimate === null ? null : BigInt(estimate),
      nowS: seconds(nowMs),
    });
    return { body: encodeJson(body), atMs };
  }

  /** One command. */
  async #readPayout(login: string): Promise<Payout | null> {
    const { payer, coin } = this.#config;
    if (payer === null) return null;
    const key = ledgerKeys(coin).settings(login);
    const [progress, own] = await Promise.all([
      this.#deps.payout(),
      this.#deps.redis.command(["HGET", key, "payoutthreshold"]),
    ]);
    return progress && { progress, threshold: thresholdFor(payoutThresholdOf(own), payer.settings.threshold) };
  }

  async #latest(nowMs: number) {
    try {
      return await this.#readings.get(nowMs);
    } catch (error) {
      if (this.#readings.last !== null) return this.#readings.last;
      throw error;
    }
  }

  /** Neither part may keep the account from being shown: what cannot be had is as it was. */
  async #readSlow(nowMs: number): Promise<Slow> {
    const last = this.#slow.last;
    const [figures, rewards] = await Promise.allSettled([
      this.#deps.session(),
      this.#rewards.read(this.#deps.redis, seconds(nowMs)),
    ]);
    return {
      figures: figures.status === "fulfilled" ? figures.value : (last?.figures ?? NO_FIGURES),
      rewards: rewards.status === "fulfilled" ? rewards.value : (last?.rewards ?? null),
    };
  }

  #encode(route: Exclude<AccountRoute, "payments.csv" | "payout">, reading: Reading, slow: Slow): string {
    switch (route) {
      case "account":
        return encodeJson(this.#account(reading, slow));
      case "rewards":
        return encodeJson({ ...readRewards(slow), stats: reading.account.stats } satisfies AccountRewardsBody);
      case "rewards.csv":
        return csv(
          ["height", "found", "state", "uncle", "blockRewardWei", "amountShannon", "hash"],
          readRewards(slow).blocks.map(({ height, timestamp, immature, uncle, reward, amount, hash }) => {
            const state = immature ? "immature" : "matured";
            return [height, isoTime(timestamp), state, uncle, reward, amount, hash];
          }),
        );
    }
  }

  #account({ account, roundShare, firstShare }: Reading, { figures, rewards }: Slow): AccountBody {
    const reported = new Map(figures.reported.map(({ worker, rate }) => [worker, rate]));
    const workers = emptyRecord<AccountBody["workers"][string]>();
    for (const [name, worker] of Object.entries(account.workers)) {
      const rate = reported.get(name);
      workers[name] = rate === undefined ? worker : { ...worker, reportedHashrate: rate };
    }
    return {
      charts: figures.charts,
      ...account,
      workers,
      roundShare,
      firstShare,
      reportedHashrate: reported.size === 0 ? null : [...reported.values()].reduce((sum, rate) => sum + rate, 0),
      rewards: rewards?.rewards ?? null,
      rewardsSince: rewards?.rewardsSince ?? null,
      estimatePerDay: rewards && this.#estimate(account.currentHashrate, rewards.nodes),
    };
  }

  #estimate(hashrate: number, nodes: Parameters<typeof bestNode>[0]): number | bigint | null {
    const { height, difficulty } = bestNode(nodes);
    const { chain, unlocker } = this.#config;
    const reward = nextReward(chain.name, unlocker?.rules ?? null, height);
    // Of a pool that does not say what it keeps, nothing is promised.
    const fee = parsePercent(feeOf(this.#config) ?? "");
    if (reward === null || !fee || BigInt(difficulty) <= 0n) return null;
    const hashes = BigInt(Math.trunc(hashrate)) * DAY_S;
    const shannon =
      (hashes * reward * (fee.denominator - fee.numerator)) / (BigInt(difficulty) * fee.denominator * SHANNON_WEI);
    return parseInteger(shannon.toString());
  }
}

function paymentTable({ payments }: AccountSnapshot): string {
  return csv(
    ["paid", "amountShannon", "tx"],
    payments.map(({ timestamp, amount, tx }) => [isoTime(timestamp), amount, tx]),
  );
}

/** @throws Error where they have never been read: no list at all is better than an empty one */
function readRewards({ rewards }: Slow): AccountRewards {
  if (rewards === null) throw new Error("the credits could not be read");
  const { nodes: _, ...known } = rewards;
  return known;
}
