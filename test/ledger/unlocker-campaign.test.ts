/** Random lives of a pool: shares, blocks, uncles, reorganisations, unwritable accounts, crashes. The audit finds nothing, ever. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { bookKeys } from "../../core/ledger/books/scan.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { SCHEMES, windowOf, type Scheme } from "../../core/payouts/schemes.ts";
import { termsOf } from "../../core/payouts/block-terms.ts";
import { campaignRuns } from "../support/campaign-runs.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { recordMaker } from "../support/ledger-records.ts";
import { dyingLedger } from "../support/payouts/payout-sums.ts";
import { POOL, testBlock, type TestBlock } from "../support/payouts/test-chain.ts";
import { FEE_LOGIN, loginAt, UnlockerPool } from "../support/payouts/unlocker-pool.ts";

const BASE = 20_000_000;
const NETWORK = 40_000_000n;
const WINDOW = "2.5";
const LOGINS = [loginAt(1), loginAt(2), loginAt(3), FEE_LOGIN];

const step = fc.record({
  act: fc.constantFrom(
    "shares",
    "find",
    "find",
    "grow",
    "grow",
    "grow",
    "reorganise",
    "run",
    "run",
    "die",
    "poison",
    "heal",
    "scheme" as const,
  ),
  who: fc.nat(3),
  amount: fc.integer({ min: 1, max: 50 }),
  fate: fc.constantFrom("block", "block", "uncle", "nowhere" as const),
  scheme: fc.constantFrom(...SCHEMES),
  solo: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  at: fc.nat(12),
  when: fc.constantFrom("before", "after" as const),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One life. Everything happens at the head of the chain, which only ever grows. */
class Life {
  readonly ledger = embeddedLedger();
  pool = this.#poolUnder("prop");
  readonly #records = recordMaker();
  readonly #found: TestBlock[] = [];
  #scheme: Scheme = "prop";
  #writer = this.#writerUnder("prop");

  constructor() {
    this.pool.growTo(BASE);
  }

  #poolUnder(scheme: Scheme): UnlockerPool {
    return new UnlockerPool(this.ledger, {
      partLogins: 2,
      settings: { immatureDepth: 8, depth: 20, pplnsWindow: scheme === "pplns" ? WINDOW : null },
      ...(this.pool ? { nodes: this.pool.nodes } : {}),
    });
  }

  #writerUnder(scheme: Scheme) {
    const payouts = { scheme, pplnsWindow: WINDOW, soloFee: "2.5" };
    return createLedgerWriter({
      redis: this.ledger,
      coin: "eth",
      hashrateExpirationMs: 1e9,
      nowMs: () => this.pool.nowMs,
      // Under prop some blocks are found while nobody is credited here.
      blockTerms: (block) =>
        scheme !== "prop" || block.solo === true || block.height % 2 === 0
          ? termsOf(this.pool.settings.terms, payouts, block)
          : null,
      window: scheme === "pplns" ? ({ networkDifficulty }) => windowOf(WINDOW, networkDifficulty) : null,
    });
  }

  /** The settings are changed: whoever writes and whoever unlocks begins anew. */
  change(scheme: Scheme): void {
    const { nowMs, state } = this.pool;
    this.pool = Object.assign(this.#poolUnder(scheme), { nowMs, state });
    this.#writer = this.#writerUnder(scheme);
    this.#scheme = scheme;
  }

  async take({ act, who, amount, fate, at, when, scheme, solo: chosen }: Step): Promise<void> {
    const solo = chosen || this.#scheme === "solo";
    const { pool } = this;
    const login = LOGINS[who] ?? FEE_LOGIN;
    switch (act) {
      case "shares": {
        const share = () => this.#records.share({ login, shareDifficulty: BigInt(amount) * 1_000_003n, solo });
        await this.#writer.recordShares([share(), share()], false);
        return;
      }
      case "find":
        return await this.#find(login, fate, solo);
      case "grow":
        return pool.growTo(pool.node.head + amount);
      case "reorganise":
        return this.#reorganise(Math.min(amount, 19));
      case "run":
        return await pool.run();
      case "die":
        return await pool.run(dyingLedger(this.ledger, at + 1, when));
      case "poison":
        await this.ledger.command(["HSET", `eth:miners:${login}`, "immature", "1.5"]);
        return;
      case "heal":
        return await this.heal(login);
      case "scheme":
        return this.change(scheme);
    }
  }

  /** Puts right what `poison` spoilt: by what the credits say. */
  async heal(login: string): Promise<void> {
    if ((await this.ledger.command(["HGET", `eth:miners:${login}`, "immature"])) !== "1.5") return;
    const owed = BigInt(String((await this.ledger.command(["HGET", "eth:unlocker:owed", `${login}:immature`])) ?? 0));
    let credited = 0n;
    for (const key of await bookKeys(this.ledger, "eth"))
      if (key.startsWith("eth:credits:immature:"))
        credited += BigInt(String((await this.ledger.command(["HGET", key, login])) ?? 0));
    await this.ledger.command(["HSET", `eth:miners:${login}`, "immature", String(credited - owed)]);
  }

  async #find(login: string, fate: Step["fate"], solo: boolean): Promise<void> {
    const height = this.pool.node.head + 1;
    const record = this.#records.block({
      login,
      height,
      networkDifficulty: NETWORK,
      timestampMs: this.pool.nowMs,
      solo,
    });
    this.pool.nowMs += 1_000;
    await this.#writer.recordBlock(record, false);
    const block = testBlock(height, { nonce: record.nonce, mixHash: record.mixDigest, miner: POOL });
    this.#found.push(block);
    if (fate === "block") this.pool.put(block);
    this.pool.growTo(height);
    if (fate === "uncle") this.pool.put(testBlock(height + 1, { uncles: [block] }));
  }

  /** The newest blocks give way to others; the first of ours among them becomes an uncle. */
  #reorganise(depth: number): void {
    const { node } = this.pool;
    const lost = this.#found.find(({ height }) => height > node.head - depth && height < node.head);
    for (let height = Math.max(BASE, node.head - depth + 1); height <= node.head; height += 1)
      node.put(testBlock(height, { uncles: lost !== undefined && height === lost.height + 1 ? [lost] : [] }));
  }
}

test(
  "the books add up after any sequence of finding, maturing, losing and dying, and nothing is left over in the end",
  { timeout: 300_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const life = new Life();
        for (const one of steps) {
          await life.take(one);
          const poisoned = await Promise.all(
            LOGINS.map((login) => life.ledger.command(["HGET", `eth:miners:${login}`, "immature"])),
          );
          if (poisoned.includes("1.5")) continue;
          const findings = await auditBooks(life.ledger, "eth");
          expect(findings.filter(({ ok }) => !ok)).toEqual([]);
        }
        for (const login of LOGINS) await life.heal(login);
        for (let i = 0; i < 4; i += 1) {
          life.pool.growTo(life.pool.node.head + 30);
          await life.pool.run();
        }
        expect(await life.pool.list("candidates")).toEqual([]);
        expect(await life.pool.list("immature")).toEqual([]);
        expect([
          life.pool.waits(),
          await life.pool.hash("eth:unlocker:moves"),
          await life.pool.hash("eth:unlocker:owed"),
        ]).toEqual([[], {}, {}]);
        const findings = await auditBooks(life.ledger, "eth");
        expect(findings.filter(({ ok }) => !ok)).toEqual([]);
      }),
      {
        seed: Number(process.env["EDGEPOOL_SEED"] ?? 5),
        numRuns: Number(process.env["EDGEPOOL_LIVES"] ?? campaignRuns(60, 20)),
      },
    );
  },
);
