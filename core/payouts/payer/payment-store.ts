import type { SqlPort } from "../../sql-port.ts";
import { LoginWaits } from "./login-waits.ts";
import { decodePayment, encodePayment, ENDED, type Payment } from "./payment.ts";

/** What the payer knows of a login beside the ledger. */
export interface PaidLogin {
  /** What the ledger's paid and pending have to be together at least, Shannon. */
  readonly total: bigint;
  /** Why it is not paid; null where it is. */
  readonly held: string | null;
  /** The operator lets its next payment pass the caps. */
  readonly approved: boolean;
}

const NOBODY: PaidLogin = { total: 0n, held: null, approved: false };

/** Single values: who holds the lock, the chain's block 0, the account's nonce at the start, runs, pauses, what was said last. */
type Fact =
  | "holder"
  | "genesis"
  | "first_nonce"
  /** What is not this payer's below it was looked at; and up to where a run found what it may not pass by itself. */
  | "checked_nonce"
  | "strange_count"
  | "anchor"
  | "run"
  | "last_run"
  | "day"
  | "paused"
  | "unlocked"
  | "alarm"
  | "resumed_height"
  | "head"
  | "status";

/** The column `open`. */
const [ENDED_ROW, OPEN_ROW, WATCHED_ROW] = [0, 1, 2];

const dayOf = (ms: number): number => Math.floor(ms / 86_400_000);

/** A new row, before its id. */
export type NewPayment = Omit<Payment, "id" | "v">;

/** The payer's durable rows. Nothing is ever deleted: they are the proof of what was paid. */
export class PaymentStore {
  readonly #sql: SqlPort;
  /** Logins that are not paid though they are above their thresholds. */
  readonly waits: LoginWaits;
  /** What {@link unsettled} gives, by id: a run of planning asks for it once a login, and reading a row costs more than all else that it does. */
  #unsettled: Map<number, Payment> | null = null;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    this.waits = new LoginWaits(sql);
    sql.exec(
      "CREATE TABLE IF NOT EXISTS payment (id INTEGER PRIMARY KEY AUTOINCREMENT, open INTEGER, login TEXT, nonce INTEGER, body TEXT)",
    );
    sql.exec("CREATE INDEX IF NOT EXISTS payment_open ON payment (open)");
    sql.exec("CREATE INDEX IF NOT EXISTS payment_nonce ON payment (nonce)");
    sql.exec("CREATE INDEX IF NOT EXISTS payment_login ON payment (login)");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS login (login TEXT PRIMARY KEY, total TEXT, held TEXT, approved INTEGER) WITHOUT ROWID",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID");
  }

  fact(name: Fact): string | null {
    const value = this.#sql.exec("SELECT value FROM fact WHERE name = ?", name)[0]?.["value"];
    return typeof value === "string" ? value : null;
  }

  setFact(name: Fact, value: string | null): void {
    if (value === null) this.#sql.exec("DELETE FROM fact WHERE name = ?", name);
    else this.#sql.exec("INSERT OR REPLACE INTO fact VALUES (?, ?)", name, value);
  }

  /** Runs writes of this store of which all or none are to be. */
  together<T>(work: () => T): T {
    try {
      return this.#sql.transaction(work);
    } catch (error) {
      this.#unsettled = null;
      throw error;
    }
  }

  insert(payment: NewPayment): Payment {
    return this.together(() => {
      const [row] = this.#sql.exec("INSERT INTO payment (open, login) VALUES (1, ?) RETURNING id", payment.login);
      const made: Payment = { v: 1, id: Number(row?.["id"]), ...payment };
      this.save(made);
      return made;
    });
  }

  save(payment: Payment): void {
    const open = ENDED.includes(payment.stage) ? ENDED_ROW : payment.stage === "settled" ? WATCHED_ROW : OPEN_ROW;
    this.#sql.exec(
      "UPDATE payment SET open = ?, nonce = ?, body = ? WHERE id = ?",
      open,
      payment.nonce,
      encodePayment(payment),
      payment.id,
    );
    if (open === OPEN_ROW) this.#unsettled?.set(payment.id, payment);
    else this.#unsettled?.delete(payment.id);
  }

  /** Resolves when all that was written would survive; rejects in an instance that another one has taken the place of. */
  async durable(): Promise<void> {
    await this.#sql.durable();
  }

  /** What was debited counts for the caps of the run and of the UTC day. */
  countDebit(amount: bigint, nowMs: number): void {
    const run = this.run();
    if (run !== null) this.setFact("run", `${run.startedMs}:${run.total + amount}`);
    this.setFact("day", `${dayOf(nowMs)}:${this.dayTotal(nowMs) + amount}`);
  }

  /** Shannon that were debited on this UTC day. */
  dayTotal(nowMs: number): bigint {
    const [day, total] = (this.fact("day") ?? "").split(":");
    return Number(day) === dayOf(nowMs) && total !== undefined ? BigInt(total) : 0n;
  }

  /** The planning run that is under way, with what it has debited so far, Shannon; null between two. */
  run(): { readonly startedMs: number; readonly total: bigint } | null {
    const [startedMs, total] = (this.fact("run") ?? "").split(":");
    return total === undefined ? null : { startedMs: Number(startedMs), total: BigInt(total) };
  }

  /** A write and nothing else, before each outside effect: a stale instance fails here. */
  async fence(): Promise<void> {
    this.#sql.exec(
      "INSERT OR REPLACE INTO fact VALUES ('fence', ?)",
      String(this.#count("SELECT max(id) AS n FROM payment")),
    );
    await this.#sql.durable();
  }

  /** What has not ended, oldest first. @returns rows of another version by their id in `unreadable` */
  open(): { readonly payments: readonly Payment[]; readonly unreadable: readonly number[] } {
    return this.#read("SELECT id, body FROM payment WHERE open > 0 ORDER BY id");
  }

  /** The same without those that are settled and only watched: of these there are a day and a half's. */
  unsettled(): readonly Payment[] {
    this.#unsettled ??= new Map(
      this.#read("SELECT id, body FROM payment WHERE open = 1 ORDER BY id").payments.map((row) => [row.id, row]),
    );
    // One that was settled and is open again stands at the end of the map.
    return [...this.#unsettled.values()].toSorted((one, other) => one.id - other.id);
  }

  #read(
    query: string,
    ...parameters: (string | number)[]
  ): { readonly payments: readonly Payment[]; readonly unreadable: readonly number[] } {
    const payments: Payment[] = [];
    const unreadable: number[] = [];
    for (const { id, body } of this.#sql.exec(query, ...parameters)) {
      const payment = decodePayment(String(body));
      if (payment === null) unreadable.push(Number(id));
      else payments.push(payment);
    }
    return { payments, unreadable };
  }

  find(id: number): Payment | null {
    const [row] = this.#sql.exec("SELECT body FROM payment WHERE id = ?", id);
    return row === undefined ? null : decodePayment(String(row["body"]));
  }

  /** All that were ever begun for a login, oldest first, but for rows of another version. */
  of(login: string): readonly Payment[] {
    return this.#read("SELECT id, body FROM payment WHERE login = ? ORDER BY id", login).payments;
  }

  /** The newest, newest first, but for rows of another version. @param login null: whoever they are for */
  newest(login: string | null, most: number): readonly Payment[] {
    return login === null
      ? this.#read("SELECT id, body FROM payment ORDER BY id DESC LIMIT ?", most).payments
      : this.#read("SELECT id, body FROM payment WHERE login = ? ORDER BY id DESC LIMIT ?", login, most).payments;
  }

  /** Rows that have a nonce from `from` on, and those that lost one. Reads every row. */
  since(from: number): readonly Payment[] {
    return this.#read(
      "SELECT id, body FROM payment WHERE nonce >= ? OR body NOT LIKE '%\"lost\":[]%' ORDER BY id",
      from,
    ).payments;
  }

  /** Nonces from `from` on that payments have. */
  nonces(from: number): ReadonlySet<number> {
    return new Set(
      this.#sql.exec("SELECT nonce FROM payment WHERE nonce >= ?", from).map(({ nonce }) => Number(nonce)),
    );
  }

  /** The lowest nonce from `from` on that no payment has. */
  freeNonce(from: number): number {
    const held = this.nonces(from);
    let nonce = from;
    while (held.has(nonce)) nonce += 1;
    return nonce;
  }

  /** The nonce behind the highest that a payment ever had, `first` where none had one. */
  freeNonceAfter(first: number): number {
    const highest = this.#sql.exec("SELECT max(nonce) AS n FROM payment")[0]?.["n"];
    return typeof highest === "number" ? Math.max(first, highest + 1) : first;
  }

  /** Whether a payment gave this nonce up because somebody else's transaction has it for good. Reads every row. */
  gaveUp(nonce: number): boolean {
    return this.#read("SELECT id, body FROM payment WHERE body LIKE ?", `%"lost":[{%"nonce":${nonce},%`).payments.some(
      ({ lost }) => lost.some((one) => one.nonce === nonce),
    );
  }

  /** Whether it has never begun a payment: it does not know what the account has paid. */
  isEmpty(): boolean {
    return this.#count("SELECT COUNT(*) AS n FROM (SELECT 1 FROM payment LIMIT 1)") === 0;
  }

  hasNonce(nonce: number): boolean {
    return this.#sql.exec("SELECT 1 FROM payment WHERE nonce = ? LIMIT 1", nonce).length > 0;
  }

  login(login: string): PaidLogin {
    const [row] = this.#sql.exec("SELECT total, held, approved FROM login WHERE login = ?", login);
    if (row === undefined) return NOBODY;
    return {
      total: BigInt(String(row["total"])),
      held: typeof row["held"] === "string" ? row["held"] : null,
      approved: row["approved"] === 1,
    };
  }

  setLogin(login: string, change: Partial<PaidLogin>): void {
    const { total, held, approved } = { ...this.login(login), ...change };
    this.#sql.exec("INSERT OR REPLACE INTO login VALUES (?, ?, ?, ?)", login, String(total), held, approved ? 1 : 0);
  }

  /** Logins that were ever debited, in their order. @param after none up to this one */
  loginsAfter(after: string, most: number): string[] {
    return this.#sql
      .exec("SELECT login FROM login WHERE login > ? ORDER BY login LIMIT ?", after, most)
      .map(({ login }) => String(login));
  }

  /** Logins of a stretch with a payment that is listed with another transaction than at first. @param after none up to this one @param last this one is the last */
  relisted(after: string, last: string): ReadonlySet<string> {
    const rows = this.#sql.exec(
      "SELECT DISTINCT login FROM payment WHERE login > ? AND login <= ? AND body NOT LIKE '%\"wasPaidAs\":[]%'",
      after,
      last,
    );
    return new Set(rows.map(({ login }) => String(login)));
  }

  /** Logins that are not paid, and why. */
  held(): { readonly login: string; readonly why: string }[] {
    return this.#sql
      .exec("SELECT login, held FROM login WHERE held IS NOT NULL ORDER BY login")
      .map(({ login, held }) => ({ login: String(login), why: String(held) }));
  }

  #count(statement: string): number {
    return Number(this.#sql.exec(statement)[0]?.["n"] ?? 0);
  }
}
