import type { Logger } from "../log.ts";
import type { SqlPort } from "../sql-port.ts";
import type { NotifierBooks } from "./ledger-news.ts";
import {
  absorb,
  judge,
  judgeHashrate,
  type LoginWatch,
  newWatch,
  parseEntry,
  type Presences,
  readWatch,
  type WatchNews,
} from "./login-watch.ts";
import type { MinerTarget } from "./targets.ts";

export interface RigWatchDeps {
  readonly sql: SqlPort;
  readonly books: NotifierBooks;
  /** What a login's session says of its rigs; null where it does not answer. */
  readonly presences: (login: string) => Promise<Presences | null>;
  readonly fallenPercent: number;
  readonly log: Logger;
}

/** What one look at a login has found, and what is kept of it once that has been written down. */
export interface LoginLook {
  readonly login: string;
  /** Null: the ledger did not tell; those that are known stay. */
  readonly targets: readonly MinerTarget[] | null;
  readonly news: WatchNews;
  readonly kept: string;
  readonly dueMs: number;
}

/** Logins of one look, and of one request to the ledger. The next look is two seconds later: 10,000 logins are spread over a minute, and their sessions are not all called at once. */
const MOST_LOGINS = 400;
const TOGETHER = 50;
/** Entries of one login in one look: 90 bytes each. A login that has more is read on at once, and judged when all is read. */
const MOST_ENTRIES = 20_000;
/** A share is in the ledger so long after its time at the latest, while the pool is well. */
const LATE_S = 30;
/** What a login is first known by: its last twenty minutes. */
const FIRST_S = 1_200;
/** A login that wants to hear of payments alone may have changed its mind. */
const UNWATCHED_MS = 600_000;
/** Of a login of which nothing is known. */
const firstWatch = (nowMs: number): LoginWatch => newWatch(Math.floor(nowMs / 1000) - FIRST_S);
const NO_NEWS: WatchNews = { offline: [], back: [], hashrate: null };
/** One of whose keys the ledger refuses is looked at again. */
const REFUSED_MS = 300_000;
/** A session that did not answer is asked again. */
const AGAIN_MS = 30_000;

/**
 * Looks at the rigs of those logins whose owners want to be told, each when something could be said of it and not before: a row a login says
 * when that is. Nothing is kept in memory between two looks, no rig has a timer, and no object is kept awake.
 */
export class RigWatch {
  readonly #deps: RigWatchDeps;

  constructor(deps: RigWatchDeps) {
    this.#deps = deps;
    deps.sql.exec(
      "CREATE TABLE IF NOT EXISTS watch (login TEXT PRIMARY KEY, due_ms INTEGER NOT NULL, state TEXT NOT NULL)",
    );
  }

  /** Watches these logins from now on, and no others. In the transaction of the caller. @returns those that are watched no more */
  follow(logins: ReadonlySet<string>, nowMs: number): string[] {
    const { sql } = this.#deps;
    const known = new Set(sql.exec("SELECT login FROM watch").map(({ login }) => String(login)));
    for (const login of logins)
      if (!known.has(login))
        sql.exec(
          "INSERT INTO watch (login, due_ms, state) VALUES (?, ?, ?)",
          login,
          nowMs,
          JSON.stringify(firstWatch(nowMs)),
        );
    const gone = [...known].filter((login) => !logins.has(login));
    for (const login of gone) sql.exec("DELETE FROM watch WHERE login = ?", login);
    return gone;
  }

  /** Logins that are watched. */
  count(): number {
    return Number(this.#deps.sql.exec("SELECT COUNT(*) AS count FROM watch")[0]?.["count"] ?? 0);
  }

  /** When the next login is due, Unix time in ms; null where none is watched. */
  nextMs(): number | null {
    const due = this.#deps.sql.exec("SELECT MIN(due_ms) AS due FROM watch")[0]?.["due"] ?? null;
    return due === null ? null : Number(due);
  }

  /** Looks at the logins that are due. Nothing is written: {@link keep} does that. @throws as the ledger does */
  async look(nowMs: number, wellSinceMs: number): Promise<LoginLook[]> {
    const due = this.#deps.sql.exec(
      "SELECT login, state FROM watch WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
      nowMs,
      MOST_LOGINS,
    );
    const looks: LoginLook[] = [];
    for (let from = 0; from < due.length; from += TOGETHER) {
      const some = due.slice(from, from + TOGETHER).map(({ login, state }) => ({
        login: String(login),
        watch: readWatch(state) ?? firstWatch(nowMs),
      }));
      looks.push(...(await this.#lookAtSome(some, nowMs, wellSinceMs)));
    }
    return looks;
  }

  /** Only of those whose targets want to be told of rigs anything is read. */
  async #lookAtSome(some: readonly { login: string; watch: LoginWatch }[], nowMs: number, wellSinceMs: number) {
    const targets = await this.#deps.books.targets(some.map(({ login }) => login));
    const all = some.map((one, i) => ({ ...one, targets: targets[i] ?? null }));
    const [told, untold] = [all.filter(isTold), all.filter((one) => !isTold(one))];
    const watched = told.filter((one) =>
      one.targets.some(({ topics }) => topics.some((topic) => topic !== "payments")),
    );
    const entries = await this.#deps.books.entries(
      watched.map(({ login, watch }) => ({ login, fromS: watch.readS - LATE_S })),
      MOST_ENTRIES,
    );
    const rest = told
      .filter((one) => !watched.includes(one))
      .map(({ login, targets: own }): LoginLook => {
        const kept = JSON.stringify(firstWatch(nowMs));
        return { login, targets: own, news: NO_NEWS, kept, dueMs: nowMs + UNWATCHED_MS };
      });
    const looks = watched.map(async ({ login, watch, targets: own }, i) => {
      const members = entries[i] ?? null;
      return members === null
        ? this.#later(login, watch, own, nowMs)
        : await this.#lookAt(login, watch, own, members, nowMs, wellSinceMs);
    });
    const later = untold.map(({ login, watch }) => this.#later(login, watch, null, nowMs));
    return [...rest, ...later, ...(await Promise.all(looks))];
  }

  /** A key of this login alone is of another kind, and the ledger refuses to read it: nothing is known of it, and so nothing is said or forgotten. */
  #later(login: string, watch: LoginWatch, targets: readonly MinerTarget[] | null, nowMs: number): LoginLook {
    this.#deps.log.warn("the ledger refuses to tell of a login", { login });
    return { login, targets, news: NO_NEWS, kept: JSON.stringify(watch), dueMs: nowMs + REFUSED_MS };
  }

  /** Writes down what a look has found, in the transaction of the caller. */
  keep({ login, kept, dueMs }: LoginLook): void {
    this.#deps.sql.exec("UPDATE watch SET due_ms = ?, state = ? WHERE login = ?", dueMs, kept, login);
  }

  async #lookAt(
    login: string,
    before: LoginWatch,
    targets: readonly MinerTarget[],
    members: readonly string[],
    nowMs: number,
    wellSinceMs: number,
  ): Promise<LoginLook> {
    const entries = members.map(parseEntry).filter((entry) => entry !== null);
    const isAll = members.length < MOST_ENTRIES;
    const last = entries.reduce((latest, { ms }) => Math.max(latest, ms), before.readS * 1000);
    // More than one page of one second cannot be: a share's time is unique for its worker.
    const readS = isAll ? Math.floor(nowMs / 1000) : Math.max(before.readS + 1, Math.floor(last / 1000) + LATE_S);
    const { watch, back } = absorb(before, entries, readS, wellSinceMs);
    const look = (judged: LoginWatch, news: WatchNews, dueMs: number): LoginLook => ({
      login,
      targets,
      news,
      kept: JSON.stringify(judged),
      dueMs,
    });
    if (!isAll) return look(watch, { offline: [], back, hashrate: null }, nowMs);
    let judged = judge(watch, nowMs, wellSinceMs, null);
    if (judged.asks) {
      const presences = await this.#deps.presences(login);
      if (presences === null) judged = { ...judged, dueMs: Math.min(judged.dueMs, nowMs + AGAIN_MS) };
      else judged = judge(watch, nowMs, wellSinceMs, presences);
    }
    const rate = judgeHashrate(judged.watch, nowMs, wellSinceMs, this.#deps.fallenPercent);
    return look(rate.watch, { offline: judged.offline, back, hashrate: rate.news }, judged.dueMs);
  }
}

/** Whether the ledger has told what a login wants to be told of. */
const isTold = <T extends { readonly targets: readonly MinerTarget[] | null }>(
  one: T,
): one is T & { readonly targets: readonly MinerTarget[] } => one.targets !== null;
