import { sleep, type Clock } from "../../clock.ts";
import { identityOf, proofOf } from "../../share-identity.ts";
import { checkBlock, checkRecord } from "../contract/record-check.ts";
import type { Outbox } from "./outbox.ts";
import type { OutboxRow, OutboxStore } from "./outbox-store.ts";
import { mayHaveExecuted, recordsOf, sendWrite, writeOf, type LedgerWrite } from "./send-write.ts";
import { TOO_OLD, type UnresolvedRecord } from "./unresolved-records.ts";
import type { BlockRecord, LedgerWriter, RecordOutcome, ShareRecord } from "../contract/records.ts";

/** One verified submission on its way into the ledger. */
export type CommitEntry = {
  /** An earlier attempt at it may have been executed. */
  readonly retry: boolean;
  /** The durable row that holds it meanwhile; it goes when the ledger or the outbox has the record, and stays with a rival. */
  readonly heldId: number | null;
} &
  /** `late`: on older work than the newest, and nobody was told yet that it counts. */
  (
    | { readonly kind: "share"; readonly record: ShareRecord; readonly late?: boolean }
    | { readonly kind: "block"; readonly record: BlockRecord }
  );

interface Waiting {
  readonly entry: CommitEntry;
  readonly resolve: (outcome: RecordOutcome) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch {
  readonly write: LedgerWrite;
  readonly retry: boolean;
  readonly waiting: readonly Waiting[];
  /** Its rows once it was made durable while still on its way. */
  rows: readonly OutboxRow[] | null;
}

export interface GroupCommitOptions {
  readonly writer: LedgerWriter;
  readonly store: OutboxStore;
  readonly outbox: Outbox;
  readonly clock: Clock;
  /** Shortest time between the starts of two writes. */
  readonly commitIntervalMs: number;
  /** A write that takes longer than this is made durable and acknowledged while it is still on its way. */
  readonly answerWithinMs: number;
  /** Asks to be woken (see {@link GroupCommit.wake}) at this Unix time in ms, also by another life of the object. */
  readonly wakeAt: (atMs: number) => void;
  /** Told of every failed write, for the log and the health page. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Writes verified shares in groups: what arrives while a write is on its way forms the next one, and there is never
 * more than one in flight, replays of the outbox included. While the ledger fails, everything goes through the outbox. Once it
 * answers again, what arrives waits in memory until the outbox is empty, as long as its answer can wait: so the pool comes out of the
 * outbox under a steady load. What is in memory is always newer than what is in the outbox, so it joins at the end.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #waiting: Waiting[] = [];
  #inFlight: Batch | null = null;
  #running = false;
  #parking = false;
  #patient = false;
  #lastStartMs = -Infinity;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Submissions in memory: on their way and waiting. */
  get pending(): number {
    const parked = this.#inFlight?.rows !== null;
    return this.#waiting.length + (parked ? 0 : (this.#inFlight?.waiting.length ?? 0));
  }

  /**
   * Resolves when the ledger has answered, or when the record is in the durable outbox: `recorded` then, or `stale` for a late share, which
   * the ledger may have, or take, all the same.
   * @throws LedgerRecordError for a record that must not reach the books, and when durable storage refuses it
   */
  commit(entry: CommitEntry): Promise<RecordOutcome> {
    return new Promise((resolve, reject) => {
      // Before it is among others: one record that must not reach the books would take its whole batch with it.
      if (entry.kind === "block") checkBlock(entry.record);
      else checkRecord(entry.record);
      const one = { entry, resolve, reject };
      const { outbox } = this.#options;
      if (outbox.setAside > 0 && this.#answeredByOutbox(one, new Map())) return;
      if (outbox.refuses(entry.record.login)) return this.#setAside(one);
      this.#waiting.push(one);
      this.wake();
    });
  }

  /** Goes on with whatever is due. Never throws. */
  wake(): void {
    if (this.#options.outbox.waiting > 0) this.#parkInTime();
    if (this.#running) return;
    this.#running = true;
    // A microtask later, so that shares that were verified together are written together.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    const { outbox, onFailure, wakeAt } = this.#options;
    try {
      await this.#drain();
    } catch (error) {
      onFailure(error);
    }
    this.#running = false;
    if (outbox.dueAtMs < Infinity) wakeAt(outbox.dueAtMs);
  }

  /** Until nothing is left to do now. */
  async #drain(): Promise<void> {
    const { outbox, onFailure } = this.#options;
    for (;;) {
      if (outbox.failing && outbox.waiting > 0) this.#parkWaiting();
      if (outbox.due) {
        const failure = await outbox.replay();
        if (failure !== null) onFailure(failure);
      } else if (outbox.waiting > 0) return;
      else if (this.#waiting.length > 0) {
        await this.#pause();
        await this.#write(this.#nextBatch());
      } else return;
    }
  }

  /** Until the commit interval has passed since the last write began. */
  async #pause(): Promise<void> {
    const { clock, commitIntervalMs } = this.#options;
    const restMs = this.#lastStartMs + commitIntervalMs - clock.nowMs();
    if (restMs > 0) await sleep(clock, restMs);
    this.#lastStartMs = clock.nowMs();
  }

  /** The oldest waiting shares up to the next block, or one block. */
  #nextBatch(): Batch {
    const first = this.#waiting[0];
    if (first?.entry.kind === "block") {
      this.#waiting = this.#waiting.slice(1);
      const { record, retry } = first.entry;
      return { write: { kind: "block", record }, retry, waiting: [first], rows: null };
    }
    const block = this.#waiting.findIndex((one) => one.entry.kind === "block");
    const end = Math.min(this.#options.outbox.writeLimit, block === -1 ? this.#waiting.length : block);
    const waiting = this.#waiting.slice(0, end);
    this.#waiting = this.#waiting.slice(end);
    const records = waiting.map((one) => one.entry.record);
    return { write: { kind: "shares", records }, retry: waiting.some((one) => one.entry.retry), waiting, rows: null };
  }

  async #write(batch: Batch): Promise<void> {
    const { writer, outbox, clock, answerWithinMs } = this.#options;
    this.#inFlight = batch;
    const cancel = clock.after(answerWithinMs, () => this.#parkInFlight(batch));
    try {
      const outcomes = await sendWrite(writer, batch.write, batch.retry, lateOf(batch.waiting));
      // Made durable meanwhile, and so promised: what is stale for newer work only is sent again from there, where that makes nothing late any more.
      const records = recordsOf(batch.write);
      if (batch.rows && outcomes.some((outcome, at) => outcome === "stale" && records[at]?.late !== true)) return;
      if (batch.rows) outbox.settled(batch.rows, outcomes);
      else {
        this.#answer(batch.waiting, outcomes);
        outbox.written(batch.write, outcomes);
      }
    } catch (error) {
      this.#failed(batch, error);
    } finally {
      cancel();
      this.#inFlight = null;
    }
  }

  #answer(waiting: readonly Waiting[], outcomes: readonly RecordOutcome[]): void {
    const { store, clock } = this.#options;
    waiting.forEach(({ entry, resolve }, at) => {
      const outcome = outcomes[at] ?? "unresolved";
      if (entry.heldId !== null && outcome === "unresolved")
        store.resolveHeld(entry.heldId, unresolved(entry), clock.nowMs());
      // A rival goes on from what holds it.
      else if (entry.heldId !== null && outcome !== "rival") store.dropHeld(entry.heldId);
      resolve(outcome);
    });
  }

  #failed(batch: Batch, error: unknown): void {
    const { outbox, onFailure } = this.#options;
    onFailure(error);
    outbox.failed(error);
    const mayBeThere = mayHaveExecuted(error);
    if (!batch.rows) this.#parkOrReject(mayBeThere ? batch : this.#withoutLate(batch), batch.retry || mayBeThere);
    this.#parkWaiting();
  }

  /** The ledger is slow: what is on its way becomes durable and is acknowledged, and the rest goes behind it. */
  #parkInFlight(batch: Batch): void {
    this.#parkOrReject(batch, true);
    this.#parkWaiting();
  }

  /** While the ledger fails at once; while the outbox is being emptied, before a miner's patience ends. */
  #parkInTime(): void {
    const { outbox, clock, answerWithinMs } = this.#options;
    if (outbox.failing) return this.#parkSoon();
    if (this.#patient) return;
    this.#patient = true;
    clock.after(answerWithinMs, () => {
      this.#patient = false;
      if (outbox.waiting > 0) this.#parkWaiting();
    });
  }

  #parkSoon(): void {
    if (this.#parking) return;
    this.#parking = true;
    queueMicrotask(() => {
      this.#parking = false;
      if (this.#options.outbox.waiting > 0) this.#parkWaiting();
    });
  }

  /** A record of a login that Redis refuses: it becomes durable and is acknowledged, and nobody else waits for it. */
  #setAside(one: Waiting): void {
    const { record, retry } = one.entry;
    const batch: Batch = { write: writeOf(one.entry), retry, waiting: [one], rows: null };
    try {
      this.#park(this.#withoutLate(batch), retry, record.login);
    } catch (error) {
      this.#refuse(batch, error);
    }
  }

  /** Moves everything that waits into the outbox, or answers that it is there already. Never throws. */
  #parkWaiting(): void {
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      try {
        this.#park(this.#withoutLate(this.#withoutKnown(batch)), batch.retry);
      } catch (error) {
        this.#refuse(batch, error);
      }
    }
  }

  /** Answers what the outbox has already. @returns the rest of the batch */
  #withoutKnown(batch: Batch): Batch {
    const seen = new Map<string, string>();
    return only(batch, (one) => !this.#answeredByOutbox(one, seen));
  }

  /**
   * Nothing is promised that the ledger will refuse: what was handed in after its round was closed, and was never sent, is stale. What was
   * held is not given up: its miner may have been told true, so that the ledger has to say.
   * @returns the rest of the batch
   */
  #withoutLate(batch: Batch): Batch {
    return only(batch, (one) => {
      const { entry, resolve } = one;
      if (!isLateShare(one) || entry.retry || entry.heldId !== null) return true;
      resolve("stale");
      return false;
    });
  }

  /** @param seen the same batch's submissions so far */
  #answeredByOutbox({ entry, resolve }: Waiting, seen: Map<string, string>): boolean {
    const proof = proofOf(entry.record);
    const identity = identityOf(entry.record);
    const waiting = this.#options.outbox.find(entry.record);
    const owner = waiting ? identityOf(waiting) : seen.get(proof);
    if (owner === undefined) {
      seen.set(proof, identity);
      return false;
    }
    if (entry.heldId !== null) this.#options.store.dropHeld(entry.heldId);
    const own = entry.record.late === true ? "stale" : "recorded";
    resolve(owner === identity ? own : "duplicate");
    return true;
  }

  /** @throws when durable storage refuses; nothing is kept then */
  #park(batch: Batch, uncertain: boolean, refusedLogin: string | null = null): void {
    if (batch.waiting.length === 0) return;
    const { outbox, clock, wakeAt } = this.#options;
    const held = batch.waiting.flatMap(({ entry }) => (entry.heldId === null ? [] : [entry.heldId]));
    batch.rows = outbox.append(batch.write, uncertain, held, refusedLogin);
    // In the same turn as the row, so that no row is ever durable without an alarm.
    wakeAt(Math.max(outbox.dueAtMs, clock.nowMs()));
    for (const one of batch.waiting) one.resolve(isLateShare(one) ? "stale" : "recorded");
  }

  #parkOrReject(batch: Batch, uncertain: boolean): void {
    try {
      this.#park(batch, uncertain);
    } catch (error) {
      this.#refuse(batch, error);
    }
  }

  #refuse(batch: Batch, error: unknown): void {
    this.#options.onFailure(error);
    for (const one of batch.waiting) one.reject(error);
  }
}

/** Handed in after its round was closed: only the ledger itself can say that it counts, and where it cannot in time, it is called stale. */
const isLateShare = ({ entry }: Waiting): boolean => entry.kind === "share" && entry.record.late === true;

/** The part of a batch that `keep` chooses. */
function only(batch: Batch, keep: (one: Waiting) => boolean): Batch {
  const waiting = batch.waiting.filter(keep);
  if (batch.write.kind === "block") return { ...batch, waiting };
  return { ...batch, write: { kind: "shares", records: waiting.map(({ entry }) => entry.record) }, waiting };
}

function lateOf(waiting: readonly Waiting[]): ReadonlySet<ShareRecord> {
  return new Set(waiting.flatMap(({ entry }) => (entry.kind === "share" && entry.late === true ? [entry.record] : [])));
}

function unresolved(entry: CommitEntry): UnresolvedRecord {
  if (entry.kind === "block") return { kind: "block", record: entry.record, reason: TOO_OLD };
  return { kind: "share", record: entry.record, reason: TOO_OLD };
}
