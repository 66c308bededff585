import type { RecordOutcome, ShareRecord } from "../contract/records.ts";
import { recordsOf, type LedgerWrite } from "./send-write.ts";

/** How far back a server may have forgotten what it had acknowledged. */
const KEPT_MS = 60_000;

/** Most records that are kept: some 3 MB. */
const MOST = 4_096;

/** In its round it was counted: where that is forgotten it counts again, whatever has been closed since. */
const counted = (record: ShareRecord): ShareRecord => (record.late === true ? { ...record, late: false } : record);

interface Kept {
  readonly atMs: number;
  readonly write: LedgerWrite;
}

/**
 * What the ledger has acknowledged in the last minute, in order. A ledger that copies itself to its followers after it has answered
 * (Upstash) loses the last moments when a follower takes over. Sent again as retries, what was lost is written again, and of what was not
 * the trace is found (docs/decisions/0040-failover-and-the-last-minute.md).
 */
export class RecentWrites {
  #kept: Kept[] = [];
  /** Older than what is kept; to be sent again before anything new is. */
  #doubtful: Kept[] = [];
  #records = 0;

  /** Records that the ledger says it has. */
  add(write: LedgerWrite, outcomes: readonly RecordOutcome[], nowMs: number): void {
    const written = recordsOf(write).filter((_, at) => outcomes[at] === "recorded");
    if (written.length === 0) return;
    const recorded = written.map(counted);
    this.#kept.push({ atMs: nowMs, write: write.kind === "block" ? write : { kind: "shares", records: recorded } });
    this.#records += recorded.length;
    this.#forget(nowMs);
  }

  /** Whether something is to be sent again. */
  get inDoubt(): boolean {
    return this.#doubtful.length > 0;
  }

  /** The server may be another one than before. @returns how many records are in doubt */
  doubt(nowMs: number): number {
    this.#forget(nowMs);
    this.#doubtful.push(...this.#kept);
    this.#kept = [];
    return this.#records;
  }

  /** What is to be sent again next: a block, or the oldest shares, up to `limit` of them. Null when nothing is in doubt. */
  next(limit: number): { readonly write: LedgerWrite; readonly parts: number } | null {
    const [first] = this.#doubtful;
    if (!first) return null;
    if (first.write.kind === "block") return { write: first.write, parts: 1 };
    const records = [...first.write.records];
    let parts = 1;
    for (const { write } of this.#doubtful.slice(1)) {
      if (write.kind === "block" || records.length + write.records.length > limit) break;
      records.push(...write.records);
      parts += 1;
    }
    return { write: { kind: "shares", records }, parts };
  }

  /** The ledger has the oldest parts again; from now on they are as recent as any. */
  reconciled(parts: number, nowMs: number): void {
    for (const { write } of this.#doubtful.splice(0, parts)) this.#kept.push({ atMs: nowMs, write });
  }

  #forget(nowMs: number): void {
    while (this.#records > MOST && this.#doubtful.length > 0) this.#drop(this.#doubtful);
    while (this.#kept.length > 0 && (this.#records > MOST || (this.#kept[0]?.atMs ?? 0) < nowMs - KEPT_MS))
      this.#drop(this.#kept);
  }

  #drop(from: Kept[]): void {
    const gone = from.shift();
    if (gone) this.#records -= recordsOf(gone.write).length;
  }
}
