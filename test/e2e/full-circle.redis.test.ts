/**
 * A pool that ran as open-etc-pool moves here and could move back: its books in a real Redis, our import and audit, the real pool that mines,
 * unlocks and pays on them, and an export into another real Redis, from which open-etc-pool's API tells what ours does, and the chain too.
 */
import { join } from "node:path";
import { Ethash, meetsTarget, toHex } from "@edgepool/ethash-wasm";
import { chainByName, epochOf } from "@edgepool/ethash-wasm/chain-spec";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startBridge } from "../../bridge/src/bridge.ts";
import { signTransfer } from "../../core/payouts/payer/transaction.ts";
import { startRedisServer } from "../../devnet/gateway/redis-server.ts";
import { startMiner } from "../../devnet/miner/miner.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { COINBASE, COINBASE_KEY, everydayContents } from "../../devnet/node/transactions.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { LedgerReader } from "../../devnet/start/ledger-totals.ts";
import { connectRedis, type RedisConnection } from "../../scripts/ledger/node-redis.ts";
import { runLedgerCli } from "../support/ledger-cli.ts";
import { OpenEtcPool, type Proof } from "../support/open-etc-pool.ts";
import { Cleanups } from "../support/quiet-pool.ts";

const SECRETS = {
  REDIS_TOKEN: "books-of-this-test-only",
  ADMIN_TOKEN: "operator-of-this-test-only",
  PAYOUT_PRIVATE_KEY: COINBASE_KEY,
};
/** One whose rig moves to the new pool, one who is gone and has a balance, one who was paid before and has shares in the open round. */
const [STAYS, GONE, PAID] = ["1", "2", "3"].map((digit) => `0x${digit.repeat(40)}`) as [string, string, string];
const NETWORK_DIFFICULTY = 300;
const SHARE_DIFFICULTY = 50;
const SHANNON_WEI = 10n ** 9n;
const OLD_PAYMENT = 1_234_567_891n;
/** Of the blocks that the node takes the sixth becomes an uncle and the eighth is lost; the first three are the old pool's. */
const fate = (nth: number) => (nth === 6 ? "uncle" : nth === 8 ? "lost" : "stays");

const cleanups = new Cleanups();
const ethash = Ethash.instantiate(loadKernel());
let node: DevNode;

beforeAll(async () => {
  const spec = chainByName("classic");
  if (spec === undefined) throw new Error("no chain");
  ethash.buildCache(epochOf(spec, 1_000));
  const still = { blockTimeMs: null, recommitMs: null };
  const difficulty = BigInt(NETWORK_DIFFICULTY);
  node = await startNode({ spec, difficulty, contents: everydayContents, fate, ...still });
  cleanups.add(() => node.close());
});
afterAll(() => cleanups.run());

async function realRedis(): Promise<{ redis: RedisConnection; url: string }> {
  const server = await startRedisServer();
  cleanups.add(() => server.stop());
  const url = `unix:${server.socketPath}`;
  const redis = await connectRedis(url);
  cleanups.add(() => redis.close());
  return { redis, url };
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; !(await holds()); waitedMs += 200) {
    if (waitedMs > 300_000) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A block for the node's work of now, which the node takes. */
async function seal(): Promise<Proof & { readonly height: number }> {
  const { header, target, height } = node.chain.current;
  for (let nonce = 0n; ; nonce += 1n) {
    const { mixDigest, result } = ethash.hash(header, nonce);
    if (!meetsTarget(result, target)) continue;
    const proof = { nonce: `0x${nonce.toString(16).padStart(16, "0")}`, header, mixDigest: `0x${toHex(mixDigest)}` };
    expect(await node.chain.submit(proof.nonce, header, proof.mixDigest)).toBe(true);
    return { ...proof, height };
  }
}

/** What the account that mined a block has got for it, in Wei, with the fees of its transactions. */
function rewardOf(height: number): bigint {
  const block = node.chain.block(height);
  const fees = block?.contents.transactions.reduce((sum, one) => sum + one.gasUsed * one.effectiveGasPrice, 0n) ?? 0n;
  return 5n * 10n ** 18n + fees;
}

/** A payment as open-etc-pool makes it, in the chain's next block. */
async function send(to: string, amount: bigint, nonce: number): Promise<string> {
  const fees = { kind: "legacy", gasPrice: 10n ** 9n } as const;
  const signed = signTransfer(COINBASE_KEY, {
    chainId: 61n,
    nonce,
    to,
    valueWei: amount * SHANNON_WEI,
    gasLimit: 21_000n,
    fees,
  });
  if (!signed.ok) throw new Error(signed.reason);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_sendRawTransaction", params: [signed.raw] });
  const reply = await fetch(node.url, { method: "POST", headers: { "content-type": "application/json" }, body });
  expect(await reply.json()).toMatchObject({ result: signed.hash });
  return signed.hash;
}

/** What the chain has moved from the pool's account to a login, in Wei. */
const received = (login: string): bigint =>
  node.chain
    .blocks()
    .flatMap(({ contents }) => contents.transactions)
    .filter(({ from, to }) => from === COINBASE && to === login)
    .reduce((sum, { value }) => sum + value, 0n);

/** A day of the pool of before: a block that has matured and was paid from, one that is immature, one that is a candidate, an open round. */
async function livedAs(old: OpenEtcPool): Promise<void> {
  const shares = async (count: number): Promise<void> => {
    const { header, height } = node.chain.current;
    for (let at = 0; at < count; at += 1) {
      const proof = {
        nonce: `0x${(0xabc0 + at).toString(16).padStart(16, "0")}`,
        header,
        mixDigest: `0x${"11".repeat(32)}`,
      };
      const login = [STAYS, GONE, PAID][at % 3] ?? STAYS;
      expect(await old.writeShare(login, `rig${at % 2}`, proof, SHARE_DIFFICULTY, height)).toBe(true);
      if (at === 0) expect(await old.writeShare(login, "rig0", proof, SHARE_DIFFICULTY, height)).toBe(false);
    }
  };
  const block = async (finder: string) => {
    await shares(7);
    const { height, ...proof } = await seal();
    await old.writeBlock(finder, "rig0", proof, SHARE_DIFFICULTY, height, NETWORK_DIFFICULTY);
    return { height, nonce: proof.nonce, hash: node.chain.block(height)?.hash ?? "" };
  };
  const first = await block(PAID);
  const second = await block(GONE);
  await block(STAYS);
  await old.writeImmature(first.height, first.nonce, first.hash, rewardOf(first.height), 1n);
  await old.writeMatured(first.height, first.nonce);
  await old.writeImmature(second.height, second.nonce, second.hash, rewardOf(second.height), 1n);
  await old.pay(PAID, OLD_PAYMENT, 0, () => send(PAID, OLD_PAYMENT, 0));
  node.advance();
  await shares(6);
}

const admin = { admin: SECRETS.ADMIN_TOKEN, token: SECRETS.REDIS_TOKEN };
const audit = async (where: string): Promise<void> => {
  const said = await runLedgerCli(["audit", where, "--node", node.url, "--wallet", COINBASE], admin);
  expect([where, said.code, said.stdout.match(/^WRONG.*$/gm), said.stderr]).toEqual([where, 0, null, ""]);
};

const cli = async (...args: string[]): Promise<void> =>
  expect(await runLedgerCli(args, admin)).toMatchObject({ code: 0, stderr: "" });

async function ask(pool: PoolProcess, path: string): Promise<Record<string, unknown>> {
  return Object(await (await fetch(`${pool.url}/api/${path}`)).json());
}

async function operate(pool: PoolProcess, path: string, body: object): Promise<void> {
  const headers = { Authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
  const reply = await fetch(`${pool.url}/admin/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(await reply.json()).toEqual({ ok: true, message: expect.any(String) });
}

async function newPool(): Promise<PoolProcess> {
  const pool = await startPool({
    stateDir: await cleanups.folder("circle"),
    cron: false,
    vars: {
      chain: "classic",
      difficulty: SHARE_DIFFICULTY,
      upstream: [{ name: "node", url: node.url }],
      unlocker: { enabled: true, accounts: [COINBASE], immatureDepth: 8, depth: 14, interval: "1s" },
      payouts: {
        enabled: true,
        address: COINBASE,
        interval: "5s",
        threshold: 100_000_000,
        requirePeers: 1,
        confirmations: 4,
        finalDepth: 20,
      },
      api: { statsCollectInterval: "1s" },
    },
    secrets: SECRETS,
  });
  cleanups.add(() => pool.close());
  return pool;
}

/** Mines as the login that stays until blocks have matured and everybody with a balance was paid, then lets the chain end what is under way. */
async function mineAndPay(pool: PoolProcess): Promise<void> {
  const chain = chainByName("classic");
  if (chain === undefined) throw new Error("no chain");
  const ledger = new LedgerReader({ url: `${pool.url}/redis`, token: SECRETS.REDIS_TOKEN }, "eth");
  const bridge = await startBridge({
    pools: [pool.url.replace("http", "ws")],
    stratum: [{ host: "127.0.0.1", port: 0 }],
    allowInsecure: true,
    proxy: null,
  });
  const miner = startMiner({
    host: "127.0.0.1",
    port: bridge.ports.stratum[0] ?? 0,
    login: STAYS,
    worker: "rig0",
    threads: 1,
    chain,
  });
  await pool.scheduled();
  await until("an orphan, and blocks of the new pool that matured", async () => {
    const { matured, orphans } = await ledger.totals();
    return matured > 6 && orphans > 0;
  });
  await miner.close();
  await bridge.close();
  await until("every block at its end and every balance paid", async () => {
    node.advance();
    const { candidates, immature, balanceShannon } = await ledger.totals();
    const open = await ask(pool, "payments/open");
    const underWay = listOf(open, "payments").filter((payment) => Object(payment).stage !== "final");
    return candidates + immature === 0 && balanceShannon < 300_000_000n && underWay.length === 0;
  });
}

const listOf = (answer: Record<string, unknown> | undefined, name: string): unknown[] => {
  const list = answer?.[name];
  return Array.isArray(list) ? list : [];
};

/** Of our answers the members that open-etc-pool's have. */
function alike(ours: unknown, theirs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(theirs).map((name) => [name, Object(ours)[name]]));
}

it("takes open-etc-pool's books over, mines, unlocks and pays on them, and gives them back with every Wei in its place", async () => {
  const before = await realRedis();
  await livedAs(new OpenEtcPool(before.redis, Date.now));
  await audit(before.url);

  const pool = await newPool();
  const folder = await cleanups.folder("books");
  const [moved, back] = [join(folder, "moved.jsonl"), join(folder, "back.jsonl")];
  await cli("export", before.url, "--out", moved);
  await cli("import", `${pool.url}/redis`, "--in", moved);
  await audit(`${pool.url}/redis`);
  await mineAndPay(pool);

  // As docs/OPERATING.md has it: nothing is written any more, and the next payer can have the lock.
  await operate(pool, "payouts", { kind: "pause", note: "back to the old payer" });
  await operate(pool, "payouts", { kind: "unlock", note: "back to the old payer" });
  await operate(pool, "pause", { paused: true, note: "the books move" });
  const after = await realRedis();
  await cli("export", `${pool.url}/redis`, "--out", back);
  await cli("import", after.url, "--in", back);
  await audit(after.url);

  const old = new OpenEtcPool(after.redis, Date.now);
  expect(await old.isLocked()).toBe(false);
  // Ours keeps its figures for a second.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const theirs = await old.stats(1_800, 50, 30);
  const [stats, blocks, payments, miners] = await Promise.all(
    ["stats", "blocks", "payments", "miners"].map((path) => ask(pool, path)),
  );
  expect(alike(stats?.["stats"], theirs.stats)).toEqual(theirs.stats);
  for (const name of ["candidatesTotal", "immatureTotal", "maturedTotal"] as const)
    expect([name, stats?.[name], blocks?.[name]]).toEqual([name, theirs[name], theirs[name]]);
  expect(Object.keys(Object(miners?.["miners"])).toSorted()).toEqual(theirs.logins);
  const listed = listOf(blocks, "matured").map((block, at) => alike(block, withoutNonce(theirs.matured[at])));
  expect(listed).toEqual(theirs.matured.map(withoutNonce));
  expect(blocks?.["luck"]).toEqual(await old.luck([64, 128, 256]));
  expect([payments?.["paymentsTotal"], payments?.["payments"]]).toEqual([theirs.paymentsTotal, theirs.payments]);

  for (const login of [STAYS, GONE, PAID]) {
    const account = await old.account(login, 30);
    const own = await ask(pool, `accounts/${login}`);
    expect([login, alike(own["stats"], account.stats)]).toEqual([login, account.stats]);
    expect(alike(own, account)).toMatchObject({ ...account, stats: account.stats });
    // The chain has given each login what the books say, the payment of the pool of before among it.
    expect([login, received(login)]).toEqual([login, BigInt(account.stats["paid"] ?? 0) * SHANNON_WEI]);
    expect([login, account.stats["immature"], account.stats["pending"]]).toEqual([login, 0, 0]);
    expect(account.payments.length).toBeGreaterThan(login === PAID ? 1 : 0);
  }
  const finances = await after.redis.command(["HMGET", "eth:finances", "balance", "immature", "pending", "paid"]);
  const sums = await Promise.all([STAYS, GONE, PAID].map((login) => old.account(login, 1)));
  const sumOf = (field: string): number => sums.reduce((sum, account) => sum + (account.stats[field] ?? 0), 0);
  expect(finances).toEqual(["balance", "immature", "pending", "paid"].map((field) => String(sumOf(field))));
  expect(theirs.matured.filter(({ orphan }) => orphan)).not.toEqual([]);
  expect(theirs.matured.filter(({ uncle }) => uncle)).not.toEqual([]);

  // And open-etc-pool goes on from there.
  const next = { nonce: "0x00000000000000ff", header: `0x${"22".repeat(32)}`, mixDigest: `0x${"33".repeat(32)}` };
  expect(await old.writeShare(GONE, "rig9", next, SHARE_DIFFICULTY, node.chain.current.height)).toBe(true);
  await audit(after.url);
}, 600_000);

function withoutNonce(block: object | undefined): Record<string, unknown> {
  const { nonce: _, ...rest } = { nonce: "", ...block };
  return rest;
}
