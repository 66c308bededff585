import { refuse, WRONG_TYPE } from "./errors.ts";
import type { SqlPort, SqlValue } from "./sql-port.ts";

export type KeyType = "string" | "hash" | "set" | "zset";

/** A key that exists. */
export interface KeyRow {
  readonly key: string;
  /** Names the key's entries; 0 for strings. A RENAME moves one row and no entry. */
  readonly id: number;
  readonly type: KeyType;
  /** Unix time in ms after which the key is gone; null keeps it. */
  readonly expiresMs: number | null;
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

const UPSERT_ENTRY =
  "INSERT INTO entries(id, name, value) VALUES(?, ?, ?) ON CONFLICT(id, name) DO UPDATE SET value = excluded.value";

/** Keys, their types and expirations, and the entries of hashes, sets and sorted sets. Synchronous; the time is set before each command. */
export class Keyspace {
  readonly sql: SqlPort;
  /** Unix time in ms of the command that is running. */
  nowMs = 0;
  #lastId: number;

  constructor(sql: SqlPort) {
    this.sql = sql;
    for (const statement of SCHEMA) sql.query(statement);
    this.#lastId = Number(sql.query("SELECT MAX(id) FROM entries")[0]?.[0] ?? 0);
  }

  /** The key, if it exists and has not expired. */
  find(key: string): KeyRow | null {
    const [row] = this.sql.query("SELECT id, type, expires FROM keys WHERE key = ?", key);
    if (!row) return null;
    const found = keyRow([key, ...row]);
    if (found.expiresMs === null || this.nowMs <= found.expiresMs) return found;
    this.drop(found);
    return null;
  }

  /** @throws RedisReplyError WRONGTYPE when the key holds something else */
  typed(key: string, type: KeyType): KeyRow | null {
    const found = this.find(key);
    if (found && found.type !== type) throw refuse(WRONG_TYPE);
    return found;
  }

  /** The key, made when it is not there. The caller adds an entry: an empty collection does not exist. */
  open(key: string, type: Exclude<KeyType, "string">): KeyRow {
    return this.typed(key, type) ?? this.#create(key, type);
  }

  #create(key: string, type: Exclude<KeyType, "string">): KeyRow {
    const id = ++this.#lastId;
    this.sql.query("INSERT INTO keys(key, id, type) VALUES(?, ?, ?)", key, id, type);
    return { key, id, type, expiresMs: null };
  }

  /** Removes a key with all its entries. */
  drop(row: KeyRow): void {
    this.sql.query("DELETE FROM keys WHERE key = ?", row.key);
    if (row.type !== "string") this.sql.query("DELETE FROM entries WHERE id = ?", row.id);
  }

  /** Whatever the key holds now gives way. */
  dropKey(key: string): boolean {
    const found = this.find(key);
    if (found) this.drop(found);
    return found !== null;
  }

  /** A collection whose last entry is gone is gone. */
  dropIfEmpty(row: KeyRow): void {
    if (this.sql.query("SELECT 1 FROM entries WHERE id = ? LIMIT 1", row.id).length === 0) this.drop(row);
  }

  setExpiry(row: KeyRow, expiresMs: number | null): void {
    if (row.expiresMs !== expiresMs) this.sql.query("UPDATE keys SET expires = ? WHERE key = ?", expiresMs, row.key);
  }

  /** The new name takes the old one's place with type, entries and expiration; what it held before is gone. */
  rename(row: KeyRow, key: string): void {
    if (row.key === key) return;
    this.dropKey(key);
    this.sql.query("UPDATE keys SET key = ? WHERE key = ?", key, row.key);
  }

  text(key: string): string | null {
    const row = this.typed(key, "string");
    return row ? this.textOf(row) : null;
  }

  textOf(row: KeyRow): string {
    return String(this.sql.query("SELECT value FROM keys WHERE key = ?", row.key)[0]?.[0] ?? "");
  }

  /** Sets a string whatever the key held before. */
  setText(key: string, value: string, expiresMs: number | null): void {
    const found = this.find(key);
    if (found && found.type !== "string") this.drop(found);
    this.sql.query(
      `INSERT INTO keys(key, id, type, expires, value) VALUES(?, 0, 'string', ?, ?)
       ON CONFLICT(key) DO UPDATE SET expires = excluded.expires, value = excluded.value`,
      key,
      expiresMs,
      value,
    );
  }

  /** @returns undefined when there is no such entry; a set's entry has the value null */
  entry(id: number, name: string): SqlValue | undefined {
    return this.sql.query("SELECT value FROM entries WHERE id = ? AND name = ?", id, name)[0]?.[0];
  }

  put(id: number, name: string, value: SqlValue): void {
    this.sql.query(UPSERT_ENTRY, id, name, value);
  }

  /** @returns whether it was there */
  remove(id: number, name: string): boolean {
    return this.sql.query("DELETE FROM entries WHERE id = ? AND name = ? RETURNING 1", id, name).length > 0;
  }

  count(id: number): number {
    return Number(this.sql.query("SELECT COUNT(*) FROM entries WHERE id = ?", id)[0]?.[0] ?? 0);
  }

  /** Names and values in the order of the names' bytes. */
  entries(id: number): SqlValue[][] {
    return this.sql.query("SELECT name, value FROM entries WHERE id = ?", id);
  }

  names(id: number): string[] {
    return this.sql.query("SELECT name FROM entries WHERE id = ?", id).map(([name]) => String(name));
  }

  /** Every key that exists, in the order of its bytes. @param after only keys behind this one @param limit -1 for all */
  keys(after: string | null = null, limit = -1): KeyRow[] {
    return this.sql
      .query(
        `SELECT key, id, type, expires FROM keys
         WHERE key ${after === null ? ">=" : ">"} ? AND (expires IS NULL OR expires >= ?) ORDER BY key LIMIT ?`,
        after ?? "",
        this.nowMs,
        limit,
      )
      .map(keyRow);
  }

  /** Entries in the order of the names' bytes. @param after only entries behind this name */
  page(id: number, after: string | null, limit: number): SqlValue[][] {
    return this.sql.query(
      `SELECT name, value FROM entries WHERE id = ? AND name ${after === null ? ">=" : ">"} ? ORDER BY name LIMIT ?`,
      id,
      after ?? "",
      limit,
    );
  }

  /** Removes keys that have expired and that nobody has asked for since. @returns how many, at most `limit` */
  purgeExpired(limit: number): number {
    const rows = this.sql
      .query("SELECT key, id, type, expires FROM keys WHERE expires < ? LIMIT ?", this.nowMs, limit)
      .map(keyRow);
    for (const row of rows) this.drop(row);
    return rows.length;
  }

  clear(): void {
    this.sql.query("DELETE FROM keys");
    this.sql.query("DELETE FROM entries");
  }
}

const TYPES = new Set<string>(["string", "hash", "set", "zset"]);

function isKeyType(value: string): value is KeyType {
  return TYPES.has(value);
}

function keyRow([key = "", id = 0, type = "", expires = null]: readonly SqlValue[]): KeyRow {
  const kind = String(type);
  if (!isKeyType(kind))
    throw new Error("embedded ledger: a key of an unknown type; the storage was written by another version");
  return { key: String(key), id: Number(id), type: kind, expiresMs: expires === null ? null : Number(expires) };
}
