import { ledgerKeys, type LedgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { FOLD_EVERY } from "../ledger/write-path/hashrate-folds.ts";
import { hashrate, isOffline, seconds, type ApiConfig } from "./api-config.ts";
import { effortOf, paymentEntries, type PaymentEntry } from "./entries.ts";
import { HashrateWindow } from "./hashrate-window.ts";
import { emptyRecord, parseInteger } from "./json.ts";
import { countingPort, type MinerEntry } from "./pool-stats.ts";
import { asCount, asHash, asScored, asStatistics, asText, newest } from "./replies.ts";

/** A worker in `/api/accounts/<login>`. */
export interface WorkerEntry extends MinerEntry {
  /** Hashes per second over the large window. */
  readonly hr2: number;
}

/** The body of `/api/accounts/<login>`, in the reference's shape. */
export interface AccountSnapshot {
  /** Hashes per second over the small window, all workers. */
  readonly currentHashrate: number;
  /** Hashes per second over the large window, all workers. */
  readonly hashrate: number;
  readonly pageSize: number;
  readonly payments: readonly PaymentEntry[];
  readonly paymentsTotal: number;
  readonly roundShares: number | bigint;
  readonly stats: Readonly<Record<string, number | bigint | string>>;
  readonly workers: Readonly<Record<string, WorkerEntry>>;
  readonly workersOffline: number;
  readonly workersOnline: number;
  readonly workersTotal: number;
}

/** Seconds of a bucket of one login's hashrate window, which is six times longer than the pool's. */
const BUCKET_S = 60;

/** Reads one login's account from the ledger: 7 to 9 commands, whatever the number of shares kept. */
export class AccountStats {
  readonly #config: ApiConfig;
  readonly #keys: LedgerKeys;
  readonly #login: string;
  readonly #window: HashrateWindow;

  /** @param login lower-case `0x` address */
  constructor(config: ApiConfig, login: string) {
    this.#config = config;
    this.#login = login;
    this.#keys = ledgerKeys(config.coin);
    this.#window = new HashrateWindow({
      key: this.#keys.hashrateOf(login),
      smallWindowS: seconds(config.api.hashrateWindowMs),
      largeWindowS: Math.max(seconds(config.api.hashrateLargeWindowMs), seconds(config.api.hashrateWindowMs)),
      bucketS: BUCKET_S,
      sums: { key: this.#keys.folds, field: login, from: FOLD_EVERY, afterS: seconds(config.api.hashrateWindowMs) },
    });
  }

  /**
   * @param budget hashrate entries to read at most beyond the first page
   * @returns null when the ledger does not know the login; `roundShare`: its part of the open round, 0 to 1; `firstShare`: since when its hashrates
   * are counted, Unix seconds, 0 where there is no share in the window
   * @throws RedisUnreachableError
   */
  async read(
    redis: RedisPort,
    nowMs: number,
    budget: number,
  ): Promise<{
    readonly account: AccountSnapshot | null;
    readonly roundShare: number;
    readonly firstShare: number;
    readonly commands: number;
  }> {
    const counting = countingPort(redis);
    const nowS = seconds(nowMs);
    const plan = this.#window.plan(nowS);
    const pageSize = this.#config.api.payments;
    const [miner, payments, paymentsTotal, roundShares, roundTotal, ...windowReplies] = await counting.port.pipeline([
      ["HGETALL", this.#keys.miner(this.#login)],
      newest(this.#keys.paymentsOf(this.#login), pageSize),
      ["ZCARD", this.#keys.paymentsOf(this.#login)],
      ["HGET", this.#keys.roundCurrent, this.#login],
      ["HGET", this.#keys.stats, "roundShares"],
      ...plan.commands,
    ]);
    const stats = asHash(miner);
    const shares = parseInteger(asText(roundShares) ?? undefined) ?? 0;
    // Of one moment: with the total of another reading, after a block, a part would be more than the whole.
    const roundShare = Math.min(1, effortOf(shares, parseInteger(asText(roundTotal) ?? undefined) ?? 0));
    if (stats.size === 0) return { account: null, roundShare, firstShare: 0, commands: counting.count() };
    await this.#window.absorb(plan, windowReplies, counting.port, nowS, budget);
    const { currentHashrate, hashrate: total, firstShare, ...workers } = this.#workers(nowS);
    const account = {
      currentHashrate,
      hashrate: total,
      pageSize,
      payments: paymentEntries(asScored(payments)),
      paymentsTotal: asCount(paymentsTotal),
      roundShares: shares,
      stats: asStatistics(stats),
      ...workers,
    };
    return { account, roundShare, firstShare, commands: counting.count() };
  }

  #workers(nowS: number) {
    const smallS = seconds(this.#config.api.hashrateWindowMs);
    const largeS = Math.max(seconds(this.#config.api.hashrateLargeWindowMs), smallS);
    const coveredS = this.#window.coveredS(nowS);
    const workers = emptyRecord<WorkerEntry>();
    const sums = { currentHashrate: 0, hashrate: 0, workers, workersOffline: 0, workersOnline: 0, workersTotal: 0 };
    const activities = [...this.#window.activities(nowS)].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const firstShare = activities.reduce((least, [, { firstTs }]) => Math.min(least, firstTs), Infinity);
    for (const [id, { smallSum, largeSum, firstTs, lastTs }] of activities) {
      // As in the reference, both windows count from the first share in the large one.
      const hr = hashrate(smallSum, firstTs, nowS, smallS, coveredS);
      const hr2 = hashrate(largeSum, firstTs, nowS, largeS, coveredS);
      const offline = isOffline(lastTs, nowS, smallS);
      workers[id] = { lastBeat: lastTs, hr, offline, hr2 };
      sums.currentHashrate += hr;
      sums.hashrate += hr2;
      sums[offline ? "workersOffline" : "workersOnline"] += 1;
      sums.workersTotal += 1;
    }
    return { ...sums, firstShare: activities.length === 0 ? 0 : firstShare };
  }
}
