import * as v from "valibot";
import { BoundedMap } from "../bounded-map.ts";
import type { SqlPort } from "../sql-port.ts";
import { duration } from "../units.ts";

/** What a verifier saw of some logins since its last report: how many invalid shares of each, and who had a good one. */
export interface LoginVerdicts {
  readonly invalid: Readonly<Record<string, number>>;
  readonly good: readonly string[];
}

/** Logins that are remembered; far more than it takes to tell one broken rig from all. */
const REMEMBERED = 1_024;
/** So many logins without one right share, and more of them than of the others, are no broken rigs any more. */
const FEWEST_LOGINS = 3;
/** Where no login has a right share, so many invalid ones are enough. */
const FEWEST_SHARES = 10;
/** Who has been silent for so long says nothing. Longer than a ban, after which the same miners come back. */
const FORGET_AFTER_MS = 3_600_000;

interface Failing {
  shares: number;
  sinceMs: number;
  lastMs: number;
}

const stored = v.object({
  version: v.literal(1),
  logins: v.record(v.string(), v.object({ shares: v.number(), sinceMs: v.number(), lastMs: v.number() })),
});

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

  heard({ invalid, good }: LoginVerdicts, nowMs: number): void {
    for (const [login, shares] of Object.entries(invalid)) {
      const known = this.#failing.get(login) ?? { shares: 0, sinceMs: nowMs, lastMs: nowMs };
      this.#failing.set(login, { ...known, shares: known.shares + shares, lastMs: nowMs });
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

  /** One problem for `/health`; null while shares are right. */
  problem({ chain, algorithm, chainId }: Mined, nowMs: number): string | null {
    if (!this.#isEvidence()) return null;
    const all = [...this.#failing.values()];
    const shares = all.reduce((sum, one) => sum + one.shares, 0);
    const forS = (nowMs - Math.min(...all.map(({ sinceMs }) => sinceMs))) / 1000;
    const logins = [...this.#failing.keys()].slice(0, 3).join(", ");
    const of =
      this.#failing.size === 1
        ? "the only miner's"
        : `${this.#failing.size} of ${this.#failing.size + this.#good.size} miners'`;
    const id = chainId === null ? "" : `, whose chain id is ${chainId}`;
    return (
      `for ${duration(forS, true)} all of ${of} shares have been invalid (${shares} shares; ${logins}): they and the pool do not mine the same. ` +
      `To do: see that the nodes are on chain = "${chain}"${id} (work.upstreams below), and that the miners run ${algorithm}`
    );
  }

  #isEvidence(): boolean {
    const shares = [...this.#failing.values()].reduce((sum, one) => sum + one.shares, 0);
    const failing = this.#failing.size;
    return this.#good.size === 0 ? shares >= FEWEST_SHARES : failing >= FEWEST_LOGINS && failing > this.#good.size;
  }

  #keep(): void {
    if (this.#isEvidence() === this.#isKept) return;
    this.#isKept = !this.#isKept;
    if (!this.#isKept) {
      this.#sql.exec("DELETE FROM share_evidence");
      return;
    }
    const value = JSON.stringify({ version: 1, logins: Object.fromEntries([...this.#failing].slice(0, 100)) });
    this.#sql.exec("INSERT OR REPLACE INTO share_evidence VALUES (1, ?)", value);
  }
}
