import { ledgerKeys, type LedgerKeys } from "../contract/keys.ts";
import { blockId, parseCandidate } from "../../payouts/block-members.ts";
import { evidenceMs, renewalMs } from "./evidence.ts";
import { explainRefusal } from "./explain-refusal.ts";
import { foldedUntilMs, HashrateFolds } from "./hashrate-folds.ts";
import { checkBlock, checkRecord, LedgerRecordError } from "../contract/record-check.ts";
import type { BlockRecord, LedgerWriter, RecordOutcome, RefusalCause, ShareRecord } from "../contract/records.ts";
import { RedisReplyError, RedisUnreachableError, type RedisPort, type RedisValue } from "../contract/redis-port.ts";
import { FOLD_HASHRATE, RECORD_BLOCK, RECORD_SHARES } from "../contract/scripts/embedded.ts";
import { OUTCOME_CODES, POW_HEIGHTS, type LedgerScript } from "../contract/scripts/script.ts";

/** Most shares of one batch: Lua's `unpack` ends at about 8,000 values, and a ZADD takes two a share. */
export const MAX_BATCH = 2000;

const NONE_LATE: ReadonlySet<ShareRecord> = new Set();

export interface LedgerWriterOptions {
  readonly redis: RedisPort;
  /** Prefix of every key. */
  readonly coin: string;
  /** Life of a login's hashrate entries, and with it of the evidence that a share was written. */
  readonly hashrateExpirationMs: number;
  /** Entries older than this are purged; not before they expire where it is left out. */
  readonly hashrateLargeWindowMs?: number;
  /** Entries of a large login older than this are summed up; left out: none are. */
  readonly foldAfterMs?: number;
  /** What is shown of the entries of all logins; left out: cron alone purges them. */
  readonly hashrateWindowMs?: number;
  /** Unix time in ms. */
  readonly nowMs: () => number;
  /** The terms that a block is found under, as text; null, or left out, where nobody is credited by this pool. */
  readonly blockTerms?: (block: BlockRecord) => string | null;
  /** Under `pplns`, the difficulty that a block pays; null, or left out, under `prop`. */
  readonly window?: ((block: BlockRecord) => bigint) | null;
  /** Some blocks may be solo work, which closes no round. */
  readonly soloBlocks?: boolean;
}

/** The scripts add in two halves of 14 digits. */
const WIDEST_WINDOW = 10n ** 27n;

/** The write side of the ledger over any {@link RedisPort}: both scripts, and the bookkeeping that keeps sweeps and expirations rare. */
export function createLedgerWriter(options: LedgerWriterOptions): LedgerWriter {
  return new ScriptedLedgerWriter(options);
}

class ScriptedLedgerWriter implements LedgerWriter {
  billedCommands = 0;
  serverChanges = 0;
  readonly #redis: RedisPort;
  readonly #keys: LedgerKeys;
  readonly #nowMs: () => number;
  readonly #blockTerms: (block: BlockRecord) => string | null;
  readonly #window: ((block: BlockRecord) => bigint) | null;
  readonly #soloBlocks: boolean;
  readonly #expirationMs: number;
  readonly #refreshMs: number;
  readonly #evidenceMs: number;
  #workHeight = Infinity;
  readonly #folds: HashrateFolds;
  /** Height up to which `pow` has been swept by this writer. */
  #sweptHeight = -1;
  /** Login -> when its hashrate key's expiration was last renewed. */
  readonly #renewed = new Map<string, number>();
  /** Scripts that the server has run. */
  readonly #ran = new Set<LedgerScript>();

  constructor(options: LedgerWriterOptions) {
    this.#redis = options.redis;
    this.#keys = ledgerKeys(options.coin);
    this.#nowMs = options.nowMs;
    this.#blockTerms = options.blockTerms ?? (() => null);
    this.#window = options.window ?? null;
    this.#soloBlocks = options.soloBlocks ?? false;
    this.#expirationMs = options.hashrateExpirationMs;
    this.#refreshMs = renewalMs(options.hashrateExpirationMs);
    this.#folds = new HashrateFolds(options.foldAfterMs ?? Infinity, options.hashrateWindowMs ?? Infinity);
    this.#evidenceMs = evidenceMs({ hashrateLargeWindowMs: Infinity, ...options });
  }

  async recordShares(
    batch: readonly ShareRecord[],
    retry: boolean,
    late: ReadonlySet<ShareRecord> = NONE_LATE,
  ): Promise<RecordOutcome[]> {
    if (batch.length === 0) return [];
    if (batch.length > MAX_BATCH)
      throw new LedgerRecordError(`batch: ${batch.length} shares, at most ${MAX_BATCH} fit one request`);
    for (const share of batch) checkRecord(share);
    const now = this.#nowMs();
    const sweepHeight = retry ? null : this.#dueSweep(Math.min(...batch.map((share) => share.height)));
    const logins = [...new Set(batch.map((share) => share.login))];
    const due = logins.filter((login) => this.#renewalDue(login, now));
    const logging = this.#window !== null;
    const isLate = (share: ShareRecord) => share.late === true || late.has(share);
    const rounds = String((logging ? 1 : 0) + (this.#soloBlocks ? 2 : 0));
    const call = { logins, due: new Set(due), isLate, rounds };
    const { keys, args } = sharesCall(this.#keys, batch, call);
    const since = await this.#evidenceSince(retry, logins, now);
    const codes = await this.#run(RECORD_SHARES, keys, [...this.#preamble(retry, sweepHeight, since), ...args]);
    if (codes.length !== batch.length)
      throw new RedisReplyError(`${RECORD_SHARES.name}: ${codes.length} codes for ${batch.length} shares`);
    const outcomes = codes.map(outcomeOf);
    const written = batch.filter((_, i) => outcomes[i] === "recorded");
    const credited = new Set(written.map((share) => share.login));
    // After a retry it is not known whether the attempt that counted came to the EXPIRE.
    if (!retry)
      this.#settle(
        sweepHeight,
        due.filter((login) => credited.has(login)),
        now,
      );
    for (const { login, timestampMs } of written) this.#folds.recorded(login, timestampMs, now);
    await this.#fold([...credited], now);
    return outcomes;
  }

  async recordBlock(block: BlockRecord, retry: boolean): Promise<RecordOutcome> {
    checkBlock(block);
    const now = this.#nowMs();
    const sweepHeight = retry ? null : this.#dueSweep(block.height);
    const { keys, args } = blockCall(this.#keys, block, this.#blockTerms(block) ?? "", this.#windowOf(block));
    const since = await this.#evidenceSince(retry, [block.login], now);
    const codes = await this.#run(RECORD_BLOCK, keys, [...this.#preamble(retry, sweepHeight, since), ...args]);
    const outcome = outcomeOf(codes[0] ?? null);
    if (!retry) this.#settle(sweepHeight, outcome === "recorded" ? [block.login] : [], now);
    return outcome;
  }

  /** Null under another scheme than `pplns`. */
  #windowOf(block: BlockRecord): bigint | null {
    const window = block.solo === true ? null : (this.#window?.(block) ?? null);
    return window !== null && window > WIDEST_WINDOW ? WIDEST_WINDOW : window;
  }

  async closedHeight(): Promise<number> {
    const { candidates, blockTerms } = this.#keys;
    for (let rank = 0; ; rank += 1) {
      this.billedCommands += this.#soloBlocks ? 2 : 1;
      const newest = await this.#redis.command(["ZREVRANGE", candidates, rank, rank, "WITHSCORES"]);
      const [member, score] = Array.isArray(newest) ? newest : [];
      const block = this.#soloBlocks ? parseCandidate(String(member), String(score)) : null;
      const terms = block && (await this.#redis.command(["HGET", blockTerms, blockId(block)]));
      if (!String(terms).includes('"scheme":"solo"')) return score === undefined ? -1 : Number(score);
    }
  }

  explainRefusal(login: string): Promise<RefusalCause> {
    return explainRefusal(this.#redis, this.#keys, login);
  }

  /** The arguments that both scripts begin with. */
  #preamble(retry: boolean, sweepHeight: number | null, since: number): string[] {
    return [
      retry ? "1" : "0",
      sweepHeight === null ? "" : String(sweepHeight - POW_HEIGHTS),
      String(Math.ceil(this.#expirationMs / 1000)),
      String(Math.ceil(since)),
    ];
  }

  /** Unix time in ms since when a share's entry is certainly there, if it was written. */
  async #evidenceSince(retry: boolean, logins: readonly string[], now: number): Promise<number> {
    const since = now - this.#evidenceMs;
    if (!retry) return since;
    const marks = await this.#redis.command(["HMGET", this.#keys.folds, ...logins]);
    this.billedCommands += 1;
    return Math.max(since, foldedUntilMs(Array.isArray(marks) ? marks : []));
  }

  /** Keeps the hashrate sets of large logins, and of a large pool, small. What fails is done the next time. */
  async #fold(logins: readonly string[], now: number): Promise<void> {
    for (const { keys, args } of this.#folds.takeDue(this.#keys, logins, now)) {
      try {
        await this.#run(FOLD_HASHRATE, keys, args);
      } catch (error) {
        if (!(error instanceof RedisReplyError || error instanceof RedisUnreachableError)) throw error;
      }
    }
  }

  workAt(height: number): void {
    this.#workHeight = height;
  }

  /**
   * One sweep per height is enough; the lowest height of a batch and of the work of now decides, so that no share loses what it must be
   * compared with.
   */
  #dueSweep(lowest: number): number | null {
    const height = Math.min(lowest, this.#workHeight);
    return height > this.#sweptHeight ? height : null;
  }

  #renewalDue(login: string, now: number): boolean {
    return now - (this.#renewed.get(login) ?? -Infinity) >= this.#refreshMs;
  }

  #settle(sweepHeight: number | null, renewed: readonly string[], now: number): void {
    if (sweepHeight !== null) {
      this.#sweptHeight = Math.max(this.#sweptHeight, sweepHeight);
      // Forgets the logins that have left; once a height is often enough.
      for (const login of this.#renewed.keys()) if (this.#renewalDue(login, now)) this.#renewed.delete(login);
    }
    for (const login of renewed) this.#renewed.set(login, now);
  }

  /** EVALSHA, and EVAL only where Redis does not have the script. @returns the codes */
  async #run(script: LedgerScript, keys: readonly string[], args: readonly string[]): Promise<RedisValue[]> {
    const tail = [String(keys.length), ...keys, ...args];
    const reply = await this.#redis.command(["EVALSHA", script.sha1, ...tail]).catch((error: unknown) => {
      if (!(error instanceof RedisReplyError && error.message.startsWith("NOSCRIPT"))) throw error;
      this.billedCommands += 1;
      if (this.#ran.delete(script)) this.serverChanges += 1;
      return this.#redis.command(["EVAL", script.text, ...tail]);
    });
    const [billed, ...codes]: readonly RedisValue[] = Array.isArray(reply) ? reply : [];
    if (typeof billed !== "number") throw new RedisReplyError(`${script.name}: unexpected reply`);
    this.billedCommands += billed;
    this.#ran.add(script);
    return codes;
  }
}

function sharesCall(
  names: LedgerKeys,
  batch: readonly ShareRecord[],
  call: {
    readonly logins: readonly string[];
    readonly due: ReadonlySet<string>;
    readonly isLate: (share: ShareRecord) => boolean;
    /** As the script takes it. */
    readonly rounds: string;
  },
) {
  const { logins, due, isLate, rounds } = call;
  const keys = [
    names.pow,
    names.roundCurrent,
    names.hashrate,
    names.stats,
    names.candidates,
    names.window,
    names.blockTerms,
  ];
  const args = [String(logins.length), rounds];
  const index = new Map<string, string>();
  for (const login of logins) {
    index.set(login, String(index.size + 1));
    keys.push(names.hashrateOf(login), names.miner(login));
    args.push(login, due.has(login) ? "1" : "0");
  }
  for (const share of batch) {
    args.push(
      index.get(share.login) ?? "",
      powMember(share),
      String(share.height),
      String(share.shareDifficulty),
      share.worker,
      String(share.timestampMs),
      seconds(share),
      share.solo === true ? "2" : isLate(share) ? "1" : "0",
    );
  }
  return { keys, args };
}

function blockCall(names: LedgerKeys, block: BlockRecord, terms: string, window: bigint | null) {
  const keys = [
    names.pow,
    names.roundCurrent,
    names.hashrate,
    names.stats,
    names.hashrateOf(block.login),
    names.miner(block.login),
    names.finders,
    names.round(block.height, block.nonce),
    names.candidates,
    names.blockTerms,
    names.immature,
    names.matured,
    names.window,
  ];
  const args = [
    block.login,
    powMember(block),
    String(block.height),
    String(block.shareDifficulty),
    block.worker,
    String(block.timestampMs),
    seconds(block),
    String(block.networkDifficulty),
    terms,
    block.inChain === true ? "1" : "0",
    block.solo === true ? "solo" : window === null ? "prop" : "pplns",
    String(window ?? 0n),
  ];
  return { keys, args };
}

function powMember(share: ShareRecord): string {
  return `${share.nonce}:${share.header}:${share.mixDigest}`;
}

function seconds(share: ShareRecord): string {
  return String(Math.floor(share.timestampMs / 1000));
}

function outcomeOf(code: RedisValue): RecordOutcome {
  if (code === OUTCOME_CODES.recorded) return "recorded";
  if (code === OUTCOME_CODES.duplicate) return "duplicate";
  if (code === OUTCOME_CODES.unresolved) return "unresolved";
  if (code === OUTCOME_CODES.stale) return "stale";
  if (code === OUTCOME_CODES.rival) return "rival";
  throw new RedisReplyError(`the ledger script answered with an unknown code`);
}
