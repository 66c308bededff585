import * as v from "valibot";
import type { SqlPort } from "../../sql-port.ts";
import { LedgerRecordError } from "../contract/record-check.ts";
import { decodeBlock, decodeShare, encodeRecords } from "../contract/record-codec.ts";
import type { BlockRecord, ShareRecord } from "../contract/records.ts";
import { ROW_VERSION } from "./store-tables.ts";

/** Why a record goes to the operator after an `unresolved`. */
export const TOO_OLD = "too old to tell whether an earlier attempt wrote it";

/** The same of a record that the ledger had acknowledged before it was away for so long. */
export const FORGOTTEN = "acknowledged shortly before a long outage; too old to tell whether the ledger still has it";

/** A record that must not be written again and may be missing: for the operator. */
export type UnresolvedRecord = { readonly reason: string } & (
  | { readonly kind: "share"; readonly record: ShareRecord }
  | { readonly kind: "block"; readonly record: BlockRecord }
);

/** The same as the operator sees it. */
export interface UnresolvedEntry {
  readonly id: number;
  readonly kind: "share" | "block";
  readonly reason: string;
  /** Unix time in ms at which it became unresolved. */
  readonly atMs: number;
  /** The record as JSON, difficulties as decimal strings. */
  readonly body: string;
}

/** What an operator may do with an unresolved record. */
const SETTLEMENTS = ["credit", "drop"] as const;
export type Settlement = (typeof SETTLEMENTS)[number];

/** What an operator did. */
export interface SettledEntry {
  readonly id: number;
  readonly action: Settlement;
  /** The operator's reason. */
  readonly note: string;
  readonly atMs: number;
  readonly body: string;
}

/** What a shard has for the operator. */
export interface OperatorView {
  /** The oldest, at most 1,000. */
  readonly unresolved: readonly UnresolvedEntry[];
  readonly unresolvedCount: number;
  /** The latest, at most 1,000. */
  readonly settled: readonly SettledEntry[];
}

/** Records that wait for the operator's decision, and the log of those decisions, which is never cut. */
export class UnresolvedRecords {
  readonly #sql: SqlPort;
  readonly #onUnresolved: (one: UnresolvedRecord) => void;

  constructor(sql: SqlPort, onUnresolved: (one: UnresolvedRecord) => void = () => undefined) {
    this.#sql = sql;
    this.#onUnresolved = onUnresolved;
  }

  get count(): number {
    return Number(this.#sql.exec("SELECT count(*) AS n FROM unresolved")[0]?.["n"] ?? 0);
  }

  keep(records: readonly UnresolvedRecord[], nowMs: number): void {
    for (const one of records) {
      this.#sql.exec(
        "INSERT INTO unresolved (reason, at, body, version, kind) VALUES (?, ?, ?, ?, ?)",
        one.reason,
        nowMs,
        encodeRecords(one.record),
        ROW_VERSION,
        one.kind,
      );
      this.#onUnresolved(one);
    }
  }

  /** The oldest first. */
  list(limit: number): UnresolvedEntry[] {
    return this.#sql.exec("SELECT * FROM unresolved ORDER BY id LIMIT ?", limit).map((row) => ({
      id: Number(row["id"]),
      kind: row["kind"] === "block" ? "block" : "share",
      reason: String(row["reason"]),
      atMs: Number(row["at"]),
      body: String(row["body"]),
    }));
  }

  /** The record of an entry; null where there is none, or none that can be read and credited. */
  find(id: number): UnresolvedRecord | null {
    const [row] = this.#sql.exec("SELECT * FROM unresolved WHERE id = ?", id);
    if (!row || Number(row["version"]) > ROW_VERSION) return null;
    const body = String(row["body"]);
    const reason = String(row["reason"]);
    try {
      if (row["kind"] === "block") return { kind: "block", record: decodeBlock(body), reason };
      return { kind: "share", record: decodeShare(body), reason };
    } catch (error) {
      if (error instanceof v.ValiError || error instanceof SyntaxError || error instanceof LedgerRecordError)
        return null;
      throw error;
    }
  }

  /** Takes an entry out of the list and into the log. @returns whether it was there */
  settle(id: number, action: Settlement, note: string, nowMs: number): boolean {
    const [row] = this.#sql.exec("DELETE FROM unresolved WHERE id = ? RETURNING body", id);
    if (!row) return false;
    this.#sql.exec(
      "INSERT INTO settlement (action, reason, at, body, version) VALUES (?, ?, ?, ?, ?)",
      action,
      note,
      nowMs,
      row["body"] ?? "",
      ROW_VERSION,
    );
    return true;
  }

  /** What was done, the latest first. */
  settled(limit: number): SettledEntry[] {
    return this.#sql.exec("SELECT * FROM settlement ORDER BY id DESC LIMIT ?", limit).map((row) => ({
      id: Number(row["id"]),
      action: row["action"] === "credit" ? "credit" : "drop",
      note: String(row["reason"]),
      atMs: Number(row["at"]),
      body: String(row["body"]),
    }));
  }
}
