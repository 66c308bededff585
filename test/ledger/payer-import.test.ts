import { describe, expect, test } from "vitest";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { importPending } from "../../core/payouts/payer/import-pending.ts";
import { signTransfer } from "../../core/payouts/payer/transaction.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { addUp } from "../support/payouts/payer-campaign.ts";
import { ACCOUNT, KEY, PayerPool } from "../support/payouts/payer-pool.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const ETHER = 10n ** 18n;
const SHANNON_WEI = 10n ** 9n;
const [A, B, C] = [loginAt(1), loginAt(2), loginAt(3)];
const STRANGER = loginAt(0x5740);
const START_S = 1_790_000_000;

/** Books as open-ethereum-pool's payer leaves them when it stops in the middle: debited, locked, and nobody knows. */
async function leftBehind(entries: Readonly<Record<string, bigint>>) {
  const pool = new PayerPool(embeddedLedger());
  pool.chain.funds.set(ACCOUNT, 100n * ETHER);
  pool.chain.mine(5);
  for (const [login, amount] of Object.entries(entries)) {
    await pool.redis.command(["HSET", `eth:miners:${login}`, "balance", "0", "pending", String(amount)]);
    await pool.redis.command(["HINCRBY", "eth:finances", "pending", String(amount)]);
    await pool.redis.command(["ZADD", "eth:payments:pending", START_S + 60, `${login}:${amount}`]);
    await pool.redis.command(["SET", "eth:payments:lock", `${login}:${amount}`]);
  }
  const send = (nonce: number, to: string, shannon: bigint): void => {
    const fees = { kind: "legacy", gasPrice: 10n ** 9n } as const;
    const transfer = { chainId: 61n, nonce, to, valueWei: shannon * SHANNON_WEI, gasLimit: 21_000n, fees };
    const signed = signTransfer(KEY, transfer);
    if (signed.ok) pool.chain.offer(signed.raw);
  };
  const [node] = pool.nodes;
  if (node === undefined) throw new Error("no node");
  const run = async () => {
    const terms = { rpc: node.rpc, account: ACCOUNT, confirmations: 5, finalDepth: 30, nowS: START_S + 999 };
    const imported = await importPending(pool.redis, "eth", terms);
    return Object.fromEntries(imported.map(({ login, became }) => [login, became]));
  };
  const wrong = async () => await addUp(pool, new Map(Object.entries(entries)));
  return { pool, send, run, wrong };
}

const member = (login: string, amount: number): string => `${login}:${amount}`;

describe("what another payer left pending", () => {
  test("is paid where the chain has it, waits for its confirmations, and the lock is free afterwards", async () => {
    const { pool, send, run, wrong } = await leftBehind({ [A]: 700_000_000n });
    send(0, A, 700_000_000n);
    pool.chain.mine(2);
    expect(await run()).toEqual({ [A]: "waits" });
    pool.chain.mine(5);
    expect(await run()).toEqual({ [A]: "paid" });
    expect(await run()).toEqual({});
    expect(await pool.redis.command(["GET", "eth:payments:lock"])).toBeNull();
    expect(await pool.redis.command(["EXISTS", "eth:payouts:open", "eth:payments:pending"])).toBe(0);
    expect(await pool.amount(A, "paid")).toBe(700_000_000n);
    expect(await wrong()).toEqual([]);
  });

  test("is given back only when every nonce that it could have is another transaction's for good; then it is paid once", async () => {
    const { pool, send, run, wrong } = await leftBehind({ [A]: 700_000_000n, [B]: 600_000_000n });
    send(0, A, 700_000_000n);
    pool.chain.mine(40);
    expect(await run()).toEqual({ [A]: "paid", [B]: "waits" });
    // The other payer's transaction for B may come back at any time with nonce 1, until that one is used.
    await pool.credit(C, 900_000_000n);
    await pool.settle();
    expect(pool.payer.store.find(1)).toMatchObject({ login: C, nonce: 1 });
    pool.chain.mine(40);
    await pool.redis.command(["DEL", "eth:payments:lock"]);
    expect(await run()).toEqual({ [B]: "refunded" });
    pool.nowMs += 70_000;
    await pool.settle();
    expect(pool.chain.received(B, ACCOUNT)).toBe(600_000_000n * SHANNON_WEI);
    expect(await wrong()).toEqual([]);
  });

  test("whose transaction comes late after all is paid by it, and not twice", async () => {
    const { pool, send, run, wrong } = await leftBehind({ [A]: 700_000_000n });
    expect(await run()).toEqual({ [A]: "waits" });
    await pool.run();
    expect(pool.payer.store.open().payments).toEqual([]);
    send(0, A, 700_000_000n);
    pool.chain.mine(10);
    await pool.redis.command(["DEL", "eth:payments:lock"]);
    expect(await run()).toEqual({ [A]: "paid" });
    expect(await wrong()).toEqual([]);
  });

  test("one transaction pays one of two that look alike, and a failed one pays none", async () => {
    const { pool, send, run } = await leftBehind({ [A]: 700_000_000n, [B]: 600_000_000n });
    pool.chain.refusing.add(A);
    send(0, A, 700_000_000n);
    pool.chain.mine(40);
    expect(await run()).toEqual({ [A]: "waits", [B]: "waits" });
    send(1, C, 5n);
    pool.chain.mine(40);
    expect(await run()).toEqual({ [A]: "refunded", [B]: "refunded" });
  });

  test("of open-etc-pool is judged by the nonce that it wrote down, and by no other", async () => {
    const { pool, send, run, wrong } = await leftBehind({ [A]: 700_000_000n, [B]: 600_000_000n, [C]: 500_000_000n });
    const note = async (key: string, ...fields: string[]) =>
      await pool.redis.command(["HSET", `eth:payments:${key}`, ...fields]);
    await note("pendingnonce", member(A, 700_000_000), "1", member(B, 600_000_000), "2", member(C, 500_000_000), "3");
    await note("pendingtx", member(A, 700_000_000), `0x${"77".repeat(32)}`);
    // What looks like it and has another nonce is another payment.
    send(0, A, 700_000_000n);
    send(1, A, 700_000_000n);
    send(2, STRANGER, 5n);
    pool.chain.mine(40);
    expect(await run()).toEqual({ [A]: "paid", [B]: "refunded", [C]: "waits" });
    expect(await pool.redis.command(["HGETALL", "eth:payments:pendingnonce"])).toEqual([member(C, 500_000_000), "3"]);
    expect(await pool.redis.command(["EXISTS", "eth:payments:pendingtx"])).toBe(0);
    const [paid] = (await pool.redis.command(["ZRANGE", `eth:payments:${A}`, 0, -1])) as string[];
    expect(pool.chain.find(paid?.split(":")[0] ?? "")?.transaction.nonce).toBe(1);
    expect((await auditBooks(pool.redis, "eth"))[1]).toMatchObject({ check: "every key has its type", ok: true });
    send(3, C, 500_000_000n);
    pool.chain.mine(6);
    expect(await run()).toEqual({ [C]: "paid" });
    expect(await pool.redis.command(["EXISTS", "eth:payments:pendingnonce"])).toBe(0);
    // The first of A's was somebody's gift.
    expect(await wrong()).toEqual([
      expect.stringContaining(`${A} got 1400000000000000000 Wei`),
      `${B} is left with 600000000`,
    ]);
    await note("pendingnonce", member(A, 1), "many");
    await pool.redis.command(["ZADD", "eth:payments:pending", 1, member(A, 1)]);
    await expect(run()).rejects.toThrow('eth:payments:pendingnonce has "many"');
  });

  test("is left alone while this pool's payer pays, and where it is no payment", async () => {
    const { pool, run } = await leftBehind({ [A]: 700_000_000n });
    await pool.redis.command(["SET", "eth:payments:lock", `edgepool:${ACCOUNT}:1`]);
    await expect(run()).rejects.toThrow("this pool's payer holds eth:payments:lock");
    await pool.redis.command(["DEL", "eth:payments:lock"]);
    await pool.redis.command(["ZADD", "eth:payments:pending", 1, "rubbish"]);
    await expect(run()).rejects.toThrow('eth:payments:pending has "rubbish"');
  });
});
