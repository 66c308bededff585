import type { SqlPort, SqlRow, SqlValue } from "../../sql-port.ts";
import { EntryValues, type EntryPlace, type PlacedEntry } from "./entry-values.ts";
import { refuse, WRONG_TYPE } from "./errors.ts";
import { ManyRows } from "./many-rows.ts";
import type { ScoreIndex } from "./score-index.ts";
import { ScoreIndexes } from "./score-indexes.ts";

export type KeyType = "string" | "hash" | "list" | "set" | "zset";

/** A key that exists. */
export interface KeyRow {
  readonly key: string;
  /** Names the key's entries; 0 for strings. A RENAME moves one row and no entry. */
  readonly id: number;
  readonly type: KeyType;
  /** Unix time in ms after which the key is gone; null keeps it. */
  readonly expiresMs: number | null;
}

/** A field of a hash, a member of a set (value null) or of a sorted set (value: its score), an element of a list under its place. */
export interface Entry {
  readonly name: string;
  readonly value: SqlValue;
}

/**
 * Redis' data in two tables without rowid and without further index, so that a write is one billed row: a new member one, a new key
 * one more. A sorted set is ordered when it is read; docs/decisions/0005-no-index-by-score.md has the figures against an index by score.
 */
const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS keys(
    key TEXT PRIMARY KEY, id INTEGER NOT NULL, type TEXT NOT NULL, expires INTEGER, value TEXT) WITHOUT ROWID`,
  // No type for value: text for a hash, a double for a sorted set, null for a set, each as it was bound.
  `CREATE TABLE IF NOT EXISTS entries(id INTEGER NOT NULL, name TEXT NOT NULL, value, PRIMARY KEY(id, name)) WITHOUT ROWID`,
];

const FIND_KEYS = new ManyRows(
  1,
  (rows) => `SELECT key, id, type, expires FROM (VALUES ${rows}) AS wanted CROSS JOIN keys WHERE key = wanted.column1`,
);
const FIND_ENTRIES = new ManyRows(
  2,
  (rows) =>
    `SELECT id, name, value FROM (VALUES ${rows}) AS wanted CROSS JOIN entries
     WHERE id = wanted.column1 AND name = wanted.column2`,
);
const UPSERT_ENTRIES = new ManyRows(
  3,
  (rows) =>
    `INSERT INTO entries(id, name, value) VALUES ${rows} ON CONFLICT(id, name) DO UPDATE SET value = excluded.value`,
);

/** Keys, their types and expirations, and the entries of hashes, sets and sorted sets. Synchronous; the time is set before each command. */
export class Keyspace {
  readonly sql: SqlPort;
  readonly #scores = new ScoreIndexes();
  /** Unix time in ms of the command that is running. */
  nowMs = 0;
  #lastId: number;

  constructor(sql: SqlPort) {
    this.sql = this.#undoable(sql);
    for (const statement of SCHEMA) sql.exec(statement);
    this.#lastId = Number(sql.exec("SELECT MAX(id) AS id FROM entries")[0]?.["id"] ?? 0);
  }

  /** Between two commands: what is in memory is what is stored. */
  settled(): void {
    this.#scores.settled();
  }

  /** What a failed step has put into memory is forgotten with what it has put into storage. */
  #undoable(sql: SqlPort): SqlPort {
    return {
      exec: (statement, ...parameters) => sql.exec(statement, ...parameters),
      transaction: (work) => {
        try {
          return sql.transaction(work);
        } catch (error) {
          this.#scores.undo();
          throw error;
        }
      },
      durable: () => sql.durable(),
    };
  }

  /** The key, if it exists and has not expired. */
  find(key: string): KeyRow | null {
    const [row] = this.sql.exec("SELECT key, id, type, expires FROM keys WHERE key = ?", key);
    if (!row) return null;
    const found = keyRow(row);
    if (!this.#isExpired(found)) return found;
    this.drop(found);
    return null;
  }

  /** Those of many keys that exist and have not expired. */
  findAll(keys: readonly string[]): Map<string, KeyRow> {
    const found = new Map<string, KeyRow>();
    const wanted = [...new Set(keys)].map((key) => [key]);
    for (const row of FIND_KEYS.run(this.sql, wanted).map(keyRow)) {
      if (this.#isExpired(row)) this.drop(row);
      else found.set(row.key, row);
    }
    return found;
  }

  #isExpired({ expiresMs }: KeyRow): boolean {
    return expiresMs !== null && this.nowMs > expiresMs;
  }

  /** @throws RedisReplyError WRONGTYPE when the key holds something else */
  typed(key: string, type: KeyType): KeyRow | null {
    return typedRow(this.find(key), type);
  }

  /** The key, made when it is not there. The caller adds an entry: an empty collection does not exist. */
  open(key: string, type: Exclude<KeyType, "string">): KeyRow {
    return this.typed(key, type) ?? this.#create(key, type);
  }

  /** The same for one of the keys that {@link findAll} has looked for. @param found what it has found: a key that is made is added */
  openIn(found: Map<string, KeyRow>, key: string, type: Exclude<KeyType, "string">): KeyRow {
    const row = typedRow(found.get(key), type) ?? this.#create(key, type);
    found.set(key, row);
    return row;
  }

  #create(key: string, type: Exclude<KeyType, "string">): KeyRow {
    const id = ++this.#lastId;
    this.sql.exec("INSERT INTO keys(key, id, type) VALUES(?, ?, ?)", key, id, type);
    return { key, id, type, expiresMs: null };
  }

  /** Removes a key with all its entries. */
  drop(row: KeyRow): void {
    this.sql.exec("DELETE FROM keys WHERE key = ?", row.key);
    if (row.type !== "string") this.sql.exec("DELETE FROM entries WHERE id = ?", row.id);
    this.#scores.forget(row.id);
  }

  /** Whatever the key holds now gives way. */
  dropKey(key: string): boolean {
    const found = this.find(key);
    if (found) this.drop(found);
    return found !== null;
  }

  /** A collection whose last entry is gone is gone. */
  dropIfEmpty(row: KeyRow): void {
    if (this.sql.exec("SELECT 1 FROM entries WHERE id = ? LIMIT 1", row.id).length === 0) this.drop(row);
  }

  setExpiry(row: KeyRow, expiresMs: number | null): void {
    if (row.expiresMs !== expiresMs) this.sql.exec("UPDATE keys SET expires = ? WHERE key = ?", expiresMs, row.key);
  }

  /** The new name takes the old one's place with type, entries and expiration; what it held before is gone. */
  rename(row: KeyRow, key: string): void {
    if (row.key === key) return;
    this.dropKey(key);
    this.sql.exec("UPDATE keys SET key = ? WHERE key = ?", key, row.key);
  }

  text(key: string): string | null {
    const row = this.typed(key, "string");
    return row ? String(this.sql.exec("SELECT value FROM keys WHERE key = ?", key)[0]?.["value"] ?? "") : null;
  }

  /** Sets a string whatever the key held before. */
  setText(key: string, value: string, expiresMs: number | null): void {
    const found = this.find(key);
    if (found && found.type !== "string") this.drop(found);
    this.sql.exec(
      `INSERT INTO keys(key, id, type, expires, value) VALUES(?, 0, 'string', ?, ?)
       ON CONFLICT(key) DO UPDATE SET expires = excluded.expires, value = excluded.value`,
      key,
      expiresMs,
      value,
    );
  }

  /** @returns undefined when there is no such entry; a set's entry has the value null */
  entry(id: number, name: string): SqlValue | undefined {
    return this.sql.exec("SELECT value FROM entries WHERE id = ? AND name = ?", id, name)[0]?.["value"];
  }

  /** Those of many entries that there are. */
  entriesAt(places: readonly EntryPlace[]): EntryValues {
    const values = new EntryValues();
    const wanted = places.map(({ id, name }) => [id, name]);
    for (const row of FIND_ENTRIES.run(this.sql, wanted)) values.set({ id: Number(row["id"]), ...entryOf(row) });
    return values;
  }

  put(id: number, name: string, value: SqlValue): void {
    this.putAll([{ id, name, value }]);
  }

  /** Writes many entries, as if one after the other. */
  putAll(entries: readonly PlacedEntry[]): void {
    const scored = entries.filter(({ id, value }) => typeof value === "number" && this.#scores.peek(id) !== undefined);
    const stored = this.entriesAt(scored);
    const changed = entries.filter((entry) => this.#rescore(stored, entry));
    const rows = changed.map(({ id, name, value }) => [id, name, value]);
    UPSERT_ENTRIES.run(this.sql, rows);
  }

  /** Keeps up the index of a set that is in memory by score. @param stored what was there, and from now on this @returns whether it changes */
  #rescore(stored: EntryValues, entry: PlacedEntry): boolean {
    const { id, name, value } = entry;
    if (typeof value !== "number" || this.#scores.peek(id) === undefined) return true;
    const before = stored.at(id, name);
    if (before === value) return false;
    if (before !== undefined) this.#scores.delete(id, name, Number(before));
    this.#scores.add(id, name, value, this.nowMs);
    stored.set(entry);
    return true;
  }

  /** @returns whether it was there */
  remove(id: number, name: string): boolean {
    const [removed] = this.sql.exec("DELETE FROM entries WHERE id = ? AND name = ? RETURNING value", id, name);
    if (removed !== undefined) this.#scores.delete(id, name, Number(removed["value"]));
    return removed !== undefined;
  }

  /** The members of a sorted set by score; null where they are too many to be held in memory. */
  byScore(id: number): ScoreIndex | null {
    return this.#scores.get(id, (after, limit) => this.page(id, after, limit), this.nowMs);
  }

  /** The same, where it is in memory already. */
  knownByScore(id: number): ScoreIndex | undefined {
    return this.#scores.peek(id);
  }

  /** Removes entries, and the key with its last one. @returns how many were there */
  removeAll(row: KeyRow | null, names: readonly string[]): number {
    if (!row) return 0;
    const removed = names.filter((name) => this.remove(row.id, name)).length;
    if (removed > 0) this.dropIfEmpty(row);
    return removed;
  }

  count(id: number): number {
    return Number(this.sql.exec("SELECT COUNT(*) AS n FROM entries WHERE id = ?", id)[0]?.["n"] ?? 0);
  }

  /** Names and values in the order of the names' bytes. */
  entries(id: number): Entry[] {
    return this.sql.exec("SELECT name, value FROM entries WHERE id = ?", id).map(entryOf);
  }

  /** Every key that exists, in the order of its bytes. @param after only keys behind this one */
  keys(after: string | null, limit: number): KeyRow[] {
    return this.sql
      .exec(
        `SELECT key, id, type, expires FROM keys
         WHERE key ${after === null ? ">=" : ">"} ? AND (expires IS NULL OR expires >= ?) ORDER BY key LIMIT ?`,
        after ?? "",
        this.nowMs,
        limit,
      )
      .map(keyRow);
  }

  /** Entries in the order of the names' bytes. @param after only entries behind this name */
  page(id: number, after: string | null, limit: number): Entry[] {
    return this.sql
      .exec(
        `SELECT name, value FROM entries WHERE id = ? AND name ${after === null ? ">=" : ">"} ? ORDER BY name LIMIT ?`,
        id,
        after ?? "",
        limit,
      )
      .map(entryOf);
  }

  /** Removes keys that have expired and that nobody has asked for since. @returns how many, at most `limit` */
  purgeExpired(limit: number): number {
    const rows = this.sql
      .exec("SELECT key, id, type, expires FROM keys WHERE expires < ? LIMIT ?", this.nowMs, limit)
      .map(keyRow);
    for (const row of rows) this.drop(row);
    return rows.length;
  }

  clear(): void {
    this.#scores.forgetAll();
    this.sql.exec("DELETE FROM keys");
    this.sql.exec("DELETE FROM entries");
  }
}

/** @throws RedisReplyError WRONGTYPE when the key holds something else */
export function typedRow(row: KeyRow | null | undefined, type: KeyType): KeyRow | null {
  if (row && row.type !== type) throw refuse(WRONG_TYPE);
  return row ?? null;
}

const TYPES = new Set<string>(["string", "hash", "list", "set", "zset"]);

function isKeyType(value: string): value is KeyType {
  return TYPES.has(value);
}

function keyRow({ key = "", id = 0, type = "", expires = null }: SqlRow): KeyRow {
  const kind = String(type);
  if (!isKeyType(kind))
    throw new Error("embedded ledger: a key of an unknown type; the storage was written by another version");
  return { key: String(key), id: Number(id), type: kind, expiresMs: expires === null ? null : Number(expires) };
}

function entryOf({ name = "", value = null }: SqlRow): Entry {
  return { name: String(name), value };
}
