/** Payments on go-ethereum's own node: a private chain of its, once with EIP-1559 and once without, to the Wei. Needs Go. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createLogger } from "../../core/log.ts";
import { Payer } from "../../core/payouts/payer/payer.ts";
import { runCommand } from "../../core/payouts/payer/payer-commands.ts";
import type { PayerDeps } from "../../core/payouts/payer/payer-deps.ts";
import { keySigner } from "../../core/payouts/payer/signer.ts";
import { accountOf, signTransfer } from "../../core/payouts/payer/transaction.ts";
import type { NodeRpc } from "../../core/work/node-rpc.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";
import { chainConfig, Geth } from "./support/geth.ts";
import { installGeth } from "./support/programs.ts";

const KEY = "42".repeat(32);
const ACCOUNT = accountOf(KEY) ?? "";
const SEALER_KEY = "43".repeat(32);
const SEALER = accountOf(SEALER_KEY) ?? "";
const CHAIN_ID = 4_711;
const ETHER = 10n ** 18n;
const SHANNON_WEI = 10n ** 9n;
const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Contracts: one that refuses, one that takes a transfer for more gas than a plain one. */
const REFUSES = `0x${"c1".repeat(20)}`;
const TAKES = `0x${"c2".repeat(20)}`;
const LOGINS = Array.from({ length: 12 }, (_, n) => loginAt(0x1000 + n));

beforeAll(installGeth, 600_000);

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function genesis(london: boolean): object {
  const forks = { berlinBlock: 0, ...(london && { londonBlock: 0 }) };
  return {
    config: chainConfig(CHAIN_ID, { ...forks, clique: { period: 1, epoch: 30_000 } }),
    difficulty: "0x1",
    gasLimit: "0x7a1200",
    extraData: `0x${"00".repeat(32)}${SEALER.slice(2)}${"00".repeat(65)}`,
    alloc: {
      [ACCOUNT]: { balance: hex(100n * ETHER) },
      [REFUSES]: { balance: "0x0", code: "0x60006000fd" },
      [TAKES]: { balance: "0x0", code: "0x6001600055" },
    },
  };
}

/** A chain of its own that makes a block a second. */
async function startGeth(london: boolean): Promise<NodeRpc> {
  const folder = await mkdtemp(join(tmpdir(), "edgepool-geth-payments-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const [key, password] = [join(folder, "key"), join(folder, "password")];
  await writeFile(key, SEALER_KEY);
  await writeFile(password, "x");
  const geth = await Geth.in(join(folder, "geth"));
  await geth.init(genesis(london));
  await geth.run("account", "import", "--password", password, key);
  const sealer = ["--miner.etherbase", SEALER, "--unlock", SEALER, "--password", password, "--allow-insecure-unlock"];
  closing.push(() => geth.kill());
  await geth.start("eth,net,web3", ["--networkid", String(CHAIN_ID), "--mine", ...sealer]);
  const rpc = geth.rpc();
  for (let waited = 0; (await heightOf(rpc)) < 2; waited += 1) {
    if (waited > 300) throw new Error("geth makes no blocks");
    await sleep(200);
  }
  return rpc;
}

async function quantityOf(rpc: NodeRpc, method: string, params: readonly unknown[]): Promise<bigint> {
  const reply = await rpc.call({ method, params });
  return reply.kind === "ok" ? BigInt(String(reply.value)) : -1n;
}
const heightOf = async (rpc: NodeRpc): Promise<number> => Number(await quantityOf(rpc, "eth_blockNumber", []));
const balanceOf = async (rpc: NodeRpc, address: string) => await quantityOf(rpc, "eth_getBalance", [address, "latest"]);

/** What the account's transactions cost beside their value, by geth's receipts. */
async function gasPaid(rpc: NodeRpc): Promise<bigint> {
  let paid = 0n;
  const head = await heightOf(rpc);
  for (let height = 1; height <= head; height += 1) {
    const block = await rpc.call({ method: "eth_getBlockByNumber", params: [hex(height), true] });
    const { transactions } = Object(block.kind === "ok" ? block.value : null);
    for (const { hash, from } of transactions) {
      if (from !== ACCOUNT) continue;
      const receipt = await rpc.call({ method: "eth_getTransactionReceipt", params: [hash] });
      const { gasUsed, effectiveGasPrice } = Object(receipt.kind === "ok" ? receipt.value : null);
      paid += BigInt(gasUsed) * BigInt(effectiveGasPrice);
    }
  }
  return paid;
}

function newPayer(rpc: NodeRpc, redis: PayerDeps["redis"], logged: string[]): Payer {
  return new Payer({
    sql: nodeSql(),
    redis,
    coin: "eth",
    nodes: [{ name: "geth", rpc }],
    signer: keySigner(KEY, ACCOUNT),
    settings: {
      account: ACCOUNT,
      chainId: BigInt(CHAIN_ID),
      genesis: null,
      intervalMs: 1_000,
      threshold: 500_000_000n,
      requirePeers: 0,
      gas: 21_000n,
      contractGas: 100_000n,
      autoGas: true,
      gasPriceWei: 0n,
      maxGasPriceWei: 10n ** 12n,
      gasFrom: "pool",
      concurrentTx: 5,
      maxPayment: null,
      maxRun: null,
      maxDay: null,
      confirmations: 3,
      finalDepth: 8,
      replaceAfterMs: 60_000,
      pauseAt: [],
      dryRun: false,
    },
    retired: false,
    stopped: async () => null,
    nowMs: Date.now,
    randomId: () => "0123456789abcdef",
    log: createLogger({ level: "debug", sink: (line) => logged.push(line), now: Date.now }),
  });
}

describe.each([true, false])("on a real geth, with EIP-1559: %s", (london) => {
  it(
    "every login gets what the ledger says, to the Wei, a contract too; one that refuses is named; a foreign nonce is found",
    { timeout: 170_000 },
    async () => {
      const rpc = await startGeth(london);
      const redis = embeddedLedger();
      const payees = [...LOGINS, TAKES, REFUSES];
      for (const [n, login] of payees.entries()) {
        await redis.command(["HINCRBY", `eth:miners:${login}`, "balance", 1_000_000_000 + n * 7]);
        await redis.command(["HINCRBY", "eth:finances", "balance", 1_000_000_000 + n * 7]);
      }
      const logged: string[] = [];
      const payer = newPayer(rpc, redis, logged);
      await payer.run();
      expect(payer.status()).toMatchObject({ problems: [], paused: null });
      // Somebody sends from the account beside the payer: the nonce behind the first five.
      const fees = { kind: "legacy", gasPrice: 50_000_000_000n } as const;
      const beside = signTransfer(KEY, {
        chainId: BigInt(CHAIN_ID),
        nonce: 5,
        to: SEALER,
        valueWei: 99n,
        gasLimit: 21_000n,
        fees,
      });
      expect(beside.ok && (await rpc.call({ method: "eth_sendRawTransaction", params: [beside.raw] }))).toMatchObject({
        kind: "ok",
      });
      const paidCount = async (): Promise<unknown> => await redis.command(["ZCARD", "eth:payments:all"]);
      for (let round = 0; round < 120 && (await paidCount()) !== payees.length - 1; round += 1) {
        await sleep(700);
        await payer.run();
      }
      expect(await paidCount()).toBe(payees.length - 1);
      let sent = 99n;
      for (const [n, login] of payees.slice(0, -1).entries()) {
        const wei = BigInt(1_000_000_000 + n * 7) * SHANNON_WEI;
        expect([login, await balanceOf(rpc, login)]).toEqual([login, wei]);
        expect(await redis.command(["HGET", `eth:miners:${login}`, "paid"])).toBe(String(wei / SHANNON_WEI));
        sent += wei;
      }
      expect(await balanceOf(rpc, ACCOUNT)).toBe(100n * ETHER - sent - (await gasPaid(rpc)));
      expect(await balanceOf(rpc, REFUSES)).toBe(0n);
      expect(await redis.command(["HGET", `eth:miners:${REFUSES}`, "balance"])).toBe(String(1_000_000_000 + 13 * 7));
      expect(
        payer.status().waiting.map(({ login, reason }) => [login, /does not take a transfer/.test(reason)]),
      ).toEqual([[REFUSES, true]]);
      expect(payer.status().foreign).toEqual([5]);
      const kinds = new Set(payer.store.open().payments.map(({ attempts }) => attempts[0]?.fees.kind));
      expect([...kinds]).toEqual([london ? "eip1559" : "legacy"]);
      // To their ends.
      await runCommand(payer, { kind: "pause" });
      for (let round = 0; round < 40 && payer.store.open().payments.length > 0; round += 1) {
        await sleep(700);
        await payer.run();
      }
      expect(payer.store.open().payments).toEqual([]);
      expect(logged.join("\n")).not.toContain(KEY);
    },
  );
});
