/** What goes wrong around the unlocker over hours and days: nodes that are away or answer wrongly, and chains that reorganise. */
import { describe, expect, it } from "vitest";
import { bookFallen } from "../../core/payouts/book-fallen.ts";
import { PayoutBooks } from "../../core/payouts/payout-books.ts";
import { unlockerProblems, statusOf } from "../../core/payouts/unlocker-status.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { wrongSums } from "../support/payouts/payout-sums.ts";
import { bytes, OTHER_MINER, POOL, TestNode, testBlock } from "../support/payouts/test-chain.ts";
import { loginAt, UnlockerPool, type PoolOptions } from "../support/payouts/unlocker-pool.ts";

const A = loginAt(1);
const HEIGHT = 20_000_100;
const TEN_MINUTES = 600_000;

const newPool = (options: PoolOptions = {}) => new UnlockerPool(embeddedLedger(), options);
const problems = (pool: UnlockerPool) => unlockerProblems(statusOf(pool.state), pool.nowMs, TEN_MINUTES);

/** A transaction at 3 Gwei. */
const fee = (from: string, n: number) => ({
  hash: bytes(32, `p${n}`),
  from,
  gasUsed: 21_000n,
  effectiveGasPrice: 3n * 10n ** 9n,
});

/** Runs as the alarm would, every ten minutes. */
async function pass(pool: UnlockerPool, hours: number): Promise<void> {
  for (let i = 0; i < hours * 6; i += 1) {
    pool.nowMs += TEN_MINUTES;
    await pool.run();
  }
}

describe("nodes that fail", () => {
  it("a node that is away for a day costs nothing but the day, and is named within it", async () => {
    const pool = newPool();
    const found = [];
    for (let i = 0; i < 30; i += 1) found.push(await pool.find(HEIGHT + i * 10, { [A]: 1n }));
    for (const block of found) pool.put(block);
    pool.growTo(HEIGHT + 30);
    await pool.run();
    pool.node.away = true;
    await pass(pool, 24);
    expect(problems(pool).join("\n")).toMatch(
      /node main: cannot be reached.*\n.*no run has come through for 14\d\d minutes/,
    );
    pool.node.away = false;
    pool.growTo(HEIGHT + 290 + 120);
    await pool.run();
    await pool.run();
    expect(problems(pool)).toEqual([]);
    expect(await pool.list("matured")).toHaveLength(30);
    expect(await pool.amount(A, "balance")).toBe(30n * 2_027_520_000n);
    expect(await wrongSums(pool.redis)).toEqual([]);
  });

  it.each<[string, string, (result: unknown) => unknown]>([
    ["gives nonsense for a block", "eth_getBlockByNumber", () => "0x"],
    ["gives blocks of other heights", "eth_getBlockByNumber", (block) => ({ ...Object(block), number: "0x1" })],
    ["gives null for receipts", "eth_getBlockReceipts", () => null],
    ["leaves a receipt out", "eth_getBlockReceipts", (list) => (list as unknown[]).slice(1)],
    ["says less gas than was used", "eth_getBlockByNumber", (block) => ({ ...Object(block), gasUsed: "0x5208" })],
    ["does not say who mined", "eth_getBlockByNumber", (block) => ({ ...Object(block), miner: null })],
  ])("a node that %s moves nothing, and nothing is skipped when it is well again", async (_what, method, lie) => {
    const pool = newPool();
    const transactions = [1, 2].map((n) => ({
      hash: bytes(32, `t${n}`),
      from: bytes(20, "f"),
      gasUsed: 21_000n,
      effectiveGasPrice: 10n ** 9n,
    }));
    pool.put({ ...(await pool.find(HEIGHT, { [A]: 1n })), transactions });
    pool.growTo(HEIGHT + 20);
    pool.node.twist = (call, result) => (call.method === method ? lie(result) : result);
    await pass(pool, 2);
    expect(await pool.list("candidates")).toHaveLength(1);
    expect(problems(pool)[0]).toContain(`block ${HEIGHT} (candidates) has waited`);
    pool.node.twist = (_call, result) => result;
    await pool.run();
    expect(await pool.amount(A, "immature")).toBe(2_027_561_580n);
    expect(problems(pool)).toEqual([]);
  });

  it.each<[string, (node: TestNode) => void]>([
    ["that is syncing", (node) => (node.syncing = true)],
    ["without peers", (node) => (node.peers = 0)],
  ])("a node %s cannot make an orphan of a block", async (_what, spoil) => {
    const pool = newPool();
    await pool.find(HEIGHT, { [A]: 1n });
    pool.growTo(HEIGHT + 20);
    spoil(pool.node);
    await pool.run();
    expect(await pool.list("candidates")).toHaveLength(1);
    expect(pool.waits()[0]).toContain("main does not have the block, but it");
  });

  it("a candidate that no node knows is an orphan, and what it holds is in the open round in the end", async () => {
    const pool = newPool({ nodes: [new TestNode("main"), new TestNode("backup")] });
    await pool.find(HEIGHT, { [A]: 9n });
    pool.growTo(HEIGHT + 120);
    await pool.run();
    await pool.run();
    expect((await pool.list("matured"))[0]).toMatch(/^0:1:/);
    expect(await pool.hash("eth:shares:roundCurrent")).toEqual({ [A]: "9" });
  });

  it("a node that mines for another account is named, whether a block was found or not", async () => {
    const pool = newPool();
    pool.node.etherbase = OTHER_MINER;
    await pool.run();
    expect(problems(pool)).toEqual([
      `unlocker: node main mines for ${OTHER_MINER}, which is not one of unlocker.accounts`,
    ]);
  });

  it("an orphan is booked without a node that stays away for good, once the block is twice as deep", async () => {
    const pool = newPool({ nodes: [new TestNode("main"), new TestNode("gone")] });
    await pool.find(HEIGHT, { [A]: 9n });
    pool.nodes[1]!.away = true;
    pool.growTo(HEIGHT + 120);
    await pool.run();
    await pool.run();
    expect(pool.waits()[0]).toContain("not in the chain of main; waiting for gone");
    pool.growTo(HEIGHT + 240);
    await pool.run();
    expect(await pool.list("matured")).toHaveLength(1);
  });
});

describe("reorganisations", () => {
  it("one of sixteen takes back what it must and leaves the rest", async () => {
    const pool = newPool();
    const kept = await pool.find(HEIGHT, { [A]: 1n });
    const lost = await pool.find(HEIGHT + 10, { [A]: 1n });
    const became = await pool.find(HEIGHT + 12, { [A]: 1n });
    for (const block of [kept, lost, became]) pool.put(block);
    pool.growTo(HEIGHT + 32);
    await pool.run();
    expect(await pool.list("immature")).toHaveLength(3);
    for (let height = HEIGHT + 5; height <= HEIGHT + 21; height += 1) pool.put(testBlock(height));
    pool.put(testBlock(HEIGHT + 15, { uncles: [became] }));
    pool.growTo(HEIGHT + 140);
    await pool.run();
    const matured = await pool.list("matured");
    expect(matured.map((member) => member.split(":")[1])).toEqual(["0", "1", "0"]);
    expect(await pool.amount(A, "balance")).toBe(2_027_520_000n + 63_360_000n);
    expect(await pool.amount(A, "immature")).toBe(0n);
    expect(await wrongSums(pool.redis)).toEqual([]);
  });

  it("one deeper than what has matured takes nothing back by itself: it is named, pauses payments, and is over when the chain is back", async () => {
    const pool = newPool();
    const found = await pool.find(HEIGHT, { [A]: 1n });
    pool.put(found);
    pool.growTo(HEIGHT + 130);
    await pool.run();
    await pool.run();
    expect(await pool.list("matured")).toHaveLength(1);
    const before = new Map(pool.node.blocks);
    for (let height = HEIGHT - 1; height <= HEIGHT + 130; height += 1) pool.put(testBlock(height));
    pool.growTo(HEIGHT + 131);
    await pool.run();
    expect(pool.state.fallen).toMatchObject([{ height: HEIGHT, hash: found.hash }]);
    expect(statusOf(pool.state).pausePayments).toContain("no longer in the chain");
    expect(await pool.amount(A, "balance")).toBe(2_027_520_000n);
    for (const block of before.values()) pool.put(block);
    await pool.run();
    expect([pool.state.fallen, problems(pool)]).toEqual([[], []]);
  });

  it("a matured block that fell out is booked by hand: its credits go, and may leave a balance below nothing", async () => {
    const pool = newPool();
    const found = await pool.find(HEIGHT, { [A]: 1n });
    pool.put(found);
    pool.growTo(HEIGHT + 120);
    await pool.run();
    await pool.run();
    await pool.redis.command(["HINCRBY", `eth:miners:${A}`, "balance", "-2000000000"]);
    await pool.redis.command(["HINCRBY", "eth:finances", "balance", "-2000000000"]);
    expect(await bookFallen(new PayoutBooks(pool.redis, "eth"), HEIGHT, found.hash, 1)).toEqual({
      kind: "done",
      owed: [],
    });
    expect(await bookFallen(new PayoutBooks(pool.redis, "eth"), HEIGHT, found.hash, 1)).toEqual({ kind: "gone" });
    expect(await pool.amount(A, "balance")).toBe(-2_000_000_000n);
    expect((await pool.list("matured"))[0]).toMatch(/^0:1:/);
    expect(await pool.hash("eth:finances")).toMatchObject({ balance: "-2000000000", totalMined: "0" });
    expect(await pool.redis.command(["ZCARD", "eth:credits:all"])).toBe(0);
  });
});

describe("what is told as it happens", () => {
  it("is each step of a block, and a block that has waited for an hour once, by name, until it goes on", async () => {
    const events: unknown[] = [];
    const pool = new UnlockerPool(embeddedLedger(), { onEvent: (event) => events.push(event) });
    const found = await pool.find(HEIGHT, { [A]: 5n });
    const round = `eth:shares:round${HEIGHT}:${found.nonce}`;
    await pool.redis.command(["DEL", round]);
    pool.put(found);
    pool.growTo(HEIGHT + 20);
    const sinceMs = pool.nowMs;
    for (const minutes of [0, 59, 2, 10, 60]) {
      pool.nowMs += minutes * 60_000;
      await pool.run();
    }
    const reason = `${round} is missing or empty`;
    expect(events).toEqual([{ kind: "stuck", list: "candidates", height: HEIGHT, reason, sinceMs }]);
    expect(pool.logged.filter((line) => line.includes("has waited for an hour"))).toHaveLength(1);
    await pool.redis.command(["HSET", round, A, "5"]);
    await pool.run();
    pool.put(testBlock(HEIGHT));
    pool.growTo(HEIGHT + 120);
    await pool.run();
    expect(events.slice(1)).toMatchObject([
      { kind: "moved", to: "immature", height: HEIGHT, hash: found.hash, rewardWei: 2_048_000_000_000_000_000n },
      { kind: "moved", to: "orphan", height: HEIGHT, rewardWei: 0n },
    ]);
  });

  it("is a matured block that fell out of the chain", async () => {
    const events: { kind: string }[] = [];
    const pool = new UnlockerPool(embeddedLedger(), { onEvent: (event) => events.push(event) });
    const found = await pool.find(HEIGHT, { [A]: 1n });
    pool.put(found);
    pool.growTo(HEIGHT + 130);
    await pool.run();
    await pool.run();
    for (let height = HEIGHT - 1; height <= HEIGHT + 130; height += 1) pool.put(testBlock(height));
    pool.growTo(HEIGHT + 131);
    await pool.run();
    await pool.run();
    expect(events.filter(({ kind }) => kind === "fallen")).toEqual([
      { kind: "fallen", height: HEIGHT, hash: found.hash },
    ]);
  });
});

describe("the pool's own payouts in its own block", () => {
  it("bring the pool what they cost it, and the miners nothing", async () => {
    const pool = newPool();
    const transactions = [fee(POOL, 1), fee(OTHER_MINER, 2)];
    pool.put({ ...(await pool.find(HEIGHT, { [A]: 1n })), transactions, baseFeePerGas: 10n ** 9n });
    pool.growTo(HEIGHT + 20);
    await pool.run();
    // 99 % of the reward and of the other's fee; the fee that the pool paid itself comes back to it whole.
    expect(await pool.amount(A, "immature")).toBe(((2_048_000_000n + 42_000n) * 99n) / 100n);
    expect((await pool.hash("eth:finances"))["immature"]).toBe(String(2_048_000_000n + 84_000n));
  });
});
