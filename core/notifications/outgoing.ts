import * as v from "valibot";
import { backOffMs } from "../back-off.ts";
import type { Logger } from "../log.ts";
import type { SqlPort, SqlRow } from "../sql-port.ts";
import { deliveryOf, requestOf, type Delivery, type Destination, type HttpPort, type Senders } from "./http-forms.ts";
import { type Message, messageSchema } from "./messages.ts";
import { afterQuiet, type QuietHours, TARGET_KINDS } from "./targets.ts";

/** A target as the queue knows it. */
export interface Target extends Destination {
  /** Of which there is one. */
  readonly name: string;
  readonly quiet: QuietHours | null;
  /** Requests that it is sent in an hour at most. */
  readonly perHour: number;
}

export interface OutgoingDeps {
  readonly sql: SqlPort;
  readonly http: HttpPort;
  readonly senders: Senders;
  readonly nowMs: () => number;
  /** 0 ≤ random < 1 */
  readonly random: () => number;
  /** Text that nobody else has. */
  readonly randomId: () => string;
  readonly log: Logger;
}

/** A target that does not take messages. */
export interface TroubledTarget {
  readonly name: string;
  readonly shown: Destination;
  readonly reason: string;
  /** Since when, Unix time in ms. */
  readonly sinceMs: number;
}

/** Messages that wait for one target at most; the oldest makes way. */
const MOST_WAITING = 100;
/** Messages that go out in one request: a flood becomes a list. */
const MOST_TOGETHER = 10;
/** What could not be delivered for so long is news no more. */
const KEPT_MS = 24 * 3_600_000;
/** A target that says that a message is wrong hears the others, after so many attempts. */
const MOST_REFUSALS = 5;
const RETRY = { firstMs: 20_000, longestMs: 900_000 } as const;
const HOUR_MS = 3_600_000;
/** Requests under way at once: six may wait for their answer (docs/platform.md, section 1). */
const AT_ONCE = 5;
/** Requests of one run. */
const MOST_A_RUN = 100;

const TABLES = [
  "CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY, target TEXT NOT NULL, incident TEXT NOT NULL, phase TEXT NOT NULL, message TEXT NOT NULL)",
  `CREATE TABLE IF NOT EXISTS target (name TEXT PRIMARY KEY, destination TEXT NOT NULL, sending TEXT, sending_id TEXT, since_ms INTEGER,
   attempts INTEGER NOT NULL DEFAULT 0, not_before_ms INTEGER NOT NULL DEFAULT 0, tokens REAL NOT NULL, filled_ms INTEGER NOT NULL,
   reason TEXT, failing_ms INTEGER, dropped INTEGER NOT NULL DEFAULT 0)`,
] as const;

/**
 * Messages on their way, durable until a target has taken them. What goes out together is a row of its own before it goes out, with its id:
 * a process that dies at any moment sends the same under the same id again. So each message comes at least once, and a target that looks at
 * `Idempotency-Key` takes it once.
 */
export class Outgoing {
  readonly #deps: OutgoingDeps;
  readonly #sql: SqlPort;

  constructor(deps: OutgoingDeps) {
    this.#deps = deps;
    this.#sql = deps.sql;
    for (const table of TABLES) this.#sql.exec(table);
  }

  /** Puts a message into the queue of a target, in the transaction of the caller. An incident whose opening was not sent yet is told when it closes, once. */
  add(target: Target, message: Message): void {
    const { name, perHour } = target;
    this.#sql.exec(
      "INSERT INTO target (name, destination, tokens, filled_ms) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET destination = excluded.destination",
      name,
      JSON.stringify(target),
      perHour,
      this.#deps.nowMs(),
    );
    if (message.phase === "closed")
      this.#sql.exec(
        "DELETE FROM waiting WHERE target = ? AND incident = ? AND phase = 'opened'",
        name,
        message.incident,
      );
    this.#sql.exec(
      "INSERT INTO waiting (target, incident, phase, message) VALUES (?, ?, ?, ?)",
      name,
      message.incident,
      message.phase,
      JSON.stringify(message),
    );
    const [row] = this.#sql.exec("SELECT COUNT(*) AS count FROM waiting WHERE target = ?", name);
    const over = Number(row?.["count"]) - MOST_WAITING;
    if (over <= 0) return;
    this.#sql.exec(
      "DELETE FROM waiting WHERE id IN (SELECT id FROM waiting WHERE target = ? ORDER BY id LIMIT ?)",
      name,
      over,
    );
    this.#sql.exec("UPDATE target SET dropped = dropped + ? WHERE name = ?", over, name);
  }

  /** A target is gone: what waits for it goes nowhere. */
  forget(name: string): void {
    this.#sql.exec("DELETE FROM waiting WHERE target = ?", name);
    this.#sql.exec("DELETE FROM target WHERE name = ?", name);
  }

  /** Names of a login's targets that have been told something, or are to be; null: the operator's. */
  namesOf(login: string | null): string[] {
    const prefix = prefixOf(login);
    return this.#sql
      .exec("SELECT name FROM target WHERE name >= ? AND name < ?", prefix, `${prefix}\u{10FFFF}`)
      .map(({ name }) => String(name));
  }

  /** Messages that wait, over all targets. */
  count(): number {
    return Number(this.#sql.exec("SELECT COUNT(*) AS count FROM waiting")[0]?.["count"] ?? 0) + this.#sending().length;
  }

  /** Since when the oldest message waits, Unix time in ms; null where none does. */
  oldestMs(): number | null {
    const [first] = this.#sql.exec("SELECT message FROM waiting ORDER BY id LIMIT 1");
    const [sending] = this.#sql.exec("SELECT MIN(since_ms) AS since FROM target WHERE sending IS NOT NULL");
    const since = sending?.["since"] ?? null;
    const waiting = first === undefined ? null : v.parse(storedMessage, first["message"]).atMs;
    const times = [waiting, since === null ? null : Number(since)].filter((ms) => ms !== null);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Targets that have failed for longer than this. */
  troubled(longerThanMs: number): TroubledTarget[] {
    return this.#sql
      .exec("SELECT * FROM target WHERE failing_ms IS NOT NULL AND failing_ms <= ?", this.#deps.nowMs() - longerThanMs)
      .map((row) => ({
        name: String(row["name"]),
        shown: targetOf(row),
        reason: String(row["reason"] ?? ""),
        sinceMs: Number(row["failing_ms"]),
      }));
  }

  /** Sends what is due. Never throws for what targets do. @returns when it has to be called again, Unix time in ms; null: when something is added */
  async deliver(): Promise<number | null> {
    let left = MOST_A_RUN;
    for (;;) {
      const nowMs = this.#deps.nowMs();
      const due = this.#rows(nowMs).filter(({ atMs }) => atMs <= nowMs);
      const now = due.slice(0, Math.min(AT_ONCE, left));
      if (now.length === 0) break;
      left -= now.length;
      const batches = this.#sql.transaction(() => now.map(({ row }) => this.#take(row)));
      // What goes out must be what another life would send again.
      await this.#sql.durable();
      await Promise.all(batches.map(async (batch) => await this.#send(batch)));
    }
    const times = this.#rows(this.#deps.nowMs()).map(({ atMs }) => atMs);
    return times.length === 0 ? null : Math.min(...times);
  }

  #sending(): SqlRow[] {
    return this.#sql.exec("SELECT name FROM target WHERE sending IS NOT NULL");
  }

  /** Targets for which something waits, and when it may go out: not before `nowMs`, so that what is due is what may go out then. */
  #rows(nowMs: number): { readonly row: SqlRow; readonly atMs: number }[] {
    return this.#sql
      .exec("SELECT * FROM target WHERE sending IS NOT NULL OR name IN (SELECT DISTINCT target FROM waiting)")
      .map((row) => {
        const { quiet, perHour } = targetOf(row);
        const tokens = this.#tokens(row, perHour);
        const rateMs = tokens >= 1 ? nowMs : nowMs + Math.ceil(((1 - tokens) * HOUR_MS) / perHour);
        const atMs = Math.max(Number(row["not_before_ms"]), row["sending"] === null ? rateMs : nowMs);
        return { row, atMs: afterQuiet(quiet, Math.max(atMs, nowMs)) };
      });
  }

  #tokens(row: SqlRow, perHour: number): number {
    const passedMs = Math.max(0, this.#deps.nowMs() - Number(row["filled_ms"]));
    return Math.min(perHour, Number(row["tokens"]) + (passedMs * perHour) / HOUR_MS);
  }

  /** Writes down what is about to be sent; what was being sent before comes first, as it was. */
  #take(row: SqlRow): Batch {
    const { nowMs, random, randomId } = this.#deps;
    const target = targetOf(row);
    const attempts = Number(row["attempts"]) + 1;
    const notBeforeMs = nowMs() + backOffMs(attempts, random(), RETRY);
    if (row["sending"] !== null) {
      this.#sql.exec(
        "UPDATE target SET attempts = ?, not_before_ms = ? WHERE name = ?",
        attempts,
        notBeforeMs,
        target.name,
      );
      const messages = v.parse(storedMessages, row["sending"]);
      return { target, id: String(row["sending_id"]), messages, attempts, sinceMs: Number(row["since_ms"]) };
    }
    const rows = this.#sql.exec(
      "SELECT id, message FROM waiting WHERE target = ? ORDER BY id LIMIT ?",
      target.name,
      MOST_TOGETHER,
    );
    const id = randomId();
    const messages = rows.map(({ message }) => v.parse(storedMessage, message));
    for (const { id: taken } of rows) this.#sql.exec("DELETE FROM waiting WHERE id = ?", taken ?? null);
    this.#sql.exec(
      "UPDATE target SET sending = ?, sending_id = ?, since_ms = ?, attempts = 1, not_before_ms = ?, tokens = ?, filled_ms = ? WHERE name = ?",
      JSON.stringify(messages),
      id,
      nowMs(),
      notBeforeMs,
      this.#tokens(row, target.perHour) - 1,
      nowMs(),
      target.name,
    );
    return { target, id, messages, attempts: 1, sinceMs: nowMs() };
  }

  async #send({ target, id, messages, attempts, sinceMs }: Batch): Promise<void> {
    const { http, senders, nowMs, log } = this.#deps;
    const request = requestOf(senders, target, messages, id, nowMs());
    const delivery: Delivery =
      request === null
        ? { kind: "failed", reason: `the pool is not set up to send ${target.kind}` }
        : deliveryOf(await http(request), nowMs());
    if (delivery.kind === "sent") return this.#done(target.name, null);
    log.warn("a notification was not delivered", { target: shownName(target), attempts, reason: delivery.reason });
    const hopeless = delivery.kind === "refused" && attempts >= MOST_REFUSALS;
    if (hopeless || nowMs() - sinceMs > KEPT_MS) return this.#done(target.name, delivery.reason, messages.length);
    this.#sql.exec(
      "UPDATE target SET reason = ?, failing_ms = COALESCE(failing_ms, ?), not_before_ms = MAX(not_before_ms, ?) WHERE name = ?",
      delivery.reason,
      nowMs(),
      delivery.kind === "later" ? nowMs() + delivery.afterMs : 0,
      target.name,
    );
  }

  /** @param failure why it is given up; null: it was taken */
  #done(name: string, failure: string | null, dropped = 0): void {
    this.#sql.exec(
      "UPDATE target SET sending = NULL, sending_id = NULL, since_ms = NULL, attempts = 0, dropped = dropped + ?, not_before_ms = CASE WHEN ? IS NULL THEN 0 ELSE not_before_ms END, reason = ?, failing_ms = CASE WHEN ? IS NULL THEN NULL ELSE failing_ms END WHERE name = ?",
      dropped,
      failure,
      failure,
      failure,
      name,
    );
  }
}

interface Batch {
  readonly target: Target;
  readonly id: string;
  readonly messages: readonly Message[];
  readonly attempts: number;
  readonly sinceMs: number;
}

const storedMessage = v.pipe(v.string(), v.parseJson(), messageSchema);
const storedMessages = v.pipe(v.string(), v.parseJson(), v.array(messageSchema));
const storedTarget = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    name: v.string(),
    kind: v.picklist(TARGET_KINDS),
    to: v.string(),
    login: v.nullable(v.string()),
    quiet: v.nullable(v.object({ fromMin: v.number(), toMin: v.number() })),
    perHour: v.number(),
  }),
);

const targetOf = (row: SqlRow): Target => v.parse(storedTarget, row["destination"]);

const prefixOf = (login: string | null): string => `${login ?? "pool"} `;

/** The name of which there is one. @param own what tells it from the login's others, or the operator's */
export const targetName = (login: string | null, own: string): string => `${prefixOf(login)}${own}`;

/** A miner's target has what opens it in its name. */
const shownName = ({ name, login, kind }: Target): string => (login === null ? name : `${login} ${kind}`);
