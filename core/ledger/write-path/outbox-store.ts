import * as v from "valibot";
import type { BlockRecord, ShareRecord } from "../contract/records.ts";
import { decodeBlock, decodeShares, encodeRecords } from "../contract/record-codec.ts";
import type { SqlPort, SqlValue } from "../../sql-port.ts";

/** What goes to the ledger in one write: some shares, or one block. */
export type LedgerWrite =
  | { readonly kind: "shares"; readonly records: readonly ShareRecord[] }
  | { readonly kind: "block"; readonly record: BlockRecord };

/** What is known of a waiting write without reading it. */
export interface OutboxEntry {
  /** Grows with time; rows are replayed in this order. */
  readonly id: number;
  readonly kind: LedgerWrite["kind"];
  /** An earlier attempt may have been executed. */
  readonly uncertain: boolean;
  /** How many shares it writes; a block counts as one. */
  readonly shares: number;
}

/** A write that waits in the outbox. */
export interface OutboxRow {
  readonly id: number;
  readonly write: LedgerWrite;
}

/** The records of a write, in order. */
export function recordsOf(write: LedgerWrite): readonly ShareRecord[] {
  return write.kind === "shares" ? write.records : [write.record];
}

/**
 * How far a submission is that was made durable before its fate was known.
 * `claimed`: passed the cheap test, the full verification is to come; or a block that turned out to be a share only.
 * `foundClaimed`: passed the cheap test, and it would be a block. `found`: a verified block that no node has accepted yet.
 * `sealed`: a node accepted it or has it in its chain, the ledger does not have it yet. The ledger is written from `claimed` and
 * `sealed` only.
 */
export type HeldStage = "claimed" | "foundClaimed" | "found" | "sealed";

/** A submission that is durable before its fate is known. */
export interface HeldSubmission {
  readonly id: number;
  /** As it is in the store. */
  stage: HeldStage;
  /** It was sent again: an attempt before it was held may have gone all the way to the ledger. */
  readonly retry: boolean;
  readonly record: BlockRecord;
}

/** A record that must not be written again and may be missing: for the operator. */
export interface UnresolvedRecord {
  readonly record: ShareRecord;
  readonly reason: string;
}

/** Beside the record in a row of `held`; rows of before lack it. */
const RETRY = v.object({ retry: v.optional(v.boolean(), false) });

const SCHEMA = [
  "CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, uncertain INTEGER NOT NULL, shares INTEGER NOT NULL, body TEXT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS held (id INTEGER PRIMARY KEY, stage TEXT NOT NULL, body TEXT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS unresolved (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS outbox_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
];

/**
 * The durable tables of a verifier: `outbox` (acknowledged, not yet in the ledger), `held` (acknowledged or sent to a node,
 * fate open), `unresolved` (for the operator). Every method is one transaction. In healthy operation no row is ever written.
 */
export class OutboxStore {
  readonly #sql: SqlPort;
  readonly #onUnresolved: (one: UnresolvedRecord) => void;
  #lastId: number;
  #lastHeldId: number;

  /** @param onUnresolved told of each record that goes to the operator */
  constructor(sql: SqlPort, onUnresolved: (one: UnresolvedRecord) => void = () => undefined) {
    this.#sql = sql;
    this.#onUnresolved = onUnresolved;
    for (const statement of SCHEMA) sql.exec(statement);
    // An id that was marked as attempted is not given out again, or a new row would count as uncertain.
    this.#lastId = Math.max(this.#number("SELECT max(id) AS n FROM outbox"), this.attemptedUpTo());
    this.#lastHeldId = this.#number("SELECT max(id) AS n FROM held");
  }

  /** Resolves when everything written so far would survive the loss of the process. */
  durable(): Promise<void> {
    return this.#sql.durable();
  }

  /** Puts writes at the end of the outbox and drops what was held for them, as one step. @returns the rows, one a write */
  append(writes: readonly LedgerWrite[], uncertain: boolean, dropHeld: readonly number[]): OutboxRow[] {
    return this.#sql.transaction(() => {
      const rows = writes.map((write, at) => ({ id: this.#lastId + 1 + at, write }));
      for (const { id, write } of rows) {
        this.#sql.exec(
          "INSERT INTO outbox (id, kind, uncertain, shares, body) VALUES (?, ?, ?, ?, ?)",
          id,
          write.kind,
          uncertain ? 1 : 0,
          recordsOf(write).length,
          encodeRecords(write.kind === "shares" ? write.records : write.record),
        );
      }
      for (const held of dropHeld) this.dropHeld(held);
      this.#lastId += rows.length;
      return rows;
    });
  }

  /** The oldest entries. */
  entries(limit: number): OutboxEntry[] {
    return this.#sql.exec("SELECT id, kind, uncertain, shares FROM outbox ORDER BY id LIMIT ?", limit).map((row) => ({
      id: Number(row["id"]),
      kind: row["kind"] === "block" ? "block" : "shares",
      uncertain: row["uncertain"] === 1,
      shares: Number(row["shares"]),
    }));
  }

  /** The rows from one id to another, both included, at most `limit`. */
  rows(from: number, to: number, limit = -1): OutboxRow[] {
    const query = "SELECT id, kind, body FROM outbox WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?";
    return this.#sql.exec(query, from, to, limit).map((row) => {
      const body = String(row["body"]);
      const write: LedgerWrite =
        row["kind"] === "block"
          ? { kind: "block", record: decodeBlock(body) }
          : { kind: "shares", records: decodeShares(body) };
      return { id: Number(row["id"]), write };
    });
  }

  /** The write of these rows is settled: they go, and what could not be resolved is kept for the operator. */
  settle(ids: readonly number[], unresolved: readonly UnresolvedRecord[], nowMs: number): void {
    this.#sql.transaction(() => {
      for (const id of ids) this.#sql.exec("DELETE FROM outbox WHERE id = ?", id);
      this.#keepUnresolved(unresolved, nowMs);
    });
  }

  /** Rows up to this id may have been sent by a life of this object that ended before it could say what came of it. */
  attemptedUpTo(): number {
    return this.#number("SELECT value AS n FROM outbox_state WHERE name = 'attempted'");
  }

  markAttempted(id: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO outbox_state (name, value) VALUES ('attempted', ?)", id);
  }

  hold(stage: HeldStage, record: BlockRecord, retry = false): HeldSubmission {
    const id = ++this.#lastHeldId;
    const body = encodeRecords({ ...record, ...(retry ? { retry } : {}) });
    this.#sql.exec("INSERT INTO held (id, stage, body) VALUES (?, ?, ?)", id, stage, body);
    return { id, stage, retry, record };
  }

  setStage(held: HeldSubmission, stage: HeldStage): void {
    this.#sql.exec("UPDATE held SET stage = ? WHERE id = ?", stage, held.id);
    held.stage = stage;
  }

  dropHeld(id: number): void {
    this.#sql.exec("DELETE FROM held WHERE id = ?", id);
  }

  /** A held submission that the ledger cannot place goes to the operator. */
  resolveHeld(id: number, unresolved: UnresolvedRecord, nowMs: number): void {
    this.#sql.transaction(() => {
      this.dropHeld(id);
      this.#keepUnresolved([unresolved], nowMs);
    });
  }

  held(): HeldSubmission[] {
    return this.#sql.exec("SELECT id, stage, body FROM held ORDER BY id").map((row) => {
      const body = String(row["body"]);
      const { retry } = v.parse(RETRY, JSON.parse(body));
      return { id: Number(row["id"]), stage: stageOf(row["stage"]), retry, record: decodeBlock(body) };
    });
  }

  unresolvedCount(): number {
    return this.#number("SELECT count(*) AS n FROM unresolved");
  }

  #keepUnresolved(records: readonly UnresolvedRecord[], nowMs: number): void {
    for (const one of records) {
      const { record, reason } = one;
      this.#sql.exec(
        "INSERT INTO unresolved (reason, at, body) VALUES (?, ?, ?)",
        reason,
        nowMs,
        encodeRecords(record),
      );
      this.#onUnresolved(one);
    }
  }

  #number(query: string): number {
    return Number(this.#sql.exec(query)[0]?.["n"] ?? 0);
  }
}

function stageOf(value: SqlValue | undefined): HeldStage {
  if (value === "claimed" || value === "foundClaimed" || value === "found" || value === "sealed") return value;
  throw new Error(`held submission in unknown stage ${String(value)}`);
}
