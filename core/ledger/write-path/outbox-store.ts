import * as v from "valibot";
import type { BlockRecord } from "../contract/records.ts";
import { decodeBlock, decodeShares, encodeRecords } from "../contract/record-codec.ts";
import type { SqlPort, SqlRow, SqlValue } from "../../sql-port.ts";
import { recordsOf, type LedgerWrite } from "./send-write.ts";
import { openTables, ROW_VERSION } from "./store-tables.ts";
import { UnreadableRows, type UnreadableRow } from "./unreadable-rows.ts";
import { UnresolvedRecords, type UnresolvedRecord } from "./unresolved-records.ts";

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
  /** The login for which it is set aside, because Redis refuses that one; null where it waits in order with the others. */
  readonly refusedLogin: string | null;
}

/** Writes that go into the outbox. */
export interface NewRows {
  readonly writes: readonly LedgerWrite[];
  readonly uncertain: boolean;
  /** See {@link OutboxRow.refusedLogin}. */
  readonly refusedLogin: string | null;
}

/** A login whose records Redis refuses for what its own keys hold. */
export interface RefusedLogin {
  readonly login: string;
  /** Redis' words, and the key that stands in the way where it was found. */
  readonly reason: string;
  /** Unix time in ms. */
  readonly sinceMs: number;
}

/**
 * How far a submission is that was made durable before its fate was known.
 * `claimed`: passed the cheap test, the full verification is to come; or a block that turned out to be a share only.
 * `foundClaimed`: passed the cheap test, and it would be a block. `found`: a verified block that no node has accepted yet.
 * `sealed`: a node accepted it or has it in its chain, the ledger does not have it yet. `rival`: the ledger has another nonce for its header;
 * the chain has to say which of them it has. `confirmed`: it has this one. The ledger is written from `claimed`, `sealed` and `confirmed`
 * only.
 */
const HELD_STAGES = ["claimed", "foundClaimed", "found", "sealed", "rival", "confirmed"] as const;
export type HeldStage = (typeof HELD_STAGES)[number];

/** A submission that is durable before its fate is known. */
export interface HeldSubmission {
  readonly id: number;
  /** As it is in the store. */
  stage: HeldStage;
  /** It was sent again: an attempt before it was held may have gone all the way to the ledger. */
  readonly retry: boolean;
  readonly record: BlockRecord;
}

/** Beside the record in a row of `held`; rows of before lack it. */
const RETRY = v.object({ retry: v.optional(v.boolean(), false) });

/** Told of what a store finds; all may be left out. */
export interface StoreEvents {
  /** A record goes to the operator. */
  readonly onUnresolved?: (one: UnresolvedRecord) => void;
  /** A row that this version of the pool cannot read is set aside. */
  readonly onUnreadable?: (row: UnreadableRow) => void;
}

/**
 * The durable tables of a verifier: `outbox` (acknowledged, not yet in the ledger), `refused_login` (whose rows of the outbox wait
 * apart), `held` (acknowledged or sent to a node, fate open), `unresolved` and `settlement` (for the operator), `unreadable` (rows of
 * other versions). Every method is one transaction. In healthy operation no row is ever written.
 */
export class OutboxStore {
  readonly unreadable: UnreadableRows;
  readonly unresolved: UnresolvedRecords;
  readonly #sql: SqlPort;
  #lastId: number;
  #lastHeldId: number;

  constructor(sql: SqlPort, { onUnresolved, onUnreadable }: StoreEvents = {}) {
    this.#sql = sql;
    openTables(sql);
    this.unresolved = new UnresolvedRecords(sql, onUnresolved);
    this.unreadable = new UnreadableRows(sql, onUnreadable);
    // An id that was marked as attempted is not given out again, or a new row would count as uncertain.
    this.#lastId = Math.max(this.#number("SELECT max(id) AS n FROM outbox"), this.attemptedUpTo());
    this.#lastHeldId = this.#number("SELECT max(id) AS n FROM held");
    sql.transaction(() => this.#sortOut());
  }

  /** Resolves when everything written so far would survive the loss of the process. */
  durable(): Promise<void> {
    return this.#sql.durable();
  }

  /** Puts writes at the end of the outbox and drops what was held for them, as one step. @returns the rows, one a write */
  append({ writes, uncertain, refusedLogin }: NewRows, dropHeld: readonly number[]): OutboxRow[] {
    return this.#sql.transaction(() => {
      const rows = writes.map((write, at) => ({ id: this.#lastId + 1 + at, write, refusedLogin }));
      for (const { id, write } of rows) {
        this.#sql.exec(
          "INSERT INTO outbox (id, kind, uncertain, shares, body, version, refused_login) VALUES (?, ?, ?, ?, ?, ?, ?)",
          id,
          write.kind,
          uncertain ? 1 : 0,
          recordsOf(write).length,
          bodyOf(write),
          ROW_VERSION,
          refusedLogin,
        );
      }
      for (const held of dropHeld) this.dropHeld(held);
      this.#lastId += rows.length;
      return rows;
    });
  }

  /** The oldest entries. @param refusedLogin of those that are set aside for this login; null: of those that wait in order */
  entries(limit: number, refusedLogin: string | null): OutboxEntry[] {
    return this.#sql
      .exec(
        "SELECT id, kind, uncertain, shares FROM outbox WHERE refused_login IS ? ORDER BY id LIMIT ?",
        refusedLogin,
        limit,
      )
      .map((row) => ({
        id: Number(row["id"]),
        kind: row["kind"] === "block" ? "block" : "shares",
        uncertain: row["uncertain"] === 1,
        shares: Number(row["shares"]),
      }));
  }

  /** The rows from one id to another, both included, at most `limit`, of all logins. */
  rows(from: number, to: number, limit = -1): OutboxRow[] {
    return this.#rows("id BETWEEN ? AND ?", from, to, limit);
  }

  /** The rows with these ids, oldest first. */
  rowsOf(ids: readonly number[]): OutboxRow[] {
    return ids.flatMap((id) => this.rows(id, id));
  }

  /** Marks rows as ones that an earlier attempt may have written, or as ones that it has not. */
  setUncertain(ids: readonly number[], uncertain: boolean): void {
    for (const id of ids) this.#sql.exec("UPDATE outbox SET uncertain = ? WHERE id = ?", uncertain ? 1 : 0, id);
  }

  /** What is left of a row's write: nothing, and the row goes; else the row keeps its place. */
  rewrite(id: number, rest: LedgerWrite | null, uncertain: boolean): void {
    if (rest === null) this.#sql.exec("DELETE FROM outbox WHERE id = ?", id);
    else
      this.#sql.exec(
        "UPDATE outbox SET shares = ?, body = ?, uncertain = ? WHERE id = ?",
        recordsOf(rest).length,
        bodyOf(rest),
        uncertain ? 1 : 0,
        id,
      );
  }

  /** All of `work` or, when it throws, nothing. */
  atomically<T>(work: () => T): T {
    return this.#sql.transaction(work);
  }

  /**
   * The write of these rows is settled: they go. What could not be resolved is kept for the operator; rivals are held, as what an attempt
   * before has been made at. @returns what is held
   */
  settle(
    ids: readonly number[],
    open: { readonly unresolved: readonly UnresolvedRecord[]; readonly rivals: readonly BlockRecord[] },
    nowMs: number,
  ): HeldSubmission[] {
    return this.#sql.transaction(() => {
      for (const id of ids) this.#sql.exec("DELETE FROM outbox WHERE id = ?", id);
      this.unresolved.keep(open.unresolved, nowMs);
      return open.rivals.map((record) => this.hold("rival", record, true));
    });
  }

  /** Rows up to this id may have been sent by a life of this object that ended before it could say what came of it. */
  attemptedUpTo(): number {
    return this.#number("SELECT value AS n FROM outbox_state WHERE name = 'attempted'");
  }

  markAttempted(id: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO outbox_state (name, value) VALUES ('attempted', ?)", id);
  }

  refusedLogins(): RefusedLogin[] {
    return this.#sql.exec("SELECT login, reason, since FROM refused_login ORDER BY since, login").map((row) => ({
      login: String(row["login"]),
      reason: String(row["reason"]),
      sinceMs: Number(row["since"]),
    }));
  }

  refuse({ login, reason, sinceMs }: RefusedLogin): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO refused_login (login, reason, since, version) VALUES (?, ?, ?, ?)",
      login,
      reason,
      sinceMs,
      ROW_VERSION,
    );
  }

  readmit(login: string): void {
    this.#sql.exec("DELETE FROM refused_login WHERE login = ?", login);
  }

  /** @param retry an earlier attempt at it may have gone all the way */
  hold(stage: HeldStage, record: BlockRecord, retry = false): HeldSubmission {
    const id = ++this.#lastHeldId;
    const body = encodeRecords({ ...record, ...(retry ? { retry } : {}) });
    this.#sql.exec("INSERT INTO held (id, stage, body, version) VALUES (?, ?, ?, ?)", id, stage, body, ROW_VERSION);
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
      this.unresolved.keep([unresolved], nowMs);
    });
  }

  held(): HeldSubmission[] {
    return this.#sql.exec("SELECT * FROM held ORDER BY id").map(heldOf);
  }

  /** Takes up what an earlier version could not read and this one can; sets aside what this one cannot. Every other method may trust the rows. */
  #sortOut(): void {
    for (const { id, source, row } of this.unreadable.all()) {
      const { good, bad } = divide(source, row);
      if (good === null) continue;
      this.unreadable.drop(id);
      this.#restore(source, good);
      for (const one of bad) this.unreadable.keep(source, one.row, one.reason);
    }
    // Only what may be unreadable is read twice: a full outbox is large.
    for (const source of ["outbox", "held"] as const)
      for (let from = -1; ;) {
        const rows = this.#sql.exec(`SELECT * FROM ${source} WHERE id > ? ORDER BY id LIMIT 100`, from);
        for (const row of rows) {
          const { good, bad } = divide(source, row);
          if (bad.length === 0) continue;
          const attempted = source === "outbox" && Number(row["id"]) <= this.attemptedUpTo();
          for (const one of bad)
            this.unreadable.keep(source, attempted ? { ...one.row, uncertain: 1 } : one.row, one.reason);
          if (good === null) this.#sql.exec(`DELETE FROM ${source} WHERE id = ?`, row["id"] ?? null);
          else {
            const { id, write } = outboxRowOf(good);
            this.rewrite(id, write, row["uncertain"] === 1);
          }
        }
        const last = rows.at(-1);
        if (!last) break;
        from = Number(last["id"]);
      }
    // A login may have been readmitted while rows of it were set aside: nobody would try them again.
    this.#sql.exec(
      "UPDATE outbox SET refused_login = NULL WHERE refused_login NOT IN (SELECT login FROM refused_login)",
    );
  }

  #restore(source: "outbox" | "held", row: SqlRow): void {
    if (source === "held") {
      const { stage, record, retry } = heldOf(row);
      this.hold(stage, record, retry);
      return;
    }
    const { write, refusedLogin } = outboxRowOf(row);
    this.append({ writes: [write], uncertain: row["uncertain"] === 1, refusedLogin }, []);
  }

  #rows(where: string, ...parameters: SqlValue[]): OutboxRow[] {
    return this.#sql.exec(`SELECT * FROM outbox WHERE ${where} ORDER BY id LIMIT ?`, ...parameters).map(outboxRowOf);
  }

  #number(query: string): number {
    return Number(this.#sql.exec(query)[0]?.["n"] ?? 0);
  }
}

function bodyOf(write: LedgerWrite): string {
  return encodeRecords(write.kind === "shares" ? write.records : write.record);
}

interface Divided {
  readonly good: SqlRow | null;
  readonly bad: readonly { readonly row: SqlRow; readonly reason: string }[];
}

/** @returns why a row cannot be read, null when it can */
function unreadableFor(source: "outbox" | "held", row: SqlRow): string | null {
  if (Number(row["version"]) > ROW_VERSION) return `version ${row["version"]}, and this pool knows ${ROW_VERSION}`;
  try {
    if (source === "outbox") outboxRowOf(row);
    else heldOf(row);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 200) : String(error);
  }
}

/** What of a row can be read, and what cannot, share by share: one that cannot keeps no other with it. */
function divide(source: "outbox" | "held", row: SqlRow): Divided {
  const reason = unreadableFor(source, row);
  if (reason === null) return { good: row, bad: [] };
  const shares = sharesIn(source, row);
  const good = shares.filter((share) => unreadableFor(source, rowOf(row, [share])) === null);
  if (good.length === 0) return { good: null, bad: [{ row, reason }] };
  const bad = shares.flatMap((share) => {
    const one = rowOf(row, [share]);
    const why = unreadableFor(source, one);
    return why === null ? [] : [{ row: one, reason: why }];
  });
  return { good: rowOf(row, good), bad };
}

/** The shares that a row of this version holds, unchecked. */
function sharesIn(source: "outbox" | "held", row: SqlRow): readonly unknown[] {
  if (source === "held" || row["kind"] !== "shares") return [];
  try {
    const shares: unknown = JSON.parse(String(row["body"]));
    return Array.isArray(shares) ? shares : [];
  } catch {
    return [];
  }
}

const rowOf = (row: SqlRow, shares: readonly unknown[]): SqlRow => ({
  ...row,
  shares: shares.length,
  body: JSON.stringify(shares),
});

function outboxRowOf(row: SqlRow): OutboxRow {
  const body = String(row["body"]);
  const refused = row["refused_login"] ?? null;
  const refusedLogin = refused === null ? null : String(refused);
  const id = Number(row["id"]);
  if (row["kind"] === "block") return { id, write: { kind: "block", record: decodeBlock(body) }, refusedLogin };
  if (row["kind"] !== "shares") throw new Error(`a write of unknown kind ${String(row["kind"])}`);
  return { id, write: { kind: "shares", records: decodeShares(body) }, refusedLogin };
}

function heldOf(row: SqlRow): HeldSubmission {
  const body = String(row["body"]);
  const { retry } = v.parse(RETRY, JSON.parse(body));
  return { id: Number(row["id"]), stage: stageOf(row["stage"]), retry, record: decodeBlock(body) };
}

function stageOf(value: SqlValue | undefined): HeldStage {
  const stage = HELD_STAGES.find((one) => one === value);
  if (stage) return stage;
  throw new Error(`unknown stage ${String(value)}`);
}
