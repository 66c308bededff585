import { reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { Unlocker } from "../../durable-objects/unlocker.ts";
import { POOL, TestNode, testBlock } from "../support/payouts/test-chain.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const A = loginAt(1);
const HEIGHT = 20_000_100;
const node = { chain: new TestNode(), away: false };

/** The configured node: JSON-RPC over the runtime's `fetch`. */
beforeEach(() => {
  node.chain = new TestNode();
  node.away = false;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    if (node.away) throw new TypeError("connection refused");
    return Response.json(await node.chain.answerHttp(await new Request(url, init).json()));
  });
});
afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

const settings = { enabled: true, accounts: [POOL], interval: "10m" };
const ledger = () => embeddedPort(env.EMBEDDED_REDIS.getByName("main"), 120_000);
const stub = () => env.UNLOCKER.getByName("main");

/** The object as it would be with the unlocker switched on. */
async function withUnlocker<T>(work: (unlocker: Unlocker, state: DurableObjectState) => Promise<T>): Promise<T> {
  return await runInDurableObject(
    stub(),
    async (_object, state) => await work(new Unlocker(state, { ...env, unlocker: settings }), state),
  );
}

/** A found block: in the chain, among the candidates, with its round. */
async function find(height: number): Promise<void> {
  const block = testBlock(height, { miner: POOL });
  node.chain.put(block);
  const member = `${block.nonce}:0x${"b".repeat(64)}:${block.mixHash}:1790000000:1000:5`;
  await ledger().command(["ZADD", "eth:blocks:candidates", height, member]);
  await ledger().command(["HSET", `eth:shares:round${height}:${block.nonce}`, A, "5"]);
}

const immature = async () => await ledger().command(["HGET", `eth:miners:${A}`, "immature"]);

describe("the unlocker in workerd", () => {
  it("does nothing and sets no alarm while it is switched off, as it is unless one switches it on", async () => {
    await stub().guard();
    await stub().run();
    expect(await stub().status()).toBeNull();
    expect(await runInDurableObject(stub(), async (_object, state) => await state.storage.getAlarm())).toBeNull();
  });

  it("is started by cron, sets its next alarm first, and takes a block as far as the chain allows", async () => {
    await find(HEIGHT);
    node.chain.growTo(HEIGHT + 20);
    const alarms = await withUnlocker(async (unlocker, state) => {
      await unlocker.guard();
      const first = await state.storage.getAlarm();
      await unlocker.alarm();
      const second = await state.storage.getAlarm();
      // Otherwise the runtime would ring it for the object without these settings.
      await state.storage.deleteAlarm();
      return [first, second];
    });
    expect(Number(alarms[1]) - Number(alarms[0])).toBeGreaterThan(500_000);
    expect(await immature()).toBe("2027520000");
  });

  it("remembers over evictions what waits, and goes on when the node is back", async () => {
    await find(HEIGHT);
    node.chain.growTo(HEIGHT + 20);
    node.away = true;
    const status = await withUnlocker(async (unlocker) => (await unlocker.run(), await unlocker.status()));
    expect(status).toMatchObject({ lastSuccessMs: null });
    expect(status?.problems[0]).toContain("node main: cannot be reached");
    expect(await immature()).toBeNull();
    node.away = false;
    const later = await withUnlocker(async (unlocker) => {
      const remembered = await unlocker.status();
      await unlocker.run();
      return { remembered, now: await unlocker.status() };
    });
    expect(later.remembered?.lastRunMs).toBe(status?.lastRunMs);
    expect(later.now).toMatchObject({ problems: [], oldestCandidate: null });
    expect(await immature()).toBe("2027520000");
  });
});
