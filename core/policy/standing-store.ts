import * as v from "valibot";
import type { SqlPort, SqlRow, SqlValue } from "../sql-port.ts";
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
const clientRow = v.object({ client: v.string(), seenMs: v.number(), standing });

/** What a guard keeps of its client. */
export interface ClientRow {
  readonly client: Client;
  /** When it was first seen, Unix time in ms. */
  readonly seenMs: number;
  readonly standing: Standing;
}

/** A ban that is in force. */
export interface ListedBan {
  readonly client: Client;
  /** Null: the whole client. */
  readonly login: string | null;
  /** Unix time in ms. */
  readonly untilMs: number;
  readonly reason: string;
  readonly byHand: boolean;
}

/** Bans that one object lists: an attack from very many addresses must not fill an answer. */
const MOST_LISTED = 1_000;

/** Clients whose rows an object knows of without asking for them. */
const MOST_KNOWN = 2_048;

/** The own row of a client, beside those of its logins. */
const OWN = "";

/** A field of the ban that a row holds, as SQL. */
const banned = (field: keyof ListedBan): string =>
  `CASE WHEN json_valid(value) THEN json_extract(value, CASE login WHEN '${OWN}' THEN '$.standing.ban.${field}' ELSE '$.ban.${field}' END) END`;

/** The tables, made with the first statement, and again by whoever was at something while everything was deleted. */
class Tables {
  readonly #sql: SqlPort;
  #exist = false;
  /** Who has a row, and some who had; null where they are too many. Whoever comes for the first time is looked for in no table. */
  #clients: Set<Client> | null | undefined;

  constructor(sql: SqlPort) {
    this.#sql = sql;
  }

  /** Whether there may be a row of a client. */
  mayHave(client: Client): boolean {
    if (this.#clients === undefined) this.#keepClients(this.#readClients());
    return this.#clients?.has(client) ?? true;
  }

  /** A row of a client is written. */
  has(client: Client): void {
    this.#clients?.add(client);
    this.#keepClients(this.#clients);
  }

  #keepClients(clients: Set<Client> | null | undefined): void {
    this.#clients = clients && clients.size > MOST_KNOWN ? null : clients;
  }

  #readClients(): Set<Client> {
    const rows = this.exec(
      "SELECT client FROM client_standing UNION SELECT client FROM client_login LIMIT ?",
      MOST_KNOWN + 1,
    );
    return new Set(rows.map(({ client }) => String(client)));
  }

  exec(statement: string, ...parameters: SqlValue[]): SqlRow[] {
    if (!this.#exist) this.#make();
    return this.#sql.exec(statement, ...parameters);
  }

  deleted(): void {
    this.#exist = false;
    this.#clients = undefined;
  }

  #make(): void {
    // Without row ids, so that the key is no second row to pay for.
    this.#sql
      .exec(`CREATE TABLE IF NOT EXISTS client_standing (client TEXT, login TEXT, version INTEGER, due_ms INTEGER, value TEXT,
      PRIMARY KEY (client, login)) WITHOUT ROWID`);
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS client_login (client TEXT, login TEXT, since_ms INTEGER, due_ms INTEGER,
      PRIMARY KEY (client, login)) WITHOUT ROWID`);
    this.#exist = true;
  }
}

/**
 * What an object of guards knows, over restarts: a row for each client, one for each login that was judged at a client, one for each login
 * that may have connections of it. Counts are in none of them for their own sake: a row is written for what must outlast memory. Rows carry a
 * version; one that cannot be read is named and counts for nothing. Each says when it has to be looked at again.
 */
export class StandingStore {
  readonly #sql: Tables;
  readonly #unreadable: (key: string) => void;

  /** @param unreadable told of a row of another version, by its client and login */
  constructor(sql: SqlPort, unreadable: (key: string) => void) {
    this.#sql = new Tables(sql);
    this.#unreadable = unreadable;
  }

  /** Everything in the storage was deleted. */
  deleted(): void {
    this.#sql.deleted();
  }

  /** The rows of one client. */
  of(client: Client): ClientStore {
    return new ClientStore(this.#sql, client, this.#unreadable);
  }

  /** Miners of a bridge whose logins may have connections. */
  vouchedBy(bridge: Client): Client[] {
    // What begins with the bridge's address and a number sign, the character before the dollar sign.
    const rows = this.#sql.exec(
      "SELECT DISTINCT client FROM client_login WHERE client > ? AND client < ?",
      `${bridge}#`,
      `${bridge}$`,
    );
    return rows.map(({ client }) => String(client));
  }

  /** Clients with a row that is due. */
  due(nowMs: number): Client[] {
    const due = this.#sql.exec(
      "SELECT client FROM client_standing WHERE due_ms <= ?1 UNION SELECT client FROM client_login WHERE due_ms <= ?1",
      nowMs,
    );
    return due.map((row) => String(row["client"]));
  }

  /** Bans that are in force, what ends last first; at most {@link MOST_LISTED}. */
  bans(nowMs: number): ListedBan[] {
    return this.#sql
      .exec(
        `SELECT client, login, ${banned("untilMs")} AS until_ms, ${banned("reason")} AS reason, ${banned("byHand")} AS by_hand
        FROM client_standing WHERE version = ? AND until_ms > ? ORDER BY until_ms DESC LIMIT ?`,
        VERSION,
        nowMs,
        MOST_LISTED,
      )
      .map(({ client, login, until_ms, reason, by_hand }) => ({
        client: String(client),
        login: login === OWN ? null : String(login),
        untilMs: Number(until_ms),
        reason: String(reason),
        byHand: by_hand === 1,
      }));
  }

  /** When the next row is due, Unix time in ms; null where there are no rows. */
  nextDueMs(): number | null {
    const [row] = this.#sql.exec(
      "SELECT min(due_ms) AS due FROM (SELECT due_ms FROM client_standing UNION ALL SELECT due_ms FROM client_login)",
    );
    return typeof row?.["due"] === "number" ? row["due"] : null;
  }
}

/** The rows of one client. `dueMs`: when a row has to be looked at again, Unix time in ms. */
export class ClientStore {
  readonly #sql: Tables;
  readonly #client: Client;
  readonly #unreadable: (key: string) => void;

  constructor(sql: Tables, client: Client, unreadable: (key: string) => void) {
    this.#sql = sql;
    this.#client = client;
    this.#unreadable = unreadable;
  }

  client(): ClientRow | null {
    return this.#find(OWN, clientRow);
  }

  keepClient(row: ClientRow, dueMs: number): void {
    this.#write(OWN, row, dueMs);
  }

  forgetClient(): void {
    this.forgetLogin(OWN);
  }

  login(login: string): Standing | null {
    return this.#find(login, standing);
  }

  keepLogin(login: string, kept: Standing, dueMs: number): void {
    this.#write(login, kept, dueMs);
  }

  /** Every login with a standing of its own. */
  logins(): Map<string, Standing> {
    const found = new Map<string, Standing>();
    if (!this.#sql.mayHave(this.#client)) return found;
    const rows = this.#sql.exec(
      "SELECT login, version, value FROM client_standing WHERE client = ? AND login <> ''",
      this.#client,
    );
    for (const { login, version, value } of rows) {
      const read = this.#read(String(login), version, value, standing);
      if (read !== null) found.set(String(login), read);
    }
    return found;
  }

  countLogins(): number {
    return Number(
      this.#sql.exec("SELECT count(*) AS n FROM client_standing WHERE client = ? AND login <> ''", this.#client)[0]?.[
        "n"
      ],
    );
  }

  forgetLogin(login: string): void {
    this.#sql.exec("DELETE FROM client_standing WHERE client = ? AND login = ?", this.#client, login);
  }

  /** Logins whose objects may have connections of the client, and since when. */
  holders(): Map<string, number> {
    if (!this.#sql.mayHave(this.#client)) return new Map();
    const rows = this.#sql.exec("SELECT login, since_ms FROM client_login WHERE client = ?", this.#client);
    return new Map(rows.map((row) => [String(row["login"]), Number(row["since_ms"])]));
  }

  keepHolder(login: string, sinceMs: number, dueMs: number): void {
    this.#sql.has(this.#client);
    this.#sql.exec("INSERT OR REPLACE INTO client_login VALUES (?, ?, ?, ?)", this.#client, login, sinceMs, dueMs);
  }

  forgetHolder(login: string): void {
    this.#sql.exec("DELETE FROM client_login WHERE client = ? AND login = ?", this.#client, login);
  }

  /** Rows that are due are so at another time. */
  postpone(nowMs: number, dueMs: number): void {
    this.#sql.exec(
      "UPDATE client_standing SET due_ms = ? WHERE client = ? AND due_ms <= ?",
      dueMs,
      this.#client,
      nowMs,
    );
  }

  #find<T>(login: string, schema: v.GenericSchema<unknown, T>): T | null {
    if (!this.#sql.mayHave(this.#client)) return null;
    const [row] = this.#sql.exec(
      "SELECT version, value FROM client_standing WHERE client = ? AND login = ?",
      this.#client,
      login,
    );
    return row === undefined ? null : this.#read(login, row["version"], row["value"], schema);
  }

  #write(login: string, value: ClientRow | Standing, dueMs: number): void {
    this.#sql.has(this.#client);
    this.#sql.exec(
      "INSERT OR REPLACE INTO client_standing VALUES (?, ?, ?, ?, ?)",
      this.#client,
      login,
      VERSION,
      dueMs,
      JSON.stringify(value),
    );
  }

  #read<T>(login: string, version: unknown, value: unknown, schema: v.GenericSchema<unknown, T>): T | null {
    const result = version === VERSION ? v.safeParse(schema, parsed(value)) : null;
    if (result?.success) return result.output;
    this.#unreadable(`${this.#client} ${login}`.trim());
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
