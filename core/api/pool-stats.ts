import { ledgerKeys, type LedgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { COMMON_FOLD } from "../ledger/write-path/hashrate-folds.ts";
import { hashrate, isOffline, seconds, type ApiConfig } from "./api-config.ts";
import { decodeTerms, type BlockTerms } from "../payouts/block-terms.ts";
import {
  blockEntries,
  blockIds,
  candidateEntries,
  candidateIds,
  luckWindows,
  nodeEntries,
  paymentEntries,
  withoutHidden,
  type BlockEntry,
  type Luck,
  type PaymentEntry,
  type TermsById,
} from "./entries.ts";
import type { Activity } from "./hashrate-buckets.ts";
import { HashrateWindow } from "./hashrate-window.ts";
import { emptyRecord } from "./json.ts";
import { asCount, asHash, asList, asScored, asStatistics, newest } from "./replies.ts";

/** A login in `/api/miners`. */
export interface MinerEntry {
  /** Last share, Unix time in seconds. */
  readonly lastBeat: number;
  /** Hashes per second over the small window. */
  readonly hr: number;
  readonly offline: boolean;
}

/** The lists of the ledger that only change when a block or a payment does. */
interface Books {
  readonly candidates: readonly BlockEntry[];
  readonly immature: readonly BlockEntry[];
  readonly matured: readonly BlockEntry[];
  readonly payments: readonly PaymentEntry[];
  readonly luck: Readonly<Record<string, Luck>>;
  /** Logins that want to be in no list. */
  readonly hidden: ReadonlySet<string>;
}

/** Everything that the pool's routes show, read from the ledger at one moment. */
export interface PoolSnapshot extends Books {
  readonly takenAtMs: number;
  readonly nodes: readonly Readonly<Record<string, string>>[];
  readonly stats: Readonly<Record<string, number | bigint | string>>;
  readonly miners: Readonly<Record<string, MinerEntry>>;
  readonly minersTotal: number;
  readonly minersOnline: number;
  /** Workers of all logins with a share in the small window, and those of them that are online. */
  readonly workersTotal: number;
  readonly workersOnline: number;
  readonly hashrate: number;
  /** First share in the small window, Unix time in seconds; 0 without one. */
  readonly firstShare: number;
  readonly candidatesTotal: number;
  readonly immatureTotal: number;
  readonly maturedTotal: number;
  readonly paymentsTotal: number;
  /** Shares of the window, as far as it is known. */
  readonly sharesKept: number;
  /** Commands that reading it took. */
  readonly commands: number;
}

/** Candidates and immature blocks shown at most, newest first; the totals count all of them. Without an unlocker they would only grow. */
const MAX_OPEN_BLOCKS = 1000;

/** The books are read again at least this often, even if nothing seems to have changed: an operator may have edited them. */
const BOOKS_MAX_AGE_MS = 60_000;

/** Seconds of a bucket of the pool's hashrate window. */
const BUCKET_S = 20;

const NO_BOOKS: Books = { candidates: [], immature: [], matured: [], payments: [], luck: {}, hidden: new Set() };

/** What the routes show while there is nothing to show. */
export const EMPTY_SNAPSHOT: PoolSnapshot = {
  ...NO_BOOKS,
  takenAtMs: 0,
  nodes: [],
  stats: {},
  miners: {},
  minersTotal: 0,
  minersOnline: 0,
  workersTotal: 0,
  workersOnline: 0,
  hashrate: 0,
  firstShare: 0,
  candidatesTotal: 0,
  immatureTotal: 0,
  maturedTotal: 0,
  paymentsTotal: 0,
  sharesKept: 0,
  commands: 0,
};

/**
 * Reads the pool's statistics from the ledger. A reading costs 8 or 9 commands (at most 6 more after a block or payment), whatever the
 * number of miners, of shares kept and of blocks: the hashrate window is kept folded (see {@link HashrateWindow}), and the lists of
 * blocks and payments are read again only when their sizes changed. Every move of a block changes a size, as matured blocks only grow.
 */
export class PoolStats {
  readonly #config: ApiConfig;
  readonly #keys: LedgerKeys;
  readonly #window: HashrateWindow;
  #books = NO_BOOKS;
  #booksSizes = "";
  #booksReadAtMs = Number.NEGATIVE_INFINITY;

  constructor(config: ApiConfig) {
    this.#config = config;
    const windowS = seconds(config.api.hashrateWindowMs);
    this.#keys = ledgerKeys(config.coin);
    this.#window = new HashrateWindow({
      key: this.#keys.hashrate,
      smallWindowS: windowS,
      largeWindowS: windowS,
      bucketS: BUCKET_S,
      sums: {
        key: this.#keys.folds,
        field: COMMON_FOLD.name,
        from: COMMON_FOLD.entries / 4,
        afterS: COMMON_FOLD.afterMs / 1000,
      },
    });
  }

  /**
   * @param budget hashrate entries to read at most beyond the first page
   * @throws RedisUnreachableError
   */
  async read(redis: RedisPort, nowMs: number, budget: number): Promise<PoolSnapshot> {
    const counting = countingPort(redis);
    const nowS = seconds(nowMs);
    const plan = this.#window.plan(nowS);
    const keys = this.#keys;
    const [nodes, stats, candidates, immature, matured, payments, ...windowReplies] = await counting.port.pipeline([
      ["HGETALL", keys.nodes],
      ["HGETALL", keys.stats],
      ["ZCARD", keys.candidates],
      ["ZCARD", keys.immature],
      ["ZCARD", keys.matured],
      ["ZCARD", keys.payments],
      ...plan.commands,
    ]);
    const sizes = [candidates, immature, matured, payments].map((reply) => asCount(reply));
    await this.#readBooks(counting.port, sizes.join(), nowMs);
    await this.#window.absorb(plan, windowReplies, counting.port, nowS, budget);
    const [candidatesTotal = 0, immatureTotal = 0, maturedTotal = 0, paymentsTotal = 0] = sizes;
    return {
      ...this.#books,
      ...this.#miners(nowS),
      candidatesTotal,
      immatureTotal,
      maturedTotal,
      paymentsTotal,
      sharesKept: this.#window.size,
      takenAtMs: nowMs,
      nodes: nodeEntries(asHash(nodes)),
      stats: asStatistics(asHash(stats)),
      commands: counting.count(),
    };
  }

  async #readBooks(redis: RedisPort, sizes: string, nowMs: number): Promise<void> {
    if (sizes === this.#booksSizes && nowMs - this.#booksReadAtMs < BOOKS_MAX_AGE_MS) return;
    const { blocks, payments, luckWindows: windows } = this.#config.api;
    const keys = this.#keys;
    // Luck looks back further than the list of matured blocks may show.
    const maturedCount = Math.max(blocks, ...windows);
    const [candidateList, immatureList, maturedList, paymentList, hiddenLogins] = await redis.pipeline([
      newest(keys.candidates, MAX_OPEN_BLOCKS),
      newest(keys.immature, MAX_OPEN_BLOCKS),
      newest(keys.matured, maturedCount),
      newest(keys.payments, payments),
      ["SMEMBERS", keys.hiddenLogins],
    ]);
    const hidden = new Set(asList(hiddenLogins).map(String));
    const shown = (list: readonly BlockEntry[]) => list.map((block) => withoutHidden(block, hidden));
    const lists = [asScored(candidateList), asScored(immatureList), asScored(maturedList)] as const;
    const terms = await this.#readTerms(redis, [
      ...candidateIds(lists[0]),
      ...blockIds(lists[1]),
      ...blockIds(lists[2].slice(0, blocks)),
    ]);
    const immature = shown(blockEntries(lists[1], terms));
    const matured = shown(blockEntries(lists[2], terms));
    this.#books = {
      candidates: shown(candidateEntries(lists[0], terms)),
      immature,
      matured: matured.slice(0, blocks),
      payments: paymentEntries(asScored(paymentList)).filter(({ address = "" }) => !hidden.has(address)),
      hidden,
      luck: windows.length === 0 ? {} : luckWindows([...immature, ...matured], windows),
    };
    this.#booksSizes = sizes;
    this.#booksReadAtMs = nowMs;
  }

  /** What the blocks that are shown were found under; one command, and none without a block. */
  async #readTerms(redis: RedisPort, ids: readonly string[]): Promise<TermsById> {
    const found = new Map<string, BlockTerms>();
    const [first, ...others] = ids;
    if (first === undefined) return found;
    const [reply] = await redis.pipeline([["HMGET", this.#keys.blockTerms, first, ...others]]);
    for (const [i, text] of asList(reply).entries()) {
      const terms = typeof text === "string" ? decodeTerms(text) : null;
      if (terms !== null) found.set(ids[i] ?? "", terms);
    }
    return found;
  }

  #miners(nowS: number): Pick<PoolSnapshot, keyof ReturnType<typeof minersOf>> {
    const windowS = seconds(this.#config.api.hashrateWindowMs);
    const { hidden } = this.#books;
    return minersOf(this.#window.activities(nowS), { nowS, windowS, coveredS: this.#window.coveredS(nowS), hidden });
  }
}

interface MinersTerms {
  readonly nowS: number;
  readonly windowS: number;
  readonly coveredS: number;
  readonly hidden: ReadonlySet<string>;
}

/** Adds the workers of the window up by login. Hidden ones count, and are not named. */
function minersOf(workers: ReadonlyMap<string, Activity>, { nowS, windowS, coveredS, hidden }: MinersTerms) {
  const logins = new Map<string, Activity>();
  let workersOnline = 0;
  for (const [name, worker] of workers) {
    const login = name.split(":", 1)[0] ?? "";
    if (!isOffline(worker.lastTs, nowS, windowS)) workersOnline += 1;
    const sum = logins.get(login);
    if (!sum) logins.set(login, { ...worker });
    else {
      sum.smallSum += worker.smallSum;
      sum.firstTs = Math.min(sum.firstTs, worker.firstTs);
      sum.lastTs = Math.max(sum.lastTs, worker.lastTs);
    }
  }
  const miners = emptyRecord<MinerEntry>();
  let total = 0;
  let minersOnline = 0;
  let firstShare = 0;
  for (const [login, { smallSum, firstTs, lastTs }] of [...logins].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const hr = hashrate(smallSum, firstTs, nowS, windowS, coveredS);
    const offline = isOffline(lastTs, nowS, windowS);
    if (!hidden.has(login)) miners[login] = { lastBeat: lastTs, hr, offline };
    total += hr;
    firstShare = firstShare === 0 ? firstTs : Math.min(firstShare, firstTs);
    if (!offline) minersOnline += 1;
  }
  const workersTotal = workers.size;
  return { miners, minersTotal: logins.size, minersOnline, workersTotal, workersOnline, hashrate: total, firstShare };
}

/** Counts the commands that go through a port: what Upstash bills. */
export function countingPort(redis: RedisPort): { readonly port: RedisPort; count(): number } {
  let count = 0;
  const port: RedisPort = {
    command: (command) => ((count += 1), redis.command(command)),
    pipeline: (commands) => ((count += commands.length), redis.pipeline(commands)),
  };
  return { port, count: () => count };
}
