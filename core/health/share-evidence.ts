import * as v from "valibot";
import { BoundedMap } from "../bounded-map.ts";
import type { SqlPort } from "../sql-port.ts";
import { duration } from "../units.ts";

/** What a verifier saw of some logins since its last report: how many invalid shares of each, and who had a good one. */
export interface LoginVerdicts {
  readonly invalid: Readonly<Record<string, number>>;
  /** Networks that the invalid shares of a login came from. Left out by verifiers of an older version. */
  readonly from?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly good: readonly string[];
}

/** Logins that are remembered; far more than it takes to tell one broken rig from all. */
const REMEMBERED = 1_024;
/** So many logins without one right share, and more of them than of the others, are no broken rigs any more. */
const FEWEST_LOGINS = 3;
/**
 * Where no login has a right share, so many invalid ones are enough; beside others' right ones, a login that has fewer says nothing:
 * anybody can send a little junk under many names, and much of it bans the client.
 */
const FEWEST_SHARES = 10;
/** Who has been silent for so long says nothing. Longer than a ban, after which the same miners come back. */
const FORGET_AFTER_MS = 3_600_000;
/** Networks of a login that are remembered. */
const MOST_NETWORKS = 4;

interface Failing {
  shares: number;
  sinceMs: number;
  lastMs: number;
  /** Networks, some of them; empty where they are not known. */
  from: readonly string[];
}

const stored = v.object({
  version: v.literal(1),
  logins: v.record(
    v.string(),
    v.object({
      shares: v.number(),
      sinceMs: v.number(),
      lastMs: v.number(),
      from: v.optional(v.array(v.string()), []),
    }),
  ),
});

/** Many miners' shares are invalid at once, in words, with what to do. */
export interface InvalidShares {
  readonly text: string;
  /** False where one party could have made it up: it is said, and turns nothing red. */
  readonly isProblem: boolean;
}

const DOUBT =
  "they come from one network, or from logins that never earned anything. Perhaps somebody sends junk; perhaps they and the pool do not mine the same";

/** What the pool and its miners should agree on. */
interface Mined {
  readonly chain: string;
  readonly algorithm: string;
  readonly chainId: number | null;
}

/**
 * Notices that many miners at once have nothing but invalid shares: then not they are wrong but what they are given, or all of them mine
 * something else. Bans silence the witnesses, so what was found is kept in storage until a share is right again: two rows an incident.
 */
export class ShareEvidence {
  readonly #failing = new BoundedMap<string, Failing>(REMEMBERED);
  readonly #good = new BoundedMap<string, number>(REMEMBERED);
  readonly #sql: SqlPort;
  #isKept = false;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS share_evidence (id INTEGER PRIMARY KEY, value TEXT NOT NULL)");
    const [row] = sql.exec("SELECT value FROM share_evidence WHERE id = 1");
    const kept = v.safeParse(v.pipe(v.string(), v.parseJson(), stored), row?.["value"]);
    if (!kept.success) return;
    this.#isKept = true;
    for (const [login, failing] of Object.entries(kept.output.logins)) this.#failing.set(login, failing);
  }

  heard({ invalid, from = {}, good }: LoginVerdicts, nowMs: number): void {
    for (const [login, shares] of Object.entries(invalid)) {
      const known = this.#failing.get(login) ?? { shares: 0, sinceMs: nowMs, lastMs: nowMs, from: [] };
      const networks = [...new Set([...known.from, ...(from[login] ?? [])])].slice(0, MOST_NETWORKS);
      this.#failing.set(login, { ...known, shares: known.shares + shares, lastMs: nowMs, from: networks });
      // What made it good was told true on its claim and proved wrong, or is long past.
      if (known.shares + shares >= FEWEST_SHARES) this.#good.delete(login);
    }
    for (const login of good) {
      this.#failing.delete(login);
      // Again at the end of the line: the first to be forgotten is who has been silent longest.
      this.#good.delete(login);
      this.#good.set(login, nowMs);
    }
    for (const [login, { lastMs }] of this.#failing) if (nowMs - lastMs > FORGET_AFTER_MS) this.#failing.delete(login);
    for (const [login, atMs] of this.#good) if (nowMs - atMs > FORGET_AFTER_MS) this.#good.delete(login);
    this.#keep();
  }

  /** Logins that have nothing but invalid shares, where there are enough of them to ask whether the pool ever credited them. */
  get suspects(): readonly string[] {
    return this.#isEvidence() ? this.#witnesses().map(([login]) => login) : [];
  }

  /**
   * What `/health` says of it; null while shares are right.
   * @param credited which of the {@link suspects} have earned something before; null where the pool never credited anybody, so that there is
   * no one else to ask
   */
  found(
    { chain, algorithm, chainId }: Mined,
    nowMs: number,
    credited: ReadonlySet<string> | null,
  ): InvalidShares | null {
    if (!this.#isEvidence()) return null;
    const witnesses = this.#witnesses();
    const all = witnesses.map(([, failing]) => failing);
    const forS = (nowMs - Math.min(...all.map(({ sinceMs }) => sinceMs))) / 1000;
    const named = witnesses.slice(0, 3).map(([login]) => login);
    const miners = witnesses.length + this.#good.size;
    const of = miners === 1 ? "the only miner's" : `${witnesses.length} of ${miners} miners'`;
    const id = chainId === null ? "" : `, whose chain id is ${chainId}`;
    const isProblem = credited === null || this.#isCredible(credited);
    const means = isProblem ? "they and the pool do not mine the same" : DOUBT;
    const text =
      `for ${duration(forS, true)} all of ${of} shares have been invalid (${sharesOf(witnesses)} shares; ${named.join(", ")}): ${means}. ` +
      `To do: see that the nodes are on chain = "${chain}"${id} (work.upstreams below), and that the miners run ${algorithm}`;
    return { text, isProblem };
  }

  /**
   * Whether no one party can have made it up: a login costs nothing, and those that have earned something are public. So only logins that
   * the pool has credited count, and no more of them than networks.
   */
  #isCredible(credited: ReadonlySet<string>): boolean {
    const known = this.#witnesses().filter(([login]) => credited.has(login));
    const networks = new Set(known.flatMap(([login, { from }]) => (from.length === 0 ? [login] : from)));
    const count = Math.min(known.length, networks.size);
    return this.#good.size === 0 ? count >= 2 : count >= FEWEST_LOGINS && count > this.#good.size;
  }

  /** Who has nothing but invalid shares, and enough of them to say something. */
  #witnesses(): [string, Failing][] {
    const fewest = this.#good.size === 0 ? 1 : FEWEST_SHARES;
    return [...this.#failing].filter(([, { shares }]) => shares >= fewest);
  }

  #isEvidence(): boolean {
    const witnesses = this.#witnesses();
    if (this.#good.size === 0) return sharesOf(witnesses) >= FEWEST_SHARES;
    return witnesses.length >= FEWEST_LOGINS && witnesses.length > this.#good.size;
  }

  #keep(): void {
    if (this.#isEvidence() === this.#isKept) return;
    this.#isKept = !this.#isKept;
    if (!this.#isKept) {
      this.#sql.exec("DELETE FROM share_evidence");
      return;
    }
    const value = JSON.stringify({ version: 1, logins: Object.fromEntries(this.#witnesses().slice(0, 100)) });
    this.#sql.exec("INSERT OR REPLACE INTO share_evidence VALUES (1, ?)", value);
  }
}

function sharesOf(logins: readonly [string, Failing][]): number {
  return logins.reduce((sum, [, { shares }]) => sum + shares, 0);
}
