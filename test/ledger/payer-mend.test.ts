import { describe, expect, test } from "vitest";
import { exportBooks, readDump, type Dump } from "../../core/ledger/books/dump.ts";
import { importBooks } from "../../core/ledger/books/import.ts";
import type { LoginMend } from "../../core/payouts/payer/mend.ts";
import { runCommand } from "../../core/payouts/payer/payer-commands.ts";
import { payerProblems } from "../../core/payouts/payer/payer-status.ts";
import { signTransfer } from "../../core/payouts/payer/transaction.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { addUp } from "../support/payouts/payer-campaign.ts";
import { ACCOUNT, KEY, PayerPool } from "../support/payouts/payer-pool.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const SHANNON_WEI = 10n ** 9n;
const [A, B, C] = [loginAt(1), loginAt(2), loginAt(3)];
const STRANGER = loginAt(0x5740);

async function newPool(balances: Record<string, bigint>, options: ConstructorParameters<typeof PayerPool>[1] = {}) {
  const pool = new PayerPool(embeddedLedger(), options);
  pool.chain.funds.set(ACCOUNT, 10n ** 24n);
  for (const [login, amount] of Object.entries(balances)) await pool.credit(login, amount);
  const wrong = async (): Promise<string[]> => await addUp(pool, new Map(Object.entries(balances)));
  return { pool, wrong };
}

const copyOf = async ({ redis }: PayerPool): Promise<Dump> => await readDump(exportBooks(redis, "eth"));
const restore = async ({ redis }: PayerPool, dump: Dump) => await importBooks(redis, dump, { replace: true });

/** What `mend --all` asks for, page by page. */
async function mendAll({ payer }: PayerPool, writes: boolean): Promise<{ logins: LoginMend[]; pages: number }> {
  const logins: LoginMend[] = [];
  for (let pages = 1, after: string | null = null; ; pages += 1) {
    const page = await payer.mendPage(after, writes);
    if (typeof page === "string") throw new Error(page);
    logins.push(...page.logins);
    if (page.next === null) return { logins, pages };
    after = page.next;
  }
}

/** A transaction of the account that the payer did not make. @returns its hash */
function foreign(pool: PayerPool, nonce: number, to: string, valueWei: bigint): string {
  const fees = { kind: "legacy", gasPrice: 50_000_000_000n } as const;
  const signed = signTransfer(KEY, { chainId: 61n, nonce, to, valueWei, gasLimit: 21_000n, fees });
  if (!signed.ok) throw new Error(signed.reason);
  expect(pool.chain.offer(signed.raw)).toBeNull();
  return signed.hash;
}

describe("a ledger restored from an older state", () => {
  test("is named with every login that it has forgotten, and mended with one command, which shows first what it will write", async () => {
    const balances = Object.fromEntries(
      Array.from({ length: 120 }, (_, n) => [loginAt(n + 1), 600_000_000n + BigInt(n)]),
    );
    const { pool, wrong } = await newPool(balances, { settings: { concurrentTx: 200 } });
    await pool.run();
    const debited = await copyOf(pool);
    pool.chain.mine(10);
    await pool.run();
    await restore(pool, debited);
    pool.nowMs += 70_000;
    await pool.run();
    const status = pool.payer.status();
    expect([status.waiting.length, status.waitingMore, status.forgotten]).toEqual([50, 70, 120]);
    expect(new Set(pool.payer.waiting().map(({ login }) => login))).toEqual(new Set(Object.keys(balances)));
    expect(payerProblems(status, pool.nowMs)).toEqual([
      expect.stringMatching(/forgotten payments of 120 login\(s\), .*mend --all --dry-run/),
    ]);
    const before = await copyOf(pool);
    const plan = await mendAll(pool, false);
    expect(await copyOf(pool)).toEqual(before);
    expect(plan.pages).toBe(5);
    expect(plan.logins).toHaveLength(120);
    expect(plan.logins.every(({ lines, problem }) => problem === null && lines[0]?.to === "paid")).toBe(true);
    expect(await mendAll(pool, true)).toEqual(plan);
    expect(await mendAll(pool, true)).toEqual({ logins: [], pages: 1 });
    await pool.run();
    expect(pool.payer.status()).toMatchObject({ waiting: [], waitingMore: 0, forgotten: 0 });
    expect(await wrong()).toEqual([]);
  });

  test("is written again only what the chain proves now; the rest is named, and one login's can be written at the operator's word", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n, [B]: 600_000_000n });
    const unpaid = await copyOf(pool);
    pool.chain.mine(5);
    await pool.settle();
    pool.chain.mine(pool.settings.finalDepth);
    await pool.run();
    await restore(pool, unpaid);
    for (const node of pool.nodes) node.away = true;
    expect(await pool.payer.mendPage(null, true)).toMatch(/^no node can be believed now/);
    for (const node of pool.nodes) node.away = false;
    pool.chain.reorganise(pool.chain.head - 3, "lost");
    const problem = expect.stringMatching(/^payment \d: the chain does not have it now$/);
    expect((await mendAll(pool, true)).logins).toEqual([A, B].map((login) => ({ login, lines: [], problem })));
    expect(await pool.amount(A, "paid")).toBe(0n);
    for (const login of [A, B]) {
      const { attempts } = pool.payer.store.of(login)[0] ?? { attempts: [] };
      for (const { raw } of attempts) expect(pool.chain.offer(raw)).toBeNull();
    }
    expect(await runCommand(pool.payer, { kind: "mend", login: B })).toMatchObject({ ok: true });
    pool.chain.mine(8);
    expect((await mendAll(pool, true)).logins).toMatchObject([{ login: A, problem: null }]);
    expect(await wrong()).toEqual([]);
  });

  test("gives back what was refunded, lists what the chain has now, and leaves under way what is", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n, [B]: 600_000_000n, [C]: 800_000_000n });
    pool.chain.minPrice = 1_050_000_000n;
    pool.chain.mine(5);
    await pool.run();
    pool.nowMs += 700_000;
    await pool.run();
    await runCommand(pool.payer, { kind: "hold", login: A });
    await runCommand(pool.payer, { kind: "cancel", id: 2 });
    const pending = await copyOf(pool);
    pool.chain.minPrice = 1n;
    await pool.run();
    pool.chain.mine(pool.settings.finalDepth + 1);
    await pool.run();
    await pool.settle();
    expect(pool.payer.store.find(2)?.stage).toBe("refunded");
    await restore(pool, pending);
    const { logins } = await mendAll(pool, false);
    expect(logins.map(({ lines }) => lines.map(({ to }) => to))).toEqual([["balance"], ["paid"], ["paid"]]);
    expect(await mendAll(pool, true)).toMatchObject({ logins });
    expect([await pool.amount(A, "balance"), await pool.amount(A, "pending")]).toEqual([700_000_000n, 0n]);
    expect((await mendAll(pool, true)).logins).toEqual([]);
    expect(await wrong()).toEqual([`${A} is left with 700000000`]);
  });

  test("of before a balance was there is named, and mended when the balance is", async () => {
    const { pool, wrong } = await newPool({});
    const empty = await copyOf(pool);
    await pool.credit(A, 700_000_000n);
    await pool.settle();
    await restore(pool, empty);
    expect((await mendAll(pool, true)).logins).toEqual([
      { login: A, lines: [], problem: "payment 1: its balance is 0 Shannon by now" },
    ]);
    await pool.credit(A, 700_000_000n);
    expect((await mendAll(pool, true)).logins).toMatchObject([{ lines: [{ id: 1, to: "paid" }], problem: null }]);
    expect(await wrong()).toEqual([]);
    expect(await pool.amount(A, "paid")).toBe(700_000_000n);
  });
});

describe("a second payer with the same key", () => {
  test("and no memory, at a ledger of before the lock, debits nobody, leaves the lock free, and says what it found", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n, [B]: 800_000_000n });
    const unlocked = await copyOf(pool);
    await pool.settle();
    await restore(pool, unlocked);
    const rival = new PayerPool(pool.redis, { chain: pool.chain });
    const { payer } = rival;
    for (let i = 0; i < 3; i += 1) {
      rival.nowMs += 70_000;
      await rival.run();
    }
    expect(payer.status().paused).toMatch(
      /nonce 1, pays 700000000000000000 Wei to the login .*another payer has the key/,
    );
    expect(payer.store.open().payments).toEqual([]);
    expect(await pool.redis.command(["EXISTS", "eth:payments:lock"])).toBe(0);
    await pool.run();
    await mendAll(pool, true);
    await pool.settle();
    await rival.run();
    expect(payer.status().paused).toMatch(/^payments:lock is held by/);
    expect([pool.chain.received(A, ACCOUNT), await wrong()]).toEqual([700_000_000n * SHANNON_WEI, []]);
  });

  test("begins where the ledger has what the account has paid, when the first has given the lock back, and the first comes back after it", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    await pool.settle();
    await runCommand(pool.payer, { kind: "pause" });
    expect(await runCommand(pool.payer, { kind: "unlock" })).toMatchObject({ ok: true });
    pool.nowMs += 70_000;
    await pool.run();
    expect(await pool.redis.command(["EXISTS", "eth:payments:lock"])).toBe(0);
    const heir = new PayerPool(pool.redis, { chain: pool.chain });
    heir.nowMs = pool.nowMs;
    await heir.credit(B, 800_000_000n);
    await heir.settle();
    expect(await heir.amount(B, "paid")).toBe(800_000_000n);
    await runCommand(heir.payer, { kind: "pause" });
    await runCommand(heir.payer, { kind: "unlock" });
    await runCommand(pool.payer, { kind: "resume" });
    await pool.credit(C, 900_000_000n);
    pool.nowMs += 70_000;
    await pool.settle();
    expect(await pool.amount(C, "paid")).toBe(900_000_000n);
    expect(pool.payer.status().paused).toBeNull();
    expect(await wrong()).toEqual([]);
  });
});

describe("an account that was used before", () => {
  test("pays where its newest transactions pay no login, and waits for the operator where one does that the ledger does not have", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n });
    foreign(pool, 0, A, 5n * SHANNON_WEI);
    foreign(pool, 1, STRANGER, 7n);
    pool.chain.mine(1);
    await pool.run();
    expect(pool.payer.status().paused).toMatch(/nonce 0, pays 5000000000 Wei to the login/);
    expect(await pool.redis.command(["EXISTS", "eth:payments:lock"])).toBe(0);
    await runCommand(pool.payer, { kind: "resume" });
    await pool.settle();
    expect(await pool.amount(A, "paid")).toBe(700_000_000n);
    const fresh = await newPool({ [A]: 700_000_000n });
    foreign(fresh.pool, 0, STRANGER, 7n);
    fresh.pool.chain.mine(1);
    await fresh.pool.settle();
    expect(await fresh.pool.amount(A, "paid")).toBe(700_000_000n);
  });

  test("has payments paused while somebody else's transaction pays a login, and goes on by itself when it falls out again", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    await pool.settle();
    foreign(pool, 1, A, 5n * SHANNON_WEI);
    pool.chain.mine(2);
    await pool.credit(B, 800_000_000n);
    pool.nowMs += 70_000;
    await pool.run();
    expect(pool.payer.status().paused).toMatch(/nonce 1, pays 5000000000 Wei to the login/);
    expect(await pool.amount(B, "balance")).toBe(800_000_000n);
    pool.chain.reorganise(2, "lost");
    await pool.settle();
    expect(await pool.amount(B, "paid")).toBe(800_000_000n);
    expect(await wrong()).toEqual([]);
  });
});

test("a pending payment has open-etc-pool's two fields from before it is sent until it is no longer pending", async () => {
  const { pool } = await newPool({ [A]: 700_000_000n, [B]: 600_000_000n });
  const fields = async () =>
    await Promise.all(
      ["nonce", "tx"].map(async (name) => await pool.redis.command(["HGETALL", `eth:payments:pending${name}`])),
    );
  pool.chain.refusing.add(B);
  await pool.run();
  pool.chain.refusing.delete(B);
  const hash = pool.payer.store.find(1)?.attempts[0]?.hash;
  expect(await fields()).toEqual([
    [`${A}:700000000`, "0"],
    [`${A}:700000000`, hash],
  ]);
  // Its nonce is somebody else's for good: the fields of it are those of its next one.
  foreign(pool, 0, STRANGER, 7n);
  pool.chain.mine(pool.settings.finalDepth + 1);
  await pool.run();
  await pool.run();
  expect(await fields()).toEqual([
    [`${A}:700000000`, "1"],
    [`${A}:700000000`, pool.payer.store.find(1)?.attempts[0]?.hash],
  ]);
  await pool.settle();
  expect(await fields()).toEqual([[], []]);
});
