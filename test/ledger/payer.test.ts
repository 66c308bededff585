import { describe, expect, test } from "vitest";
import { exportBooks, readDump } from "../../core/ledger/books/dump.ts";
import { importBooks } from "../../core/ledger/books/import.ts";
import { runCommand } from "../../core/payouts/payer/payer-commands.ts";
import type { Payment } from "../../core/payouts/payer/payment.ts";
import { keySigner, noSigner } from "../../core/payouts/payer/signer.ts";
import { strangerPending } from "../../core/payouts/payer/planning.ts";
import { accountOf, signTransfer } from "../../core/payouts/payer/transaction.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { addUp } from "../support/payouts/payer-campaign.ts";
import { ACCOUNT, KEY, PayerPool } from "../support/payouts/payer-pool.ts";
import { SimSigner } from "../support/payouts/sim-signer.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const ETHER = 10n ** 18n;
const SHANNON_WEI = 10n ** 9n;
const [A, B, C] = [loginAt(1), loginAt(2), loginAt(3)];
const STRANGER = loginAt(0x5740);

async function newPool(balances: Record<string, bigint>, options: ConstructorParameters<typeof PayerPool>[1] = {}) {
  const pool = new PayerPool(embeddedLedger(), options);
  pool.chain.funds.set(ACCOUNT, 100n * ETHER);
  for (const [login, amount] of Object.entries(balances)) await pool.credit(login, amount);
  const wrong = async (): Promise<string[]> => await addUp(pool, new Map(Object.entries(balances)));
  return { pool, wrong };
}

const payment = (pool: PayerPool, id = 1): Payment => {
  const found = pool.payer.store.find(id);
  if (found === null) throw new Error(`no payment ${id}`);
  return found;
};
const waits = (pool: PayerPool): string[] => pool.payer.status().waiting.map(({ reason }) => reason);

/** A transaction of the paying account that the payer did not make. */
function foreign(pool: PayerPool, nonce: number, to: string, valueWei = 7n): void {
  const fees = { kind: "legacy", gasPrice: 50_000_000_000n } as const;
  const signed = signTransfer(KEY, { chainId: 61n, nonce, to, valueWei, gasLimit: 21_000n, fees });
  if (signed.ok) expect(pool.chain.offer(signed.raw)).toBeNull();
}

async function* linesOf(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

describe("a payment", () => {
  test("is above the threshold, not at it; goes from balance to paid to the Wei; and is final in the end", async () => {
    const { pool } = await newPool({ [A]: 600_000_000n, [B]: 500_000_000n });
    await pool.settle();
    expect([await pool.amount(A, "balance"), await pool.amount(A, "paid")]).toEqual([0n, 600_000_000n]);
    expect(await pool.amount(B, "balance")).toBe(500_000_000n);
    expect(pool.chain.received(A, ACCOUNT)).toBe(600_000_000n * SHANNON_WEI);
    expect(payment(pool).stage).toBe("settled");
    pool.chain.mine(pool.settings.finalDepth);
    await pool.run();
    expect(payment(pool).stage).toBe("final");
    expect(await pool.redis.command(["EXISTS", "eth:payouts:open"])).toBe(0);
  });

  test("is a type-2 transaction where blocks have a base fee", async () => {
    const { pool, wrong } = await newPool({ [A]: 600_000_000n });
    pool.chain.baseFee = 10n ** 8n;
    await pool.settle();
    expect(payment(pool).attempts[0]?.fees.kind).toBe("eip1559");
    expect(await wrong()).toEqual([]);
  });

  test("charges the gas to the miner where payouts.gasFrom says so, fixed when it is planned", async () => {
    const { pool } = await newPool({ [A]: 600_000_000n }, { settings: { gasFrom: "miner" } });
    await pool.settle();
    expect(pool.chain.received(A, ACCOUNT)).toBe(600_000_000n * SHANNON_WEI - 21_000n * 10n ** 9n);
    expect(await pool.amount(A, "paid")).toBe(600_000_000n);
  });

  test("is shown with stage, transaction and confirmations, to everybody, to its login and to the operator", async () => {
    const { pool } = await newPool({ [A]: 600_000_000n, [B]: 400_000_000n }, { settings: { maxDay: 900_000_000n } });
    expect(pool.payer.progress(null)).toMatchObject({ payments: [], paused: null, waits: null });
    expect(await pool.payer.wallet()).toMatchObject({ nonce: { chain: null, next: null }, inFlight: 0 });
    await pool.run();
    const sent = { login: A, amountShannon: "600000000", stage: "sent", nonce: 0, confirmations: null, reason: null };
    expect(pool.payer.progress(A).payments).toMatchObject([{ ...sent, hash: payment(pool).attempts[0]?.hash }]);
    expect(await pool.payer.wallet()).toMatchObject({
      nonce: { chain: 0, next: 1 },
      owed: { balance: "400000000", pending: "600000000", immature: "0" },
      caps: { payment: null, run: null, day: "900000000" },
      status: { paidToday: "600000000", walletWei: String(100n * ETHER), dryRun: false, paused: null },
      inFlight: 1,
      payments: [sent],
    });
    pool.chain.mine(4);
    await pool.run();
    expect(pool.payer.progress(null).payments).toMatchObject([{ stage: "mined", confirmations: 3 }]);
    expect(pool.payer.progress(B)).toMatchObject({ payments: [], waits: null });
    await runCommand(pool.payer, { kind: "hold", login: B });
    await pool.credit(B, 200_000_000n);
    await runCommand(pool.payer, { kind: "pause" });
    pool.nowMs += 70_000;
    await pool.run();
    expect(pool.payer.progress(B)).toMatchObject({ paused: "by the operator" });
    await runCommand(pool.payer, { kind: "resume" });
    await pool.run();
    expect(pool.payer.progress(B)).toMatchObject({ paused: null, waits: "held by the operator" });
    expect(await pool.payer.wallet()).toMatchObject({ held: [{ login: B, why: "held by the operator" }] });
    await pool.settle();
    expect(await pool.payer.wallet()).toMatchObject({ payments: [], nonce: { chain: 1, next: 1 } });
  });

  test("that is stuck is replaced under its nonce for a tenth more, and only the one whose turn it is", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n, [B]: 600_000_000n });
    pool.chain.minPrice = 3_000_000_000n;
    for (let i = 0; i < 5; i += 1) {
      pool.nowMs += 700_000;
      for (const node of pool.nodes) node.gasPrice = 1_000_000_000n + BigInt(i) * 700_000_000n;
      await pool.run();
      pool.chain.mine(1);
    }
    const prices = payment(pool, 1).attempts.map(({ fees }) => (fees.kind === "legacy" ? fees.gasPrice : 0n));
    expect(prices.length).toBeGreaterThan(2);
    for (const [at, price] of prices.entries())
      if (at > 0) expect(price * 10n).toBeGreaterThanOrEqual((prices[at - 1] ?? 0n) * 11n);
    pool.chain.minPrice = 1n;
    await pool.settle();
    expect(new Set([payment(pool, 1).nonce, payment(pool, 2).nonce]).size).toBe(2);
    expect(await wrong()).toEqual([]);
  });

  test("waits, named, where gas costs more than payouts.maxGasPrice", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n });
    for (const node of pool.nodes) node.gasPrice = 200_000_000_000n;
    await pool.run();
    expect(waits(pool)).toEqual(["a unit of gas costs 200000000000 Wei, payouts.maxGasPrice is 100000000000"]);
    expect(await pool.amount(A, "balance")).toBe(700_000_000n);
  });
});

describe("what the chain does to a payment", () => {
  test("one that falls out is sent again, the same bytes", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    await pool.run();
    pool.chain.mine(2);
    await pool.run();
    expect(payment(pool).stage).toBe("mined");
    pool.chain.reorganise(2, "lost");
    await pool.run();
    expect(payment(pool).stage).toBe("sent");
    expect(payment(pool).attempts).toHaveLength(1);
    await pool.settle();
    expect(await wrong()).toEqual([]);
  });

  test("a reorganisation deeper than the confirmations pauses payments until the operator resumes them", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    pool.chain.mine(5);
    await pool.settle();
    await pool.credit(B, 900_000_000n);
    pool.chain.reorganise(pool.chain.head - 3, "lost");
    pool.nowMs += 100_000;
    await pool.run();
    await pool.run();
    expect(pool.payer.status().paused).toContain("a reorganisation deeper than payouts.confirmations");
    expect(await pool.amount(B, "balance")).toBe(900_000_000n);
    await runCommand(pool.payer, { kind: "resume" });
    await pool.settle();
    expect(pool.chain.received(B, ACCOUNT)).toBe(900_000_000n * SHANNON_WEI);
    expect(pool.chain.received(A, ACCOUNT)).toBe(700_000_000n * SHANNON_WEI);
    expect(await wrong()).toEqual([]);
  });

  test("one that settled and is mined anew under another of its hashes is listed with that one", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    pool.chain.mine(5);
    pool.chain.minPrice = 1_050_000_000n;
    await pool.run();
    pool.nowMs += 700_000;
    await pool.run();
    const [cheap, dear] = payment(pool).attempts;
    pool.chain.minPrice = 1n;
    await pool.settle();
    expect(payment(pool)).toMatchObject({ stage: "settled", place: { hash: dear?.hash } });
    pool.chain.reorganise(pool.chain.head - 3, "lost");
    if (cheap !== undefined) expect(pool.chain.offer(cheap.raw)).toBeNull();
    pool.chain.mine(pool.settings.finalDepth + 1);
    await pool.run();
    expect(await pool.redis.command(["ZRANGE", "eth:payments:all", 0, -1])).toEqual([`${cheap?.hash}:${A}:700000000`]);
    expect(await pool.redis.command(["ZRANGE", `eth:payments:${A}`, 0, -1])).toEqual([`${cheap?.hash}:700000000`]);
    expect(payment(pool)).toMatchObject({ stage: "final", paidAs: cheap?.hash });
    expect(await wrong()).toEqual([]);
  });

  test("such a reorganisation is found out also where a node cannot tell at first where a payment is now", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    pool.chain.mine(5);
    await pool.settle();
    const [node] = pool.nodes;
    if (node !== undefined) node.slow = true;
    pool.chain.reorganise(pool.chain.head - 3, "back", false);
    await pool.run();
    expect(pool.payer.status().paused).toBeNull();
    expect(waits(pool)).toEqual(["node n0: no answer within 5000 ms"]);
    if (node !== undefined) node.slow = false;
    await pool.run();
    expect(pool.payer.status().paused).toContain("a reorganisation deeper than payouts.confirmations");
    expect(waits(pool)).toEqual([]);
    expect(await wrong()).toEqual([]);
  });

  test("one that settled waits for nothing any more when the nodes that were away are back", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n });
    pool.chain.mine(5);
    await pool.settle();
    pool.chain.mine(3);
    await pool.run();
    expect(payment(pool)).toMatchObject({ stage: "settled", waits: null });
    for (const node of pool.nodes) node.away = true;
    await pool.run();
    expect(payment(pool).waits).toBe("no node can be believed now");
    for (const node of pool.nodes) node.away = false;
    await pool.run();
    expect(payment(pool)).toMatchObject({ stage: "settled", waits: null });
    expect(waits(pool)).toEqual([]);
  });

  test("another transaction with its nonce costs it the nonce when that is final on every node, and not before", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    await pool.run();
    foreign(pool, 0, STRANGER);
    pool.chain.mine(10);
    await pool.run();
    expect(payment(pool)).toMatchObject({ stage: "foreign", nonce: 0 });
    const [, second] = pool.nodes;
    if (second !== undefined) second.away = true;
    pool.chain.mine(pool.settings.finalDepth);
    await pool.run();
    expect(payment(pool)).toMatchObject({ stage: "foreign", nonce: 0 });
    if (second !== undefined) second.away = false;
    await pool.settle();
    expect(payment(pool)).toMatchObject({ stage: "settled", nonce: 1 });
    expect(await wrong()).toEqual([]);
  });

  test("another transaction that falls out again leaves the payment as it was signed", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    await pool.run();
    foreign(pool, 0, STRANGER);
    pool.chain.mine(3);
    await pool.run();
    pool.chain.reorganise(3, "lost");
    await pool.settle();
    expect(payment(pool)).toMatchObject({ stage: "settled", nonce: 0 });
    expect(await wrong()).toEqual([]);
  });

  test("one with its nonce that pays a login is the operator's to judge", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n });
    await pool.run();
    foreign(pool, 0, A, 699_999_999n * SHANNON_WEI);
    pool.chain.mine(40);
    await pool.run();
    await pool.run();
    expect(payment(pool).stage).toBe("asking");
    expect(pool.payer.status().asking).toBe(1);
    expect(await runCommand(pool.payer, { kind: "resolve", id: 1, as: "paid" })).toMatchObject({ ok: true });
    await pool.settle();
    expect(await pool.amount(A, "paid")).toBe(700_000_000n);
    expect(pool.chain.received(A, ACCOUNT)).toBe(699_999_999n * SHANNON_WEI);
  });

  test("a contract that refuses is named before it is debited; one that begins to refuse is held at once and refunded when that is final", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n, [B]: 600_000_000n });
    pool.chain.refusing.add(B);
    await pool.run();
    expect(waits(pool)).toEqual(["its address does not take a transfer: eth_estimateGas: execution reverted"]);
    pool.chain.refusing.add(A);
    pool.chain.mine(2);
    await pool.run();
    expect(payment(pool).stage).toBe("reverted");
    expect(pool.payer.store.held().map(({ login }) => login)).toEqual([A]);
    expect(await pool.amount(A, "pending")).toBe(700_000_000n);
    pool.chain.mine(pool.settings.finalDepth);
    await pool.run();
    expect([payment(pool).stage, await pool.amount(A, "balance"), await pool.amount(A, "pending")]).toEqual([
      "refunded",
      700_000_000n,
      0n,
    ]);
    pool.chain.refusing.clear();
    await runCommand(pool.payer, { kind: "release", login: A });
    await pool.settle();
    expect(pool.chain.received(A, ACCOUNT)).toBe(700_000_000n * SHANNON_WEI);
  });

  test("a nonce that somebody took and gave back is filled where nothing else would fill it", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    await pool.run();
    pool.chain.mine(1);
    await pool.run();
    foreign(pool, 1, STRANGER);
    pool.chain.mine(1);
    await pool.credit(B, 800_000_000n);
    pool.nowMs += 70_000;
    await pool.run();
    expect(payment(pool, 2).nonce).toBe(2);
    pool.chain.reorganise(1, "lost");
    await pool.settle();
    expect(pool.chain.received(B, ACCOUNT)).toBe(800_000_000n * SHANNON_WEI);
    expect(pool.payer.store.find(3)?.kind).toBe("filler");
    expect(await wrong()).toEqual([]);
  });
});

describe("nodes and signers that cannot be trusted", () => {
  test("one node's word that a payment is there, or that a nonce is used, moves nothing while another says otherwise", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    await pool.run();
    pool.chain.mine(20);
    const [liar] = pool.nodes;
    if (liar === undefined) throw new Error("no node");
    liar.denies = true;
    await pool.run();
    expect(payment(pool).stage).toBe("sent");
    expect(waits(pool)[0]).toContain("the nodes are not of one mind about nonce 0");
    Object.assign(liar, { denies: false, invents: true });
    await pool.run();
    expect(payment(pool).nonce).toBe(0);
    liar.invents = false;
    await pool.settle();
    expect(await wrong()).toEqual([]);
  });

  test("a node that alone answers and says that every nonce is used gets no payment signed", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n });
    await pool.settle(9);
    await pool.credit(B, 700_000_000n);
    const [liar, honest] = pool.nodes;
    Object.assign(liar ?? {}, { invents: true });
    Object.assign(honest ?? {}, { away: true });
    pool.nowMs += 70_000;
    await pool.run();
    expect(payment(pool, 2)).toMatchObject({ stage: "debited", nonce: null });
  });

  test("nodes of another chain, without peers, or not of one mind pay nobody", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n }, { settings: { chainId: 1n } });
    await pool.run();
    expect(pool.payer.status().problems[0]).toBe("node n0: its chain id is 61, not 1");
    pool.settings = { ...pool.settings, chainId: 61n, requirePeers: 9 };
    pool.boot();
    await pool.run();
    expect(pool.payer.status().problems[0]).toBe("node n0: it has 8 peers, 9 are required");
    pool.settings = { ...pool.settings, requirePeers: 1, genesis: `0x${"77".repeat(32)}` };
    pool.boot();
    await pool.run();
    expect(pool.payer.status().problems[0]).toContain("its block 0 is");
    expect(await pool.amount(A, "balance")).toBe(700_000_000n);
  });

  test("a signer that signs twice, and passes on by itself what it did not answer with, pays once, and no node ever has both", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    const signer = new SimSigner(KEY, (raw) => pool.chain.offer(raw));
    pool.signer = signer.port;
    pool.boot();
    signer.mood = "sent and lost";
    await pool.run();
    expect(waits(pool)).toEqual(["the signer: no answer within 30000 ms"]);
    expect(payment(pool)).toMatchObject({ stage: "debited", nonce: 0, attempts: [] });
    signer.mood = "well";
    await pool.run();
    const [first, second] = signer.signed.map((raw) => pool.chain.seenRaw(raw)).map((one) => Object(one).hash);
    expect(first).not.toBe(second);
    expect(payment(pool).attempts.map(({ hash }) => hash)).toEqual([second]);
    await pool.settle();
    expect(payment(pool)).toMatchObject({ stage: "settled", nonce: 0, place: { hash: first } });
    expect(await pool.redis.command(["ZRANGE", `eth:payments:${A}`, 0, -1])).toEqual([`${first}:700000000`]);
    expect(pool.chain.count(ACCOUNT)).toBe(1);
    expect(await wrong()).toEqual([]);
  });

  test.each(["another amount", "another nonce", "another recipient"] as const)(
    "a signer that signs %s instead gets nothing of it sent, however often it is asked",
    async (mood) => {
      const { pool, wrong } = await newPool({ [A]: 700_000_000n });
      const signer = new SimSigner(KEY, (raw) => pool.chain.offer(raw));
      pool.signer = signer.port;
      pool.boot();
      signer.mood = mood;
      for (let i = 0; i < 3; i += 1) await pool.run();
      expect(waits(pool)[0]).toMatch(/^the signer signed another transaction: /);
      expect([signer.signed.length, pool.chain.mempool.size]).toEqual([3, 0]);
      signer.mood = "well";
      await pool.settle();
      expect(await wrong()).toEqual([]);
    },
  );

  test("a key of another account signs nothing, and says whose it is without saying what it is", async () => {
    const stranger = "43".repeat(32);
    const { pool } = await newPool({ [A]: 700_000_000n }, { signer: keySigner(stranger, ACCOUNT) });
    await pool.run();
    expect(pool.payer.status().paused).toBe(
      `PAYOUT_PRIVATE_KEY is the key of ${accountOf(stranger)}, payouts.address is ${ACCOUNT}`,
    );
    expect(JSON.stringify(pool.payer.status()) + pool.logged.join("")).not.toContain(stranger);
  });
});

describe("what the ledger does to a payment", () => {
  test("a ledger restored from before the payments pays none of their logins again, and names them", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n, [B]: 800_000_000n });
    await pool.redis.command(["HINCRBY", `eth:miners:${A}`, "paid", "5"]);
    await pool.redis.command(["HINCRBY", "eth:finances", "paid", "5"]);
    const dump: string[] = [];
    for await (const line of exportBooks(pool.redis, "eth")) dump.push(line);
    await pool.settle();
    expect(pool.chain.received(A, ACCOUNT)).toBe(700_000_000n * SHANNON_WEI);
    await importBooks(pool.redis, await readDump(linesOf(dump)), { replace: true });
    await pool.credit(C, 900_000_000n);
    await pool.settle();
    expect(pool.chain.received(A, ACCOUNT)).toBe(700_000_000n * SHANNON_WEI);
    expect(pool.chain.received(B, ACCOUNT)).toBe(800_000_000n * SHANNON_WEI);
    expect(pool.chain.received(C, ACCOUNT)).toBe(900_000_000n * SHANNON_WEI);
    const named = pool.payer.status().waiting.filter(({ reason }) => reason.includes("restored from an older state"));
    expect(new Set(named.map(({ login }) => login))).toEqual(new Set([A, B]));
  });

  test("what such a ledger has forgotten is written again at the operator's command, once, and payments go on", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n, [B]: 800_000_000n });
    pool.signer = new SimSigner(KEY, () => undefined).port;
    await pool.run();
    const debited: string[] = [];
    for await (const line of exportBooks(pool.redis, "eth")) debited.push(line);
    await pool.settle(12);
    await pool.redis.command(["DEL", "eth:payouts:open"]);
    const mend = async (login: string) => (await runCommand(pool.payer, { kind: "mend", login })).message;
    expect(await mend(A)).toBe("0 payment(s) were written again");
    await importBooks(pool.redis, await readDump(linesOf(debited)), { replace: true });
    pool.nowMs += 70_000;
    await pool.run();
    expect(new Set(waits(pool))).toEqual(new Set([strangerPending(700_000_000n), strangerPending(800_000_000n)]));
    expect(await mend(A)).toBe("1 payment(s) were written again");
    expect(await mend(A)).toBe("0 payment(s) were written again");
    expect([await pool.amount(A, "pending"), await pool.amount(A, "paid")]).toEqual([0n, 700_000_000n]);
    pool.chain.mine(pool.settings.finalDepth);
    await pool.run();
    expect(pool.payer.store.open().payments).toEqual([]);
    expect(await pool.redis.command(["EXISTS", "eth:payouts:open"])).toBe(0);
    expect(await wrong()).toEqual([]);
    await pool.redis.command(["HINCRBY", `eth:miners:${A}`, "paid", "-1"]);
    await pool.redis.command(["ZREM", `eth:payments:${A}`, `${payment(pool, 2).place?.hash}:700000000`]);
    expect(await mend(A)).toContain("nothing is missing");
  });

  test("one payer at a time: the second is told who holds the lock, and an instance that was replaced can do nothing", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n });
    await pool.run();
    const rival = new PayerPool(pool.redis, { chain: pool.chain });
    await rival.credit(B, 0n);
    rival.sql.exec("UPDATE fact SET value = 'another' WHERE name = 'holder'");
    rival.boot();
    await rival.run();
    expect(rival.payer.status().paused).toContain("payments:lock is held by edgepool:");
    const stale = pool.payer;
    pool.boot();
    await expect(stale.run()).rejects.toThrow("stale");
    await pool.settle();
    expect(await wrong()).toEqual([]);
  });

  test("the reference's lock keeps this payer from beginning", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n });
    await pool.redis.command(["SET", "eth:payments:lock", `${A}:700000000`]);
    await pool.run();
    expect(pool.payer.status().paused).toBe(`payments:lock is held by ${A}:700000000`);
    expect(await pool.amount(A, "balance")).toBe(700_000_000n);
  });
});

describe("what the operator and the miner say", () => {
  test("a miner's own threshold counts where it is higher; a blacklisted login and a held one get nothing", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n, [B]: 700_000_001n, [C]: 800_000_000n });
    await pool.redis.command(["HSET", `eth:settings:${A}`, "payoutthreshold", "700000000"]);
    await pool.redis.command(["SADD", "eth:blacklist", B]);
    await runCommand(pool.payer, { kind: "hold", login: C });
    await pool.run();
    expect(waits(pool).toSorted()).toEqual(["held by the operator", "it is blacklisted"]);
    expect(pool.payer.store.open().payments).toEqual([]);
  });

  test("above a cap a payment waits until it is approved; the caps of a run and of a day count what was debited", async () => {
    const settings = { maxPayment: 800_000_000n, maxRun: 1_300_000_000n, maxDay: 1_400_000_000n };
    const { pool } = await newPool({ [A]: 900_000_000n, [B]: 700_000_000n, [C]: 650_000_000n }, { settings });
    await pool.run();
    expect(waits(pool)).toEqual([
      "900000000 Shannon are above payouts.maxPayment (800000000) and wait for approval",
      "this run has paid 700000000 Shannon, payouts.maxRun is 1300000000",
    ]);
    await runCommand(pool.payer, { kind: "approve", login: A });
    await pool.settle(12);
    expect(pool.chain.received(A, ACCOUNT)).toBe(900_000_000n * SHANNON_WEI);
    expect(waits(pool)).toEqual(["today 1600000000 Shannon were paid, payouts.maxDay is 1400000000"]);
    pool.nowMs += 86_400_000;
    await pool.settle();
    expect(pool.chain.received(C, ACCOUNT)).toBe(650_000_000n * SHANNON_WEI);
  });

  test("paused, nothing new is begun and what is under way is followed; a height of payouts.pauseAt does the same", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n });
    await pool.run();
    await runCommand(pool.payer, { kind: "pause" });
    await pool.credit(B, 900_000_000n);
    await pool.settle(12);
    expect([await pool.amount(A, "paid"), await pool.amount(B, "balance")]).toEqual([700_000_000n, 900_000_000n]);
    await runCommand(pool.payer, { kind: "resume" });
    pool.settings = { ...pool.settings, pauseAt: [pool.chain.head + 1] };
    pool.boot();
    pool.chain.mine(2);
    pool.nowMs += 70_000;
    await pool.run();
    expect(pool.payer.status().paused).toContain("of payouts.pauseAt");
    await runCommand(pool.payer, { kind: "resume" });
    await pool.settle();
    expect(await pool.amount(B, "paid")).toBe(900_000_000n);
  });

  test("a dry run says what it would pay, and pays nothing", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n }, { settings: { dryRun: true } });
    await pool.run();
    expect(waits(pool)).toEqual(["dry run: it would be paid now"]);
    expect(await pool.payer.preview()).toEqual([{ login: A, amountShannon: "700000000", waits: null }]);
    expect(pool.payer.store.open().payments).toEqual([]);
  });

  test("a wallet that is short pays the largest it can, and says by how much it is short", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n, [B]: 600_000_000n });
    pool.chain.funds.set(ACCOUNT, ETHER);
    await pool.run();
    expect(pool.payer.status().walletShort).toBe("600000000");
    pool.chain.funds.set(ACCOUNT, 2n * ETHER);
    await pool.settle();
    expect(pool.payer.status().walletShort).toBeNull();
    expect(await pool.amount(B, "paid")).toBe(600_000_000n);
  });

  test("a payment that is cancelled uses its nonce up and comes back as balance when that is final", async () => {
    const { pool } = await newPool({ [A]: 700_000_000n });
    pool.chain.minPrice = 1_050_000_000n;
    await pool.run();
    await runCommand(pool.payer, { kind: "hold", login: A });
    expect(await runCommand(pool.payer, { kind: "cancel", id: 1 })).toMatchObject({ ok: true });
    await pool.run();
    pool.chain.mine(2);
    await pool.run();
    expect(payment(pool).stage).toBe("cancelled");
    pool.chain.mine(pool.settings.finalDepth);
    await pool.run();
    expect([payment(pool).stage, await pool.amount(A, "balance")]).toEqual(["refunded", 700_000_000n]);
    expect(pool.chain.received(A, ACCOUNT)).toBe(0n);
  });

  test("an account that is replaced is drained before its successor begins: what is signed is followed, what is not is given back", async () => {
    const { pool, wrong } = await newPool({ [A]: 700_000_000n, [B]: 600_000_000n }, { settings: { concurrentTx: 1 } });
    await pool.run();
    const key = "43".repeat(32);
    const account = accountOf(key) ?? "";
    pool.chain.funds.set(account, 10n * ETHER);
    const heir = new PayerPool(pool.redis, {
      chain: pool.chain,
      signer: keySigner(key, account),
      settings: { account },
    });
    const run = await heir.payer.run();
    expect(run.heldBy).toBe(ACCOUNT);
    pool.retired = true;
    pool.signer = noSigner("the account is no longer payouts.address");
    pool.boot();
    for (let i = 0; i < 8; i += 1) {
      pool.chain.mine(2);
      pool.nowMs += 61_000;
      heir.nowMs = pool.nowMs;
      await pool.run();
    }
    expect(await pool.amount(A, "paid")).toBe(700_000_000n);
    await heir.settle();
    expect(pool.chain.received(B, account)).toBe(600_000_000n * SHANNON_WEI);
    expect(await pool.amount(B, "paid")).toBe(600_000_000n);
    expect(await wrong()).toEqual([`${B} got 0 Wei, the ledger says 600000000 Shannon`]);
  });
});
