import type { Clock } from "../../clock.ts";
import { backOffMs, type BackOffLimits } from "../../back-off.ts";
import { mayBeOneLogins, narrowDown, type Narrowed } from "./narrow.ts";
import type { HeldSubmission, OutboxEntry, OutboxRow, OutboxStore, RefusedLogin } from "./outbox-store.ts";
import { RecentWrites } from "./recent-writes.ts";
import { RefusedLogins } from "./refused-logins.ts";
import { mayHaveExecuted, recordsOf, sendWrite, type LedgerWrite } from "./send-write.ts";
import { FORGOTTEN } from "./unresolved-records.ts";
import { merge, pick, rivalsOf, split, unresolvedOf } from "./write-parts.ts";
import type { LedgerWriter, RecordOutcome, ShareRecord } from "../contract/records.ts";
import { RedisUnreachableError, type RedisReplyError } from "../contract/redis-port.ts";

/** The most shares of one write: about 330 KB of script arguments, a few ms of Redis' time. */
const LARGEST_WRITE = 1000;

/** No write is cut down further: where so few shares do not get through, it is not for their number. */
const LEAST_WRITE = 200;

/** So that the pool is back to one write a share within five seconds of the ledger's recovery. */
const BACK_OFF: BackOffLimits = { firstMs: 250, longestMs: 4_000 };

/** Told of what became of rows. */
export interface OutboxEvents {
  /** A block is a rival of one that is recorded: it is held now, and its fate is open. */
  readonly onRival: (held: HeldSubmission) => void;
  /** The proof of work came to the ledger before, from another verifier: it is not credited again. */
  readonly onDuplicate: (record: ShareRecord) => void;
  /** Its round had been closed when it was handed in: it is not credited. */
  readonly onLate: (record: ShareRecord) => void;
}

/**
 * Accepted work that the ledger does not have yet, in order, in durable storage. The index for duplicates holds nonces by header,
 * and neither identities nor mix digests (a verified share has one): a full outbox must still fit beside a light cache.
 * The records of logins that Redis refuses wait apart from the others (`refused-logins.ts`).
 */
export class Outbox {
  readonly #store: OutboxStore;
  readonly #writer: LedgerWriter;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: OutboxEvents;
  /** Header -> nonce -> row. */
  readonly #index = new Map<string, Map<string, number>>();
  readonly #refused: RefusedLogins;
  readonly #recent = new RecentWrites();
  #depth = 0;
  #setAside = 0;
  #failures = 0;
  #writeLimit = LARGEST_WRITE;
  #nextAttemptAtMs = 0;
  #attemptedUpTo: number;
  #duplicates = 0;
  #recorded = 0;
  #serverChanges: number;

  constructor(
    store: OutboxStore,
    writer: LedgerWriter,
    clock: Clock,
    random: () => number,
    events: Partial<OutboxEvents> = {},
  ) {
    this.#store = store;
    this.#writer = writer;
    this.#clock = clock;
    this.#random = random;
    this.#events = { onRival: () => undefined, onDuplicate: () => undefined, onLate: () => undefined, ...events };
    this.#attemptedUpTo = store.attemptedUpTo();
    this.#refused = new RefusedLogins(store, random);
    this.#serverChanges = writer.serverChanges;
    for (let from = 0; ;) {
      const rows = store.rows(from, Number.MAX_SAFE_INTEGER, 100);
      for (const row of rows) this.#enter(row);
      const last = rows.at(-1);
      if (!last) break;
      from = last.id + 1;
    }
  }

  /** Shares and blocks that are here. */
  get depth(): number {
    return this.#depth;
  }

  /** Those that wait in order, because the ledger as a whole could not be written. */
  get waiting(): number {
    return this.#depth - this.#setAside;
  }

  /** Replayed shares, told true, that somebody else's identical submission had preceded in the ledger. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Records that this life has brought into the ledger. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Whether the latest write failed. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Unix time in ms before which the ledger is left alone. */
  get nextAttemptAtMs(): number {
    return this.#nextAttemptAtMs;
  }

  /** Unix time in ms at which something here is due; infinite when nothing is. */
  get dueAtMs(): number {
    const inOrder = this.waiting > 0 || this.#recent.inDoubt ? this.#nextAttemptAtMs : Infinity;
    return Math.min(inOrder, Math.max(this.#refused.nextAttemptAtMs, this.#nextAttemptAtMs));
  }

  /** Logins whose records wait apart. */
  get refusedLogins(): readonly RefusedLogin[] {
    return this.#refused.list();
  }

  /** Records that wait apart. */
  get setAside(): number {
    return this.#setAside;
  }

  /** Whether this login's records are to be put with those that wait apart. */
  refuses(login: string): boolean {
    return this.#refused.has(login);
  }

  /** What of this proof of work waits here. */
  find({ header, nonce }: Pick<ShareRecord, "header" | "nonce">): ShareRecord | undefined {
    const id = this.#index.get(header)?.get(nonce);
    const row = id === undefined ? undefined : this.#store.rows(id, id)[0];
    return row && recordsOf(row.write).find((one) => one.header === header && one.nonce === nonce);
  }

  /**
   * The most shares that a write should have now. A line on which a large request does not come back in time would never get
   * one through: half as many after each failure that may be a time-out, twice as many after each success.
   */
  get writeLimit(): number {
    return this.#writeLimit;
  }

  /**
   * Makes a write durable behind the others and drops what was held for it.
   * @param refusedLogin the login whose records it has, where they are to wait apart
   * @returns its rows @throws when storage refuses; then nothing is kept
   */
  append(
    write: LedgerWrite,
    uncertain: boolean,
    dropHeld: readonly number[],
    refusedLogin: string | null = null,
  ): OutboxRow[] {
    const rows = this.#store.append({ writes: split(write), uncertain, refusedLogin }, dropHeld);
    for (const row of rows) this.#enter(row);
    return rows;
  }

  /**
   * Sends what is due next, once: what may be lost again, then the oldest that wait in order, then a refused login's. Never throws.
   * @returns what went wrong, if anything; the next attempt is set then
   */
  async replay(): Promise<unknown> {
    if (this.#recent.inDoubt) return this.#reconcile();
    if (this.waiting > 0) return this.#replayLeading();
    const login = this.#refused.due(this.#clock.nowMs());
    return login === null ? null : this.#tryRefused(login);
  }

  /** Whether {@link replay} has something to do now. */
  get due(): boolean {
    return this.dueAtMs <= this.#clock.nowMs();
  }

  /** The ledger answered to a write that has no rows. */
  written(write: LedgerWrite, outcomes: readonly RecordOutcome[]): void {
    this.#recorded += outcomes.filter((outcome) => outcome === "recorded").length;
    this.#recent.add(write, outcomes, this.#clock.nowMs());
    this.#succeeded();
    this.#writeLimit = Math.min(LARGEST_WRITE, this.#writeLimit * 2);
  }

  /** The ledger answered to the write of these rows. */
  settled(rows: readonly OutboxRow[], outcomes: readonly RecordOutcome[]): void {
    const write = merge(rows);
    const records = recordsOf(write);
    const rivals = this.#store.settle(
      rows.map((row) => row.id),
      { unresolved: unresolvedOf(write, outcomes), rivals: rivalsOf(write, outcomes) },
      this.#clock.nowMs(),
    );
    for (const held of rivals) this.#events.onRival(held);
    for (const [at, record] of records.entries()) this.#uncredited(record, outcomes[at]);
    this.#leave(records, rows[0]?.refusedLogin ?? null);
    this.written(write, outcomes);
  }

  /** The ledger could not be written: it is left alone for a while. */
  failed(error: unknown): void {
    if (error instanceof RedisUnreachableError) this.#recent.doubt(this.#clock.nowMs());
    if (mayHaveExecuted(error)) this.#writeLimit = Math.max(LEAST_WRITE, Math.floor(this.#writeLimit / 2));
    this.#failures += 1;
    this.#nextAttemptAtMs = this.#clock.nowMs() + backOffMs(this.#failures, this.#random(), BACK_OFF);
  }

  /** What the ledger acknowledged in the last minute is sent to it again, before anything else. @returns how many records */
  doubt(): number {
    return this.#recent.doubt(this.#clock.nowMs());
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#nextAttemptAtMs = 0;
    if (this.#writer.serverChanges !== this.#serverChanges) this.doubt();
    this.#serverChanges = this.#writer.serverChanges;
  }

  /** What the ledger had acknowledged is sent again, some of it. */
  async #reconcile(): Promise<unknown> {
    const next = this.#recent.next(LEAST_WRITE);
    if (!next) return null;
    const { write, parts } = next;
    const nowMs = this.#clock.nowMs();
    try {
      const outcomes = await sendWrite(this.#writer, write, true);
      const open = { unresolved: unresolvedOf(write, outcomes, FORGOTTEN), rivals: rivalsOf(write, outcomes) };
      for (const held of this.#store.settle([], open, nowMs)) this.#events.onRival(held);
      this.#recent.reconciled(parts, nowMs);
      this.#succeeded();
      return null;
    } catch (error) {
      if (mayBeOneLogins(error)) {
        // In the outbox it will be found out whose they are.
        this.append(write, true, []);
        this.#recent.reconciled(parts, nowMs);
      } else this.failed(error);
      return error;
    }
  }

  async #replayLeading(): Promise<unknown> {
    const leading = this.#leading(null);
    const [first, last] = [leading[0], leading.at(-1)];
    if (!first || !last) return null;
    const uncertain = this.#isUncertain(first);
    const before = this.#attemptedUpTo;
    const rows = this.#store.rowsOf(leading.map(({ id }) => id));
    let sent = false;
    try {
      if (!uncertain) {
        // Durable before the request leaves: after a crash nobody else could say that it had left.
        this.#store.markAttempted(last.id);
        await this.#store.durable();
      }
      sent = true;
      this.settled(rows, await sendWrite(this.#writer, merge(rows), uncertain));
      return null;
    } catch (error) {
      if (sent && mayBeOneLogins(error)) return this.#narrow(rows, uncertain, error);
      if (!uncertain) this.#attemptedUpTo = sent && mayHaveExecuted(error) ? last.id : before;
      this.failed(error);
      return error;
    }
  }

  /** One login's oldest rows again. */
  async #tryRefused(login: string): Promise<unknown> {
    const leading = this.#leading(login);
    const ids = leading.map(({ id }) => id);
    const rows = this.#store.rowsOf(ids);
    const uncertain = leading[0]?.uncertain ?? false;
    try {
      if (rows.length > 0) {
        // As in a replay in order; these rows are behind the mark that serves there.
        if (!uncertain) this.#store.setUncertain(ids, true);
        await this.#store.durable();
        this.settled(rows, await sendWrite(this.#writer, merge(rows), uncertain));
      }
      if (this.#store.entries(1, login).length === 0) this.#refused.readmitted(login);
      return null;
    } catch (error) {
      if (!uncertain && !mayHaveExecuted(error)) this.#store.setUncertain(ids, false);
      if (mayBeOneLogins(error)) this.#refused.refused(login, await this.#reasonOf(login, error), this.#clock.nowMs());
      else {
        this.#refused.postponed(login, this.#clock.nowMs());
        this.failed(error);
      }
      return error;
    }
  }

  async #reasonOf(login: string, refusal: RedisReplyError): Promise<string> {
    const { shared, own } = await this.#writer.explainRefusal(login).catch(() => ({ shared: null, own: null }));
    const key = own ?? shared;
    return key === null ? refusal.message : `${refusal.message} (${key})`;
  }

  /** Redis has refused the write of these rows: those whom it concerns are set aside, the others are written. */
  async #narrow(rows: readonly OutboxRow[], uncertain: boolean, error: RedisReplyError): Promise<unknown> {
    const found = await narrowDown(this.#writer, merge(rows), uncertain, error);
    const nowMs = this.#clock.nowMs();
    const { moved, rivals } = this.#store.atomically(() => this.#sortOut(rows, found, uncertain, nowMs));
    for (const held of rivals) this.#events.onRival(held);
    for (const row of rows) this.#leave(recordsOf(row.write), null);
    for (const row of moved) this.#enter(row);
    const written = [...found.outcomes].filter(([, outcome]) => outcome !== "unresolved");
    for (const [record, outcome] of written) this.#recordOne(record, outcome, nowMs);
    if (found.failure === null) this.#succeeded();
    else this.failed(found.failure);
    return found.failure;
  }

  #recordOne(record: ShareRecord, outcome: RecordOutcome, nowMs: number): void {
    if (outcome === "recorded") this.#recorded += 1;
    this.#uncredited(record, outcome);
    this.#recent.add({ kind: "shares", records: [record] }, [outcome], nowMs);
  }

  #uncredited(record: ShareRecord, outcome: RecordOutcome | undefined): void {
    if (outcome === "stale") this.#events.onLate(record);
    if (outcome !== "duplicate") return;
    this.#duplicates += 1;
    this.#events.onDuplicate(record);
  }

  /** @returns what of the rows is still here, as it is now, and what is held now */
  #sortOut(rows: readonly OutboxRow[], found: Narrowed, uncertain: boolean, nowMs: number) {
    const kept: OutboxRow[] = [];
    const rivals: HeldSubmission[] = [];
    const settledOnes = (record: ShareRecord) => found.outcomes.has(record) || found.refused.has(record.login);
    for (const { id, write } of rows) {
      const records = recordsOf(write);
      const rest = pick(write, (record) => !settledOnes(record));
      const mayBeThere = uncertain || records.some((record) => found.uncertain.has(record));
      this.#store.rewrite(id, rest, mayBeThere);
      if (rest) kept.push({ id, write: rest, refusedLogin: null });
      const outcomes = records.map((record) => found.outcomes.get(record) ?? "recorded");
      const open = { unresolved: unresolvedOf(write, outcomes), rivals: rivalsOf(write, outcomes) };
      rivals.push(...this.#store.settle([], open, nowMs));
    }
    for (const [login, reason] of found.refused) {
      this.#refused.refused(login, reason, nowMs);
      const writes = rows.flatMap(({ write }) => pick(write, (record) => record.login === login) ?? []);
      kept.push(...this.#store.append({ writes, uncertain, refusedLogin: login }, []));
    }
    return { moved: kept, rivals };
  }

  /** One block, or as many of the oldest share writes as are equally certain and fit one request. */
  #leading(refusedLogin: string | null): OutboxEntry[] {
    const chosen: OutboxEntry[] = [];
    const isUncertain = (entry: OutboxEntry) => (refusedLogin === null ? this.#isUncertain(entry) : entry.uncertain);
    let shares = 0;
    for (const entry of this.#store.entries(LARGEST_WRITE, refusedLogin)) {
      const first = chosen[0] ?? entry;
      shares += entry.shares;
      if (entry.kind !== first.kind || isUncertain(entry) !== isUncertain(first)) break;
      if (chosen.length > 0 && (entry.kind === "block" || shares > this.#writeLimit)) break;
      chosen.push(entry);
    }
    return chosen;
  }

  #isUncertain(entry: OutboxEntry): boolean {
    return entry.uncertain || entry.id <= this.#attemptedUpTo;
  }

  #enter({ id, write, refusedLogin }: OutboxRow): void {
    const records = recordsOf(write);
    this.#depth += records.length;
    if (refusedLogin !== null) this.#setAside += records.length;
    for (const { header, nonce } of records) {
      let nonces = this.#index.get(header);
      if (!nonces) this.#index.set(header, (nonces = new Map()));
      nonces.set(nonce, id);
    }
  }

  #leave(records: readonly ShareRecord[], refusedLogin: string | null): void {
    this.#depth -= records.length;
    if (refusedLogin !== null) this.#setAside -= records.length;
    for (const { header, nonce } of records) {
      const nonces = this.#index.get(header);
      nonces?.delete(nonce);
      if (nonces?.size === 0) this.#index.delete(header);
    }
  }
}
