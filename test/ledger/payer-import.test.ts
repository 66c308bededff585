import { describe, expect, test } from "vitest";
import { importPending } from "../../core/payouts/payer/import-pending.ts";
import { signTransfer } from "../../core/payouts/payer/transaction.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { addUp } from "../support/payouts/payer-campaign.ts";
import { ACCOUNT, KEY, PayerPool } from "../support/payouts/payer-pool.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const ETHER = 10n ** 18n;
const SHANNON_WEI = 10n ** 9n;
const [A, B, C] = [loginAt(1), loginAt(2), loginAt(3)];
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

  test("is left alone while this pool's payer pays, and where it is no payment", async () => {
    const { pool, run } = await leftBehind({ [A]: 700_000_000n });
    await pool.redis.command(["SET", "eth:payments:lock", `edgepool:${ACCOUNT}:1`]);
    await expect(run()).rejects.toThrow("this pool's payer holds eth:payments:lock");
    await pool.redis.command(["DEL", "eth:payments:lock"]);
    await pool.redis.command(["ZADD", "eth:payments:pending", 1, "rubbish"]);
    await expect(run()).rejects.toThrow('eth:payments:pending has "rubbish"');
  });
});
