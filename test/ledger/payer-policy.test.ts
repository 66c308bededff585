import { describe, expect, test } from "vitest";
import { runCommand } from "../../core/payouts/payer/payer-commands.ts";
import type { PayerSettings } from "../../core/payouts/payer/payer-deps.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { ACCOUNT, KEY, PayerPool } from "../support/payouts/payer-pool.ts";
import { SimSigner } from "../support/payouts/sim-signer.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const [A, B, C] = [loginAt(1), loginAt(2), loginAt(3)];
const SHANNON_WEI = 10n ** 9n;

async function owing(balances: Record<string, bigint>, settings: Partial<PayerSettings> = {}): Promise<PayerPool> {
  const pool = new PayerPool(embeddedLedger(), { settings });
  pool.chain.funds.set(ACCOUNT, 10n ** 20n);
  for (const [login, amount] of Object.entries(balances)) await pool.credit(login, amount);
  return pool;
}

const begun = ({ payer }: PayerPool) => payer.store.open().payments.map(({ login }) => login);
const waits = ({ payer }: PayerPool) => payer.status().waiting.map(({ reason }) => reason);

// The other settings have their tests in payer.test.ts.
describe("the payer's settings", () => {
  test("payouts.interval: what is credited after a run waits for the next one", async () => {
    const pool = await owing({ [A]: 700_000_000n }, { intervalMs: 600_000 });
    await pool.run();
    await pool.credit(B, 700_000_000n);
    pool.nowMs += 599_000;
    await pool.run();
    expect(begun(pool)).toEqual([A]);
    pool.nowMs += 1_000;
    await pool.run();
    expect(begun(pool)).toEqual([A, B]);
  });

  test("payouts.concurrentTx: so many are on their way at a time, the largest first, and the next when one is in a block", async () => {
    const pool = await owing({ [A]: 600_000_000n, [B]: 800_000_000n, [C]: 700_000_000n }, { concurrentTx: 2 });
    await pool.run();
    await pool.run();
    expect(begun(pool)).toEqual([B, C]);
    pool.chain.mine(1);
    await pool.run();
    expect(begun(pool)).toEqual([B, C, A]);
    await pool.settle();
    for (const [login, amount] of [
      [A, 600_000_000n],
      [B, 800_000_000n],
    ] as const)
      expect(pool.chain.received(login, ACCOUNT)).toBe(amount * SHANNON_WEI);
  });

  test("payouts.contractGas: a contract gets what it needs and a quarter more, and waits, named, where that is above it", async () => {
    const pool = await owing({ [A]: 700_000_000n });
    for (const node of pool.nodes) node.gasEstimate = 60_000n;
    await pool.run();
    expect(pool.payer.store.find(1)?.gasLimit).toBe(75_000n);
    for (const node of pool.nodes) node.gasEstimate = 90_000n;
    await pool.credit(B, 700_000_000n);
    pool.nowMs += 70_000;
    await pool.run();
    expect(waits(pool)).toEqual(["a transfer to it takes 112500 gas, payouts.contractGas is 100000"]);
    expect(await pool.amount(B, "balance")).toBe(700_000_000n);
  });

  test("payouts.autoGas and payouts.gasPrice: the lowest price of the nodes, or the one that is set", async () => {
    for (const [settings, price] of [
      [{}, 3n],
      [{ autoGas: false, gasPriceWei: 7n }, 7n],
    ] as const) {
      const pool = await owing({ [A]: 700_000_000n }, settings);
      for (const [at, node] of pool.nodes.entries()) node.gasPrice = 3n + BigInt(at);
      await pool.run();
      expect(pool.payer.store.find(1)?.attempts[0]?.fees).toEqual({ kind: "legacy", gasPrice: price });
    }
  });

  test("payouts.replaceAfter and maxGasPrice: no replacement before the one, nor dearer than the other, named", async () => {
    const pool = await owing({ [A]: 700_000_000n }, { replaceAfterMs: 600_000, maxGasPriceWei: 1_150_000_000n });
    pool.chain.minPrice = 2_000_000_000n;
    await pool.run();
    const attempts = () => pool.payer.store.find(1)?.attempts.length;
    pool.nowMs += 599_000;
    await pool.run();
    expect(attempts()).toBe(1);
    pool.nowMs += 1_000;
    await pool.run();
    expect(attempts()).toBe(2);
    pool.nowMs += 600_000;
    await pool.run();
    expect(attempts()).toBe(2);
    expect(waits(pool)).toEqual(["a unit of gas costs 1210000000 Wei, payouts.maxGasPrice is 1150000000"]);
    pool.chain.minPrice = 1n;
    await pool.settle();
    expect(await pool.amount(A, "paid")).toBe(700_000_000n);
  });

  test("a pause of one login leaves the others, and its end needs no restart", async () => {
    const pool = await owing({ [A]: 700_000_000n, [B]: 600_000_000n });
    await runCommand(pool.payer, { kind: "hold", login: A });
    await pool.run();
    expect([begun(pool), waits(pool)]).toEqual([[B], ["held by the operator"]]);
    await runCommand(pool.payer, { kind: "release", login: A });
    pool.nowMs += 70_000;
    await pool.run();
    expect(begun(pool)).toEqual([B, A]);
  });

  test("a remote signer over eth_signTransaction pays as a key does, with and without a base fee", async () => {
    for (const baseFee of [null, 1_000_000n]) {
      const pool = await owing({ [A]: 700_000_000n });
      pool.chain.baseFee = baseFee;
      pool.signer = new SimSigner(KEY, () => undefined).port;
      pool.boot();
      await pool.settle();
      expect(pool.chain.received(A, ACCOUNT)).toBe(700_000_000n * SHANNON_WEI);
      expect(pool.payer.store.find(1)?.attempts[0]?.fees.kind).toBe(baseFee === null ? "legacy" : "eip1559");
    }
  });
});
