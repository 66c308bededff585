import { describe, expect, test } from "vitest";
import { auditWallet } from "../../core/ledger/books/audit-wallet.ts";
import { runCommand } from "../../core/payouts/payer/payer-commands.ts";
import { signTransfer } from "../../core/payouts/payer/transaction.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { ACCOUNT, KEY, PayerPool } from "../support/payouts/payer-pool.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const [A, B, C] = [loginAt(1), loginAt(2), loginAt(3)];
const SHANNON_WEI = 10n ** 9n;
const STRANGER = loginAt(0x5740);

const ETHER = 10n ** 18n;

async function newPool(balances: Record<string, bigint>, options: ConstructorParameters<typeof PayerPool>[1] = {}) {
  const pool = new PayerPool(embeddedLedger(), options);
  pool.chain.funds.set(ACCOUNT, 100n * ETHER);
  for (const [login, amount] of Object.entries(balances)) await pool.credit(login, amount);
  return { pool };
}

async function paidPool(...logins: string[]): Promise<PayerPool> {
  const pool = new PayerPool(embeddedLedger());
  pool.chain.funds.set(ACCOUNT, 10n ** 20n);
  for (const [at, login] of logins.entries()) await pool.credit(login, 900_000_000n - BigInt(at));
  return pool;
}

/** A transaction of the account that the payer did not make. @returns its hash */
function foreign(pool: PayerPool, nonce: number, to = STRANGER, valueWei = 7n): string {
  const fees = { kind: "legacy", gasPrice: 50_000_000_000n } as const;
  const signed = signTransfer(KEY, { chainId: 61n, nonce, to, valueWei, gasLimit: 21_000n, fees });
  if (!signed.ok) throw new Error(signed.reason);
  expect(pool.chain.offer(signed.raw)).toBeNull();
  return signed.hash;
}

describe("the audit of an account's nonces", () => {
  test("tells of each that the chain has used by what: payments by their hash, transfers to ourselves, foreign ones by name", async () => {
    const pool = await paidPool(A, B, C);
    await pool.run();
    // A's nonce goes to somebody else for good; C's payment is cancelled; then one that the payer knows nothing of.
    const taken = foreign(pool, 0);
    await runCommand(pool.payer, { kind: "hold", login: C });
    await runCommand(pool.payer, { kind: "cancel", id: 3 });
    await pool.run();
    pool.chain.mine(40);
    await pool.settle();
    pool.chain.mine(40);
    await pool.run();
    const own = foreign(pool, pool.chain.count(ACCOUNT));
    pool.chain.mine(3);
    expect(await pool.payer.auditNonces(null)).toEqual({
      from: 0,
      below: 5,
      payments: 2,
      own: 1,
      foreign: [
        { nonce: 0, hash: taken, why: "a payment gave this nonce up for it" },
        { nonce: 4, hash: own, why: "the payer did not make it" },
      ],
      wrong: [],
    });
    expect(await pool.payer.auditNonces(4)).toMatchObject({ from: 4, below: 5, payments: 0, foreign: [{ nonce: 4 }] });
  });

  test("finds a hundred that the payer did not make, and says from where on they were not looked for", async () => {
    const pool = await paidPool();
    await pool.run();
    const hashes = Array.from({ length: 130 }, (_, nonce) => foreign(pool, nonce));
    pool.chain.mine(4);
    const audit = await pool.payer.auditNonces(null);
    if (typeof audit === "string") throw new Error(audit);
    expect(audit.foreign.map(({ hash }) => hash)).toEqual(hashes.map((hash, at) => (at < 100 ? hash : null)));
    expect(audit.foreign[100]?.why).toBe(
      "the payer did not make it, and by what was not looked for: audit 100 goes on there",
    );
    const rest = await pool.payer.auditNonces(100);
    expect(rest).toMatchObject({ foreign: hashes.slice(100).map((hash) => ({ hash })) });
  });

  test("names a nonce under which the chain has something else than the payer says", async () => {
    const pool = await paidPool(A, B);
    await pool.settle();
    const first = pool.payer.store.find(1);
    if (first === null) throw new Error("no payment 1");
    // As a row that was tampered with, or of another chain.
    pool.payer.store.save({ ...first, login: STRANGER });
    expect(await pool.payer.auditNonces(null)).toMatchObject({
      payments: 1,
      wrong: [expect.stringContaining(`it went to ${A}`)],
    });
    pool.payer.store.save({ ...first, place: { hash: `0x${"77".repeat(32)}`, height: 1 } });
    expect(await pool.payer.auditNonces(null)).toMatchObject({
      wrong: [expect.stringContaining("the chain does not have it")],
    });
    pool.payer.store.save({ ...first, place: null, stage: "sent" });
    expect(await pool.payer.auditNonces(null)).toMatchObject({
      wrong: [`nonce 0 is used by ${first.place?.hash}: payment 1 has it and has not found it there`],
    });
  });

  test("says why it cannot be made", async () => {
    const pool = await paidPool();
    expect(await pool.payer.auditNonces(null)).toBe("the payer has not begun");
    await pool.run();
    expect(await pool.payer.auditNonces(null)).toMatchObject({ from: 0, below: 0, wrong: [] });
    for (const node of pool.nodes) node.away = true;
    expect(await pool.payer.auditNonces(null)).toContain("no node can be believed now: node n0: ");
  });
});

const audit = async ({ redis, nodes }: PayerPool, wallets = [ACCOUNT]) => {
  const [node] = nodes;
  if (node === undefined) throw new Error("no node");
  const findings = await auditWallet(redis, "eth", { rpc: node.rpc, wallets, payments: 100 });
  return findings.map(({ ok, detail }) => (ok ? "ok" : detail));
};

/** What the audit says of the wallet's nonces. */
async function nonces({ redis, nodes: [node] }: PayerPool, payments = 100) {
  if (node === undefined) throw new Error("no node");
  const findings = await auditWallet(redis, "eth", { rpc: node.rpc, wallets: [ACCOUNT], payments });
  return findings.find(({ check }) => check === "every nonce of the wallets is accounted for");
}

describe("the audit against the chain", () => {
  test("is content with what the payer did, gas that the miner paid included, and with wallets that have what is owed", async () => {
    const { pool } = await newPool({ [A]: 600_000_000n, [B]: 400_000_000n }, { settings: { gasFrom: "miner" } });
    await pool.settle();
    expect(await audit(pool)).toEqual(["ok", "ok", "ok"]);
  });

  test("names wallets that are short, payments that no chain has, and those that sent something else", async () => {
    const { pool } = await newPool({ [A]: 600_000_000n, [B]: 400_000_000n });
    await pool.settle();
    const [member] = (await pool.redis.command(["ZRANGE", "eth:payments:all", 0, 0])) as string[];
    const hash = member?.split(":")[0] ?? "";
    await pool.redis.command([
      "ZADD",
      "eth:payments:all",
      2,
      `0x${"99".repeat(32)}:${A}:5`,
      3,
      `${hash}:${B}:600000000`,
    ]);
    await pool.redis.command(["ZADD", "eth:payments:all", 4, `${hash}:${A}:700000000`]);
    pool.chain.funds.set(ACCOUNT, ETHER);
    const [solvency, sent] = await audit(pool);
    expect(solvency).toMatch(/^\d+ Wei in 1 wallet\(s\), 400000000000000000 Wei of balance and pending$/);
    expect(sent).toContain("the node does not have it");
    expect(sent).toContain("it went to another address");
    expect(sent).toContain("it sent 600000000000000000 Wei, the ledger says 700000000000000000");
    expect((await audit(pool, [STRANGER]))[1]).toContain("it was sent by another account");
  });

  test("takes no payment for a stranger's that settled before those that are looked up", async () => {
    const { pool } = await newPool({ [A]: 600_000_000n, [B]: 700_000_000n });
    await pool.settle();
    const members = (await pool.redis.command(["ZRANGE", "eth:payments:all", 0, -1])) as string[];
    const hashOf = (nonce: number) =>
      pool.chain.blocks
        .flatMap(({ transactions }) => transactions)
        .find(({ transaction }) => transaction.nonce === nonce)?.transaction.hash ?? "";
    for (const member of members)
      await pool.redis.command(["ZADD", "eth:payments:all", member.startsWith(hashOf(0)) ? 9 : 1, member]);
    expect(await nonces(pool, 1)).toMatchObject({ ok: true, detail: "1 payments" });
  });

  test("knows that a payment which its recipient refused, and that was made anew, was not made twice", async () => {
    const { pool } = await newPool({ [A]: 600_000_000n, [B]: 700_000_000n });
    await pool.run();
    pool.chain.refusing.add(A);
    pool.chain.mine(pool.settings.finalDepth + 1);
    await pool.run();
    pool.chain.refusing.clear();
    await runCommand(pool.payer, { kind: "release", login: A });
    pool.nowMs += 70_000;
    await pool.settle();
    const refused = pool.chain.blocks.flatMap(({ transactions }) => transactions).find(({ ok }) => !ok)?.transaction;
    expect(await nonces(pool)).toMatchObject({
      ok: true,
      detail: `2 payments; nonce 1 failed: ${A} refused ${refused?.hash}`,
    });
  });

  test("knows every nonce of the wallet: payments, those under way, cancelled ones, and foreign ones by name", async () => {
    const { pool } = await newPool({ [A]: 600_000_000n });
    await pool.settle();
    foreign(pool, 1, ACCOUNT);
    foreign(pool, 2, STRANGER);
    pool.chain.mine(2);
    await pool.credit(B, 700_000_000n);
    await pool.settle();
    const [first, last] = (await pool.redis.command(["ZRANGE", "eth:payments:all", 0, -1])) as string[];
    foreign(pool, 4, C, 5n * SHANNON_WEI);
    pool.chain.mine(1);
    await pool.redis.command(["ZADD", "eth:payments:pending", 1, `${C}:5`]);
    const stranger = pool.chain.blocks.flatMap(({ transactions }) => transactions)[2]?.transaction.hash;
    expect(await nonces(pool)).toMatchObject({
      ok: true,
      detail: `2 payments; nonce 1 was cancelled; nonce 2 is foreign: ${stranger} to ${STRANGER}, 7 Wei; nonce 4 pays ${C}, which is pending`,
    });
    // A transaction that pays a login, and that the ledger has not.
    await pool.redis.command(["ZREM", "eth:payments:pending", `${C}:5`]);
    await pool.redis.command(["HSET", `eth:miners:${C}`, "lastShare", 1]);
    expect(await nonces(pool)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^nonce 4 of 0x.*, pays 5000000000 Wei to .* and is no payment of the ledger$/),
    });
    const [hash, , amount] = (last ?? "").split(":");
    await pool.redis.command(["ZREM", "eth:payments:all", last ?? ""]);
    await pool.redis.command(["ZREM", `eth:payments:${B}`, `${hash}:${amount}`]);
    expect((await nonces(pool))?.detail).toContain(`nonce 3 of ${ACCOUNT}`);
    await pool.redis.command(["ZADD", "eth:payments:all", 9, `${first}0`]);
    expect((await nonces(pool))?.detail).toContain(`${first?.split(":")[0]} is two payments`);
  });
});
