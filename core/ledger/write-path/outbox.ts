import type { Clock } from "../../clock.ts";
import { backOffMs } from "../../back-off.ts";
import { identityOf } from "../../share-identity.ts";
import { recordsOf, type LedgerWrite, type OutboxEntry, type OutboxRow, type OutboxStore } from "./outbox-store.ts";
import type { LedgerWriter, RecordOutcome, ShareRecord } from "../contract/records.ts";
import { RedisReplyError, RedisUnreachableError } from "../contract/redis-port.ts";

/** The most shares of one write: about 330 KB of script arguments, a few ms of Redis' time. */
const LARGEST_WRITE = 1000;

/** No write is cut down further: where so few shares do not get through, it is not for their number. */
const LEAST_WRITE = 200;

/** The most shares of one row. */
const LARGEST_ROW = 50;

/** Why a record goes to the operator after an `unresolved`. */
export const TOO_OLD = "too old to tell whether an earlier attempt wrote it";

/** Whether a write that ended in `error` may have been executed. Only a refusal in Redis' own words or a request that never left is certain. */
export function mayHaveExecuted(error: unknown): boolean {
  if (error instanceof RedisUnreachableError) return error.executed === "unknown";
  return !(error instanceof RedisReplyError && /^[A-Z]+ /.test(error.message));
}

/** Sends one write. @throws what the writer throws, and when the answer does not fit the write */
export async function sendWrite(writer: LedgerWriter, write: LedgerWrite, retry: boolean): Promise<RecordOutcome[]> {
  if (write.kind === "block") return [await writer.recordBlock(write.record, retry)];
  const outcomes = await writer.recordShares(write.records, retry);
  if (outcomes.length !== write.records.length)
    throw new Error(`the ledger gave ${outcomes.length} outcomes for ${write.records.length} shares`);
  return outcomes;
}

/**
 * Accepted work that the ledger does not have yet, in order, in durable storage. The index for duplicates holds nonces by header,
 * and neither identities nor mix digests (a verified share has one): a full outbox must still fit beside a light cache.
 */
export class Outbox {
  readonly #store: OutboxStore;
  readonly #writer: LedgerWriter;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Header -> nonce -> row. */
  readonly #index = new Map<string, Map<string, number>>();
  #depth = 0;
  #failures = 0;
  #writeLimit = LARGEST_WRITE;
  #nextAttemptAtMs = 0;
  #attemptedUpTo: number;
  #duplicates = 0;

  constructor(store: OutboxStore, writer: LedgerWriter, clock: Clock, random: () => number) {
    this.#store = store;
    this.#writer = writer;
    this.#clock = clock;
    this.#random = random;
    this.#attemptedUpTo = store.attemptedUpTo();
    for (let from = 0; ;) {
      const rows = store.rows(from, Number.MAX_SAFE_INTEGER, 100);
      for (const row of rows) this.#enter(row.id, recordsOf(row.write));
      const last = rows.at(-1);
      if (!last) break;
      from = last.id + 1;
    }
  }

  /** Shares and blocks that wait. */
  get depth(): number {
    return this.#depth;
  }

  /** Replayed shares that somebody else's identical submission had preceded in the ledger. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Whether the latest write failed. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Unix time in ms before which the ledger is left alone. */
  get nextAttemptAtMs(): number {
    return this.#nextAttemptAtMs;
  }

  /** Whose submission of this proof of work waits here: its identity. */
  find({ header, nonce }: Pick<ShareRecord, "header" | "nonce">): string | undefined {
    const id = this.#index.get(header)?.get(nonce);
    const row = id === undefined ? undefined : this.#store.rows(id, id)[0];
    const record = row && recordsOf(row.write).find((one) => one.header === header && one.nonce === nonce);
    return record && identityOf(record);
  }

  /**
   * The most shares that a write should have now. A line on which a large request does not come back in time would never get
   * one through: half as many after each failure that may be a time-out, twice as many after each success.
   */
  get writeLimit(): number {
    return this.#writeLimit;
  }

  /** Makes a write durable behind the others and drops what was held for it. @returns its rows @throws when storage refuses; then nothing is kept */
  append(write: LedgerWrite, uncertain: boolean, dropHeld: readonly number[]): OutboxRow[] {
    const rows = this.#store.append(split(write), uncertain, dropHeld);
    for (const row of rows) this.#enter(row.id, recordsOf(row.write));
    return rows;
  }

  /** Sends the oldest writes once. Never throws. @returns what went wrong, if anything; the next attempt is set then */
  async replay(): Promise<unknown> {
    const leading = this.#leading();
    const [first, last] = [leading[0], leading.at(-1)];
    if (!first || !last) return null;
    const uncertain = this.#isUncertain(first);
    const before = this.#attemptedUpTo;
    let sent = false;
    try {
      const rows = this.#store.rows(first.id, last.id);
      if (!uncertain) {
        // Durable before the request leaves: after a crash nobody else could say that it had left.
        this.#store.markAttempted(last.id);
        await this.#store.durable();
      }
      sent = true;
      this.settled(rows, await sendWrite(this.#writer, merge(rows), uncertain));
      return null;
    } catch (error) {
      if (!uncertain) this.#attemptedUpTo = sent && mayHaveExecuted(error) ? last.id : before;
      this.failed(error);
      return error;
    }
  }

  /** The ledger answered to the write of these rows. */
  settled(rows: readonly OutboxRow[], outcomes: readonly RecordOutcome[]): void {
    const records = rows.flatMap((row) => recordsOf(row.write));
    const unresolved = records.filter((_, at) => outcomes[at] === "unresolved");
    this.#store.settle(
      rows.map((row) => row.id),
      unresolved.map((record) => ({ record, reason: TOO_OLD })),
      this.#clock.nowMs(),
    );
    this.#duplicates += outcomes.filter((outcome) => outcome === "duplicate").length;
    this.#leave(records);
    this.succeeded();
  }

  /** The ledger could not be written: it is left alone for a while. */
  failed(error: unknown): void {
    if (mayHaveExecuted(error)) this.#writeLimit = Math.max(LEAST_WRITE, Math.floor(this.#writeLimit / 2));
    this.#failures += 1;
    this.#nextAttemptAtMs = this.#clock.nowMs() + backOffMs(this.#failures, this.#random());
  }

  /** The ledger was written. */
  succeeded(): void {
    this.#writeLimit = Math.min(LARGEST_WRITE, this.#writeLimit * 2);
    this.#failures = 0;
    this.#nextAttemptAtMs = 0;
  }

  /** One block, or as many of the oldest share writes as are equally certain and fit one request. */
  #leading(): OutboxEntry[] {
    const chosen: OutboxEntry[] = [];
    let shares = 0;
    for (const entry of this.#store.entries(LARGEST_WRITE)) {
      const first = chosen[0] ?? entry;
      shares += entry.shares;
      if (entry.kind !== first.kind || this.#isUncertain(entry) !== this.#isUncertain(first)) break;
      if (chosen.length > 0 && (entry.kind === "block" || shares > this.#writeLimit)) break;
      chosen.push(entry);
    }
    return chosen;
  }

  #isUncertain(entry: OutboxEntry): boolean {
    return entry.uncertain || entry.id <= this.#attemptedUpTo;
  }

  #enter(id: number, records: readonly ShareRecord[]): void {
    this.#depth += records.length;
    for (const { header, nonce } of records) {
      let nonces = this.#index.get(header);
      if (!nonces) this.#index.set(header, (nonces = new Map()));
      nonces.set(nonce, id);
    }
  }

  #leave(records: readonly ShareRecord[]): void {
    this.#depth -= records.length;
    for (const { header, nonce } of records) {
      const nonces = this.#index.get(header);
      nonces?.delete(nonce);
      if (nonces?.size === 0) this.#index.delete(header);
    }
  }
}

/** A write in the pieces that become rows: what a row holds is sent as a whole or not at all. */
function split(write: LedgerWrite): LedgerWrite[] {
  if (write.kind === "block") return [write];
  const pieces: LedgerWrite[] = [];
  for (let at = 0; at < write.records.length; at += LARGEST_ROW)
    pieces.push({ kind: "shares", records: write.records.slice(at, at + LARGEST_ROW) });
  return pieces;
}

/** Share writes as one; a block stands alone. */
function merge(rows: readonly OutboxRow[]): LedgerWrite {
  const first = rows[0]?.write;
  return first?.kind === "block" ? first : { kind: "shares", records: rows.flatMap((row) => recordsOf(row.write)) };
}
