import { classOfPrefix, extranoncesOf, type DifficultyClass } from "../shares/difficulty-classes.ts";
import type { SqlPort } from "../sql-port.ts";

/** A block is its holder's for so long; a holder renews at half of it what its sessions use. ms */
export const LEASE_MS = 6 * 3_600_000;

/** How long the extranonce of a session that has gone is kept for its return, ms. */
export const RESUME_MS = 120_000;

/** Blocks of a class: many, because each login holds at least one, and small, because most logins have a rig or two. */
const MOST_BLOCKS = 8_192;
const LEAST_BLOCK = 1;
const MOST_BLOCK = 32;

/** Extranonces in one block of a class. */
export function blockSize(wanted: DifficultyClass): number {
  const { size } = extranoncesOf(wanted);
  return Math.min(MOST_BLOCK, Math.max(LEAST_BLOCK, size / MOST_BLOCKS));
}

/** The right to search the nonces that begin with one of these extranonces. No money depends on it: it keeps two from one search. */
export interface LeasedBlock {
  readonly class: DifficultyClass;
  /** Its first extranonce; the others follow, {@link sizeOf} in all. */
  readonly first: number;
  /** Unix time in ms. */
  readonly untilMs: number;
}

/** A holder that lends single extranonces on: the sessions in front of their logins' objects, of a Worker's isolate together. */
const SHARED = "shared ";

/** What such a holder is called. @param id unique, and nothing that a session can call itself */
export function sharedHolder(id: string): string {
  return `${SHARED}${id}`;
}

/** Extranonces of a block: one where a login has taken over one out of a block that is shared. */
export function sizeOf({ class: of, first }: Pick<LeasedBlock, "class" | "first">): number {
  return firstOfBlock(first) === first ? blockSize(of) : 1;
}

/** How long it is known whose a session of an in-band login became, ms. */
const ORIGIN_MS = 2 * 24 * 3_600_000;

/** Expired rows are swept when so many blocks of a class have been lent since. */
const SWEEP_EVERY = 1_024;

/**
 * Gives every login of the pool nonces of its own, in blocks, so that a login asks once for many rigs. Leases are rows and hold over
 * restarts; those of holders that vanished without a word run out. Blocks are lent round and round, so that one returns as late as can be.
 */
export class ExtranonceLender {
  readonly #sql: SqlPort;
  readonly #nowMs: () => number;
  readonly #random: () => number;

  /**
   * @param random from 0 up to 1: where the round of a class begins, as another object may have lent what this one has no row of (the setting
   *   `home` was changed)
   */
  constructor(sql: SqlPort, nowMs: () => number, random: () => number) {
    this.#sql = sql;
    this.#nowMs = nowMs;
    this.#random = random;
    // The table of before, one row an extranonce.
    sql.exec("DROP TABLE IF EXISTS lease");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS block (first INTEGER PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL)",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS turn (class INTEGER PRIMARY KEY, lent INTEGER NOT NULL)");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS origin (session TEXT PRIMARY KEY, holder TEXT NOT NULL, since_ms INTEGER NOT NULL)",
    );
  }

  /** @returns as many blocks as there are, up to `count` */
  lend(holder: string, wanted: DifficultyClass, count: number): LeasedBlock[] {
    const nowMs = this.#nowMs();
    const { first: base, size } = extranoncesOf(wanted);
    const [step, blocks] = [blockSize(wanted), size / blockSize(wanted)];
    const untilMs = nowMs + LEASE_MS;
    return this.#sql.transaction(() => {
      let turn = this.#turn(wanted) ?? Math.floor(this.#random() * blocks);
      let free = blocks - this.#held(base, size, step, nowMs);
      const lent: LeasedBlock[] = [];
      while (lent.length < count && free > 0) {
        const first = base + (turn % blocks) * step;
        if (turn % SWEEP_EVERY === 0) this.#sweep(nowMs);
        turn += 1;
        if (this.#heldUntil(first, step) >= nowMs) continue;
        this.#sql.exec("INSERT OR REPLACE INTO block VALUES (?, ?, ?)", first, holder, untilMs);
        lent.push({ class: wanted, first, untilMs });
        free -= 1;
      }
      this.#sql.exec("INSERT OR REPLACE INTO turn VALUES (?, ?)", wanted, turn);
      return lent;
    });
  }

  /** Blocks that are lent now. */
  count(): number {
    return Number(this.#sql.exec("SELECT count(*) AS n FROM block WHERE until_ms > ?", this.#nowMs())[0]?.["n"] ?? 0);
  }

  /** @returns the blocks of these that are the holder's no more; the others are for another {@link LEASE_MS} */
  renew(holder: string, firsts: readonly number[]): number[] {
    return this.#hold(holder, firsts, this.#nowMs() + LEASE_MS);
  }

  /** Gives blocks back; they stay their holder's for {@link RESUME_MS}, in case their sessions return. */
  release(holder: string, firsts: readonly number[]): void {
    this.#hold(holder, firsts, this.#nowMs() + RESUME_MS);
  }

  /**
   * Makes a block another holder's: a session's its login's, by which the session may come back. May be repeated: the login may have ended before
   * it had written down what it got.
   * @returns null where it is not `from`'s to give
   */
  transfer(from: string, to: string, first: number): number | null {
    const nowMs = this.#nowMs();
    const untilMs = nowMs + LEASE_MS;
    return this.#sql.transaction(() => {
      const changed = this.#sql.exec(
        `UPDATE block SET holder = ?1, until_ms = ?2 WHERE first = ?3 AND (holder = ?4
          OR (holder = ?1 AND EXISTS (SELECT 1 FROM origin WHERE session = ?4 AND holder = ?1))) RETURNING first`,
        to,
        untilMs,
        first,
        from,
      );
      if (changed.length === 0) return null;
      this.#sql.exec("INSERT OR REPLACE INTO origin VALUES (?, ?, ?)", from, to, nowMs);
      return untilMs;
    });
  }

  /**
   * The same for a session that had the extranonce in front of its login, as the caller has made sure: it may be one of a block that is shared,
   * or nobody's by now, and is then the login's alone.
   * @returns null where it is another login's
   */
  takeOver(session: string, to: string, extranonce: number): number | null {
    return this.transfer(session, to, extranonce) ?? this.#lendOn(session, to, extranonce);
  }

  #lendOn(session: string, to: string, extranonce: number): number | null {
    const nowMs = this.#nowMs();
    const untilMs = nowMs + LEASE_MS;
    const first = firstOfBlock(extranonce);
    // The first of many is no session's: its row is the block's.
    if (first === extranonce && blockSize(classOfPrefix(first, 1)) > 1) return null;
    return this.#sql.transaction(() => {
      const [block] = this.#sql.exec("SELECT holder FROM block WHERE first = ? AND until_ms >= ?", first, nowMs);
      if (block && !String(block["holder"]).startsWith(SHARED)) return null;
      const taken = this.#sql.exec(
        `INSERT INTO block VALUES (?1, ?2, ?3) ON CONFLICT (first) DO UPDATE SET holder = ?2, until_ms = ?3
          WHERE until_ms < ?4 OR holder LIKE '${SHARED}%' RETURNING first`,
        extranonce,
        to,
        untilMs,
        nowMs,
      );
      if (taken.length === 0) return null;
      this.#sql.exec("INSERT OR REPLACE INTO origin VALUES (?, ?, ?)", session, to, nowMs);
      return untilMs;
    });
  }

  /**
   * Whether a session that comes back before its login may have an extranonce: it is lent to the session itself or to the login that the
   * session became, or to the login that its URL names, which looks itself whether another session has it. If so, it stays theirs for
   * {@link RESUME_MS} at least.
   * @param owner what that login is called here; null where the URL names none
   */
  resume(session: string, extranonce: number, owner: string | null): boolean {
    if (!Number.isInteger(extranonce)) return false;
    // Its own row, where it was lent on alone, comes before that of its block.
    const [block] = this.#sql.exec(
      "SELECT first, holder, until_ms FROM block WHERE first IN (?, ?) ORDER BY first DESC LIMIT 1",
      extranonce,
      firstOfBlock(extranonce),
    );
    if (!block) return false;
    const [origin] = this.#sql.exec("SELECT holder FROM origin WHERE session = ?", session);
    const holder = String(block["holder"]);
    if (![session, owner, origin?.["holder"]].includes(holder)) return false;
    const untilMs = Math.max(Number(block["until_ms"]), this.#nowMs() + RESUME_MS);
    this.#sql.exec("UPDATE block SET until_ms = ? WHERE first = ?", untilMs, Number(block["first"]));
    return true;
  }

  /** A session gets nothing back by its id any more. */
  forget(session: string): void {
    this.#sql.exec("DELETE FROM origin WHERE session = ?", session);
  }

  #hold(holder: string, firsts: readonly number[], untilMs: number): number[] {
    return firsts.filter((first) => {
      const changed = this.#sql.exec(
        "UPDATE block SET until_ms = ? WHERE first = ? AND holder = ? RETURNING first",
        untilMs,
        first,
        holder,
      );
      return changed.length === 0;
    });
  }

  #sweep(nowMs: number): void {
    this.#sql.exec("DELETE FROM block WHERE until_ms < ?", nowMs);
    this.#sql.exec("DELETE FROM origin WHERE since_ms < ?", nowMs - ORIGIN_MS);
  }

  #turn(wanted: DifficultyClass): number | null {
    const [row] = this.#sql.exec("SELECT lent FROM turn WHERE class = ?", wanted);
    return row === undefined ? null : Number(row["lent"]);
  }

  #held(base: number, size: number, step: number, nowMs: number): number {
    const [row] = this.#sql.exec(
      "SELECT count(DISTINCT (first - ?1) / ?2) AS held FROM block WHERE first >= ?1 AND first < ?3 AND until_ms >= ?4",
      base,
      step,
      base + size,
      nowMs,
    );
    return Number(row?.["held"] ?? 0);
  }

  /** Until the last extranonce of a block is nobody's, Unix time in ms; before all time for a free one. */
  #heldUntil(first: number, size: number): number {
    const [row] = this.#sql.exec(
      "SELECT max(until_ms) AS until_ms FROM block WHERE first >= ? AND first < ?",
      first,
      first + size,
    );
    return Number(row?.["until_ms"] ?? -Infinity);
  }
}

/** The first extranonce of the block that one is in. */
export function firstOfBlock(extranonce: number): number {
  const of = classOfPrefix(extranonce, 1);
  return extranonce - ((extranonce - extranoncesOf(of).first) % blockSize(of));
}
