import * as v from "valibot";
import type { SqlPort } from "../sql-port.ts";
import type { Client } from "./client.ts";
import type { Standing } from "./conduct.ts";

const VERSION = 1;

const standing = v.object({
  sinceMs: v.number(),
  malformed: v.number(),
  valid: v.number(),
  invalid: v.number(),
  earned: v.number(),
  provenUntilMs: v.number(),
  ban: v.nullable(v.object({ untilMs: v.number(), reason: v.string(), byHand: v.boolean(), enforced: v.boolean() })),
});
const client = v.object({ client: v.string(), seenMs: v.number(), standing });

/** What a guard keeps of its client. */
export interface ClientRow {
  readonly client: Client;
  /** When it was first seen, Unix time in ms. */
  readonly seenMs: number;
  readonly standing: Standing;
}

/**
 * What a guard knows, over restarts: one row for its client, one a login that was judged there, one a login whose object has
 * connections of it. Rows carry a version; one that cannot be read is named and counts for nothing.
 */
export class StandingStore {
  readonly #sql: SqlPort;
  readonly #unreadable: (key: string) => void;

  /** @param unreadable told of a row of another version, by its key */
  constructor(sql: SqlPort, unreadable: (key: string) => void) {
    this.#sql = sql;
    this.#unreadable = unreadable;
    // Without row ids, so that the key is no second row to pay for. The client's own row has the empty key.
    sql.exec("CREATE TABLE IF NOT EXISTS standing (key TEXT PRIMARY KEY, version INTEGER, value TEXT) WITHOUT ROWID");
    sql.exec("CREATE TABLE IF NOT EXISTS holder (login TEXT PRIMARY KEY) WITHOUT ROWID");
  }

  client(): ClientRow | null {
    const [row] = this.#sql.exec("SELECT version, value FROM standing WHERE key = ''");
    return row === undefined ? null : this.#read("", row["version"], row["value"], client);
  }

  keepClient(row: ClientRow): void {
    this.#write("", row);
  }

  login(login: string): Standing | null {
    const [row] = this.#sql.exec("SELECT version, value FROM standing WHERE key = ?", login);
    return row === undefined ? null : this.#read(login, row["version"], row["value"], standing);
  }

  keepLogin(login: string, kept: Standing): void {
    this.#write(login, kept);
  }

  /** Every login with a standing of its own. */
  logins(): Map<string, Standing> {
    const found = new Map<string, Standing>();
    for (const { key, version, value } of this.#sql.exec("SELECT key, version, value FROM standing WHERE key <> ''")) {
      const read = this.#read(String(key), version, value, standing);
      if (read !== null) found.set(String(key), read);
    }
    return found;
  }

  countLogins(): number {
    return Number(this.#sql.exec("SELECT count(*) AS n FROM standing WHERE key <> ''")[0]?.["n"] ?? 0);
  }

  forgetLogin(login: string): void {
    this.#sql.exec("DELETE FROM standing WHERE key = ?", login);
  }

  holders(): string[] {
    return this.#sql.exec("SELECT login FROM holder").map(({ login }) => String(login));
  }

  addHolder(login: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO holder VALUES (?)", login);
  }

  removeHolder(login: string): void {
    this.#sql.exec("DELETE FROM holder WHERE login = ?", login);
  }

  #write(key: string, value: ClientRow | Standing): void {
    this.#sql.exec("INSERT OR REPLACE INTO standing VALUES (?, ?, ?)", key, VERSION, JSON.stringify(value));
  }

  #read<T>(key: string, version: unknown, value: unknown, schema: v.GenericSchema<unknown, T>): T | null {
    const result = version === VERSION ? v.safeParse(schema, parsed(value)) : null;
    if (result?.success) return result.output;
    this.#unreadable(key);
    return null;
  }
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return null;
  }
}
