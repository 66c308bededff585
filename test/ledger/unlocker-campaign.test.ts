/** Random lives of a pool: shares, blocks, uncles, reorganisations, unwritable accounts, crashes. The audit finds nothing, ever. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { bookKeys } from "../../core/ledger/books/scan.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { termsOf } from "../../core/payouts/block-terms.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { recordMaker } from "../support/ledger-records.ts";
import { dyingLedger } from "../support/payouts/payout-sums.ts";
import { POOL, testBlock, type TestBlock } from "../support/payouts/test-chain.ts";
import { FEE_LOGIN, loginAt, UnlockerPool } from "../support/payouts/unlocker-pool.ts";

const BASE = 20_000_000;
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
    "heal" as const,
  ),
  who: fc.nat(3),
  amount: fc.integer({ min: 1, max: 50 }),
  fate: fc.constantFrom("block", "block", "uncle", "nowhere" as const),
  at: fc.nat(12),
  when: fc.constantFrom("before", "after" as const),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One life. Everything happens at the head of the chain, which only ever grows. */
class Life {
  readonly ledger = embeddedLedger();
  readonly pool = new UnlockerPool(this.ledger, { partLogins: 2, settings: { immatureDepth: 8, depth: 20 } });
  readonly #records = recordMaker();
  readonly #found: TestBlock[] = [];
  readonly #writer = createLedgerWriter({
    redis: this.ledger,
    coin: "eth",
    hashrateExpirationMs: 1e9,
    nowMs: () => this.pool.nowMs,
    blockTerms: (block) => (block.height % 2 === 0 ? termsOf(this.pool.settings.terms, block) : null),
  });

  constructor() {
    this.pool.growTo(BASE);
  }

  async take({ act, who, amount, fate, at, when }: Step): Promise<void> {
    const { pool } = this;
    const login = LOGINS[who] ?? FEE_LOGIN;
    switch (act) {
      case "shares": {
        const share = () => this.#records.share({ login, shareDifficulty: BigInt(amount) * 1_000_003n });
        await this.#writer.recordShares([share(), share()], false);
        return;
      }
      case "find":
        return await this.#find(login, fate);
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

  async #find(login: string, fate: Step["fate"]): Promise<void> {
    const height = this.pool.node.head + 1;
    const record = this.#records.block({ login, height, networkDifficulty: 1_000n, timestampMs: this.pool.nowMs });
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
      { seed: Number(process.env["EDGEPOOL_SEED"] ?? 5), numRuns: Number(process.env["EDGEPOOL_LIVES"] ?? 60) },
    );
  },
);
