import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RedisUnreachableError, type RedisCommand, type RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { startNode, type DevNode } from "../../../devnet/node/node.ts";
import type { NodeFaults } from "../../../devnet/node/faults.ts";
import { MAX_AGE_MS, TestPool } from "./support/test-pool.ts";

const DIFFICULTY = 30_000n;
/** For a busy machine. */
const WAIT = { timeout: 120_000, interval: 20 };
let first: DevNode;
let second: DevNode;

beforeEach(async () => {
  // Nothing happens on these chains but what a test does.
  const options = { recommitMs: null, blockTimeMs: null, startHeight: 1000, difficulty: DIFFICULTY };
  first = await startNode({ ...options, seed: "first" });
  second = await startNode({ ...options, seed: "second" });
});

afterEach(async () => {
  await first.close();
  await second.close();
});

const upstreamOf = (name: string, node: DevNode) => ({ name, url: node.url, hangs: () => node.faults.hang });
const pairOf = () => [upstreamOf("first", first), upstreamOf("second", second)];
const headerOf = (node: DevNode) => node.chain.current.header;
const workItems = ({ chain: { current } }: DevNode) =>
  JSON.stringify([
    current.header,
    current.seedHash,
    `0x${current.target.toString(16)}`,
    `0x${current.height.toString(16)}`,
  ]);

/** A pool that mines on both nodes, a few rounds in. */
async function mining(): Promise<TestPool> {
  const pool = new TestPool({ upstreams: pairOf() });
  await pool.root.subscribe("0xa");
  await pool.rounds(2);
  return pool;
}

function advanceBoth(): void {
  first.advance();
  second.advance();
}

describe("a node that pushes", () => {
  it("has its work with the miners at once and without a poll", async () => {
    const pool = await mining();
    const polls = first.calls.get("eth_getWork");
    first.advance();
    expect(pool.root.notify(workItems(first), null)).toEqual({ ok: true, reason: "current" });
    expect(pool.work?.current).toMatchObject({ header: headerOf(first), height: 1001, networkDifficulty: DIFFICULTY });
    expect(first.calls.get("eth_getWork")).toBe(polls);
  });

  it("does not take over from a better one at the same height if its URL says who it is", async () => {
    const pool = await mining();
    second.recommit();
    expect(pool.root.notify(workItems(second), "second")).toEqual({ ok: true, reason: "outranked" });
    expect(pool.work?.current.header).toBe(headerOf(first));
  });

  it("may wrap its work as OpenEthereum does, or as a JSON-RPC notification", async () => {
    const pool = await mining();
    const wraps: ((items: string) => string)[] = [
      (items) => `{ "result": ${items} }`,
      (items) => `{"jsonrpc":"2.0","id":0,"result":${items}}`,
      (items) => `{"jsonrpc":"2.0","method":"eth_work","params":${items}}`,
      (items) => `{"jsonrpc":"2.0","method":"eth_work","params":[${items}]}`,
    ];
    for (const wrap of wraps) {
      first.advance();
      expect(pool.root.notify(wrap(workItems(first)), null)).toEqual({ ok: true, reason: "current" });
      expect((await pool.root.snapshot())?.current.header).toBe(headerOf(first));
    }
  });

  it("hears why its work is refused, and the log says it once", async () => {
    const pool = await mining();
    for (let push = 0; push < 5; push += 1) {
      expect(pool.root.notify("{}", null)).toEqual({ ok: false, reason: expect.stringMatching(/miner.notify.full/) });
    }
    expect(pool.said).toEqual(["pushed work was refused"]);
  });
});

describe("a block of our own", () => {
  it("is followed by the node's next work as soon as the node has it, without waiting for the next round", async () => {
    const pool = await mining();
    const polls = first.calls.get("eth_getWork") ?? 0;
    // The node makes its next work while it is being asked.
    const watch = setInterval(
      () => (first.calls.get("eth_getWork") ?? 0) > polls + 1 && first.chain.current.height < 1001 && first.advance(),
    );
    await pool.root.refresh();
    clearInterval(watch);
    expect(pool.work?.current).toMatchObject({ header: headerOf(first), height: 1001 });
  });

  it("whose node has nothing new yet costs a few polls and no more", async () => {
    const pool = await mining();
    const polls = first.calls.get("eth_getWork") ?? 0;
    await pool.root.refresh();
    expect((first.calls.get("eth_getWork") ?? 0) - polls).toBe(4);
  });

  it("marks what was public as of the round that it closes, and every session has heard of it when that is done", async () => {
    const pool = await mining();
    await pool.root.closeRound(1_000);
    expect(pool.work).toMatchObject({ current: { height: 1_000, roundClosed: true }, jobs: [{ roundClosed: true }] });
    const pushes = pool.pushes.length;
    await pool.root.closeRound(1_000);
    expect(pool.pushes).toHaveLength(pushes);
    // The same header again keeps its mark; another one of the same height was not public then.
    await pool.round();
    expect(pool.work?.current.roundClosed).toBe(true);
    first.recommit();
    await pool.round();
    expect(pool.work?.jobs.map(({ roundClosed }) => roundClosed === true)).toEqual([false, true]);
  });

  it("closes its round once for all who say so, and answers them in turn, none before the sessions know", async () => {
    const pool = await mining();
    const heard = Promise.withResolvers<void>();
    pool.heard = heard.promise;
    const answered: string[] = [];
    const asked = ["first", "second"].map((who) => pool.root.closeRound(1_000).then(() => answered.push(who)));
    await sleep(25);
    expect(answered).toEqual([]);
    heard.resolve();
    await Promise.all(asked);
    expect(answered).toEqual(["first", "second"]);
  });

  it("is of no interest when nobody mines any more", async () => {
    const pool = new TestPool({ upstreams: pairOf() });
    await pool.root.refresh();
    expect(first.calls.get("http")).toBeUndefined();
  });
});

describe("a node that only answers polls", () => {
  it("has each new block with the miners after the next round", async () => {
    const pool = await mining();
    for (let block = 0; block < 2; block += 1) {
      first.advance();
      await pool.round();
      expect(pool.work?.current).toMatchObject({ header: headerOf(first), height: first.chain.current.height });
    }
    expect(pool.heights).toEqual([1000, 1001, 1002]);
  });

  it("is asked once a round, in one request", async () => {
    const pool = new TestPool({ upstreams: [upstreamOf("first", first)] });
    await pool.root.subscribe("0xa");
    await pool.rounds(4);
    expect(first.calls.get("http")).toBe(5);
    expect(pool.logs).toEqual([]);
  });

  it("pushes nothing and writes nothing while its work stays the same", async () => {
    const pool = await mining();
    const { writes } = pool.store;
    const pushes = pool.pushes.length;
    await pool.rounds(10);
    expect([pool.store.writes, pool.pushes.length]).toEqual([writes, pushes]);
  });

  it("costs a row for each subscriber once, and one for the work however many ask for it", async () => {
    const pool = await mining();
    for (const login of ["0xb", "0xc", "0xb", "0xa"]) await pool.root.subscribe(login);
    await pool.root.snapshot();
    expect(pool.store.writes).toBe(1 + 3);
  });

  it("gives work without a height as old nodes do, and each job has the right one", async () => {
    first.faults.threeItems = true;
    const pool = await mining();
    advanceBoth();
    await pool.round();
    expect(pool.work?.current).toMatchObject({ header: headerOf(first), height: 1001 });
  });
});

describe("the work is always the best that there is", () => {
  const ways: [string, Partial<NodeFaults>][] = [
    ["answers HTML", { html: true }],
    ["answers null", { nullResults: true }],
    ["answers status 502", { status: 502 }],
    ["is not mining", { noWork: true }],
    ["gives a wrong seed hash", { wrongSeed: true }],
    ["gives work of an old height", { stuckWork: true }],
    ["hangs", { hang: true }],
    ["gives lower heights", { lowerHeights: 5 }],
    ["cuts every other connection", { flap: { up: 1, down: 1 } }],
  ];

  it.each(ways)("when the first node %s, from the very round in which it begins", async (_way, fault) => {
    const pool = await mining();
    Object.assign(first.faults, fault);
    for (let round = 0; round < 12; round += 1) {
      advanceBoth();
      await pool.round();
      expect(pool.work?.current.height).toBe(second.chain.current.height);
      expect([headerOf(first), headerOf(second)]).toContain(pool.work?.current.header);
    }
    expect(new Set(pool.said).size).toBe(pool.said.length);
    expect(pool.said.length).toBeLessThanOrEqual(1);
  });

  // A lone node that goes back is believed: test/core/work/node-goes-back.test.ts.
  it.each(ways.filter(([way]) => way !== "gives lower heights"))(
    "when the only node %s for a while, it goes on where it was and never goes back",
    async (_way, fault) => {
      const pool = new TestPool({ upstreams: [upstreamOf("first", first)] });
      await pool.root.subscribe("0xa");
      Object.assign(first.faults, fault);
      await pool.rounds(6);
      expect(pool.work?.current.height).toBe(1000);
      Object.assign(first.faults, { html: false, nullResults: false, status: 0, noWork: false, flap: null });
      Object.assign(first.faults, { wrongSeed: false, hang: false, lowerHeights: 0, stuckWork: false });
      // A request that hangs is given up only after its time-out: the socket is cut here.
      if (fault.hang) {
        await first.stopListening();
        await first.startListening();
      }
      first.advance();
      await vi.waitFor(async () => {
        await pool.round();
        expect(pool.work?.current).toMatchObject({ header: headerOf(first), height: 1001 });
      }, WAIT);
      const sequences = pool.pushes.map(({ sequence }) => sequence);
      expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    },
  );

  it("when the first node is gone and comes back", async () => {
    const pool = await mining();
    await first.stopListening();
    advanceBoth();
    await pool.round();
    expect(pool.work?.current.header).toBe(headerOf(second));
    await pool.rounds(4);
    await first.startListening();
    await pool.rounds(30);
    expect(pool.work?.current.header).toBe(headerOf(first));
    expect(pool.said).toEqual(["first: upstream is sick", "first: upstream is well again"]);
    expect(pool.logs.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/cannot be reached/),
      expect.stringMatching(/3 answers in a row, height 1001/),
    ]);
  });

  it("when a node falls out of sync: it is judged by its height beside the others', not by failures (defect 20)", async () => {
    const pool = await mining();
    for (let block = 0; block < 5; block += 1) second.advance();
    await pool.rounds(12);
    expect(pool.work?.current).toMatchObject({ header: headerOf(second), height: 1005 });
    expect(pool.said).toEqual(["first: upstream is sick"]);
    expect(pool.logs[0]?.reason).toBe("at height 1000, 5 behind the others");
    first.jumpTo(second.chain.current.height);
    await pool.rounds(30);
    expect(pool.work?.current.header).toBe(headerOf(first));
  });

  it("when a node hangs: it is sick after as many rounds as it may fail, long before its time-out (defect 20)", async () => {
    const pool = await mining();
    first.faults.hang = true;
    await pool.rounds(5);
    expect((await pool.root.health()).upstreams).toEqual([
      {
        name: "first",
        healthy: false,
        height: 1000,
        lastError: expect.stringMatching(/no answer/),
        failingForMs: expect.any(Number),
        toDo: expect.stringMatching(/see that the node runs/),
        chainId: 1337,
        roundTripMs: expect.any(Number),
      },
      {
        name: "second",
        healthy: true,
        height: 1000,
        lastError: null,
        failingForMs: null,
        toDo: null,
        chainId: 1337,
        roundTripMs: expect.any(Number),
      },
    ]);
    expect(pool.work?.current.header).toBe(headerOf(second));
  });

  it("with healthCheck off the order stays, and a failing first node still costs no freshness", async () => {
    const pool = new TestPool({ upstreams: pairOf(), healthCheck: false });
    await pool.root.subscribe("0xa");
    first.faults.html = true;
    await pool.rounds(5);
    advanceBoth();
    await pool.round();
    expect(pool.work?.current.header).toBe(headerOf(second));
    first.faults.html = false;
    await pool.round();
    expect(pool.work?.current.header).toBe(headerOf(first));
    expect(pool.logs).toEqual([]);
  });
});

describe("when no node gives work", () => {
  it("the pool has none after maxAge, says so once, and says when there is some again", async () => {
    const pool = await mining();
    await first.stopListening();
    await second.stopListening();
    await pool.rounds(MAX_AGE_MS / 1000 - 5);
    expect(await pool.root.snapshot()).not.toBeNull();
    await pool.rounds(20);
    expect(await pool.root.snapshot()).toBeNull();
    expect(await pool.root.health()).toMatchObject({ height: null, ageMs: expect.any(Number) });
    await first.startListening();
    await pool.rounds(2);
    expect(await pool.root.snapshot()).toMatchObject({ current: { height: 1000 } });
    expect(pool.said.filter((text) => !text.includes("upstream is"))).toEqual([
      "no node gives work: miners hear `Work not ready`",
      "there is work again",
    ]);
  });

  it("the first miner hears so after a moment instead of waiting for a time-out", async () => {
    first.faults.hang = true;
    second.faults.hang = true;
    const pool = new TestPool({ upstreams: pairOf() });
    expect(await pool.root.subscribe("0xa")).toBeNull();
  });

  it("sessions hear that a long block's work is still right before they take it for too old", async () => {
    const pool = await mining();
    const pushed = pool.pushes.length;
    await pool.rounds(MAX_AGE_MS / 1000);
    const renewed = pool.pushes.slice(pushed);
    expect(renewed.length).toBeGreaterThanOrEqual(2);
    expect(new Set(renewed.map(({ sequence }) => sequence)).size).toBe(1);
    expect(pool.nowMs - (renewed.at(-1)?.confirmedAtMs ?? 0)).toBeLessThan(MAX_AGE_MS / 2);
  });
});

describe("a wrong chain setting", () => {
  it("is one error that names the setting, and no miner gets such work", async () => {
    first.faults.wrongSeed = true;
    const pool = new TestPool({ upstreams: [upstreamOf("first", first)] });
    expect(await pool.root.subscribe("0xa")).toBeNull();
    await pool.rounds(10);
    expect(pool.pushes).toEqual([]);
    expect(pool.said).toEqual(["first: upstream is sick", "no node gives work: miners hear `Work not ready`"]);
    expect(pool.logs[0]?.reason).toMatch(/chain = "devnet".*the epoch settings of chain are wrong/);
  });
});

describe("a restart", () => {
  it("in the middle of a fan-out brings the work to everybody again, under a number that nobody has seen", async () => {
    const before = await mining();
    before.root.notify(workItems((first.advance(), first)), null);
    const after = new TestPool({ upstreams: pairOf(), store: before.store });
    after.nowMs = before.nowMs;
    await after.round();
    expect(after.pushes[0]).toMatchObject({ current: before.work?.current, jobs: before.work?.jobs });
    expect(after.pushes[0]?.sequence).toBeGreaterThan(before.work?.sequence ?? 0);
  });

  it("that lost the last writes still counts on from there", async () => {
    const before = await mining();
    const kept = before.store.state;
    for (let block = 0; block < 5; block += 1) {
      advanceBoth();
      await before.round();
    }
    before.store.state = kept;
    const after = new TestPool({ upstreams: pairOf(), store: before.store });
    after.nowMs = before.nowMs;
    await after.rounds(2);
    expect(after.pushes[0]?.sequence).toBeGreaterThan(before.work?.sequence ?? 0);
    expect(after.work?.current.header).toBe(before.work?.current.header);
  });

  it("finds subscribers, and cron starts the loop that nobody else does", async () => {
    const before = await mining();
    const after = new TestPool({ upstreams: pairOf(), store: before.store });
    await after.root.guard();
    expect(after.alarmMs).toBe(after.nowMs);
    await after.round();
    expect(await after.root.health()).toMatchObject({ polling: true, subscribers: 1, height: 1000 });
    expect(after.said).toEqual(["the poll loop had stopped; cron starts it again"]);
    await after.root.guard();
    expect(after.logs.length).toBe(1);
  });
});

describe("nobody mines", () => {
  it("stops the loop, and pushes of nodes are taken without a write", async () => {
    const pool = await mining();
    pool.root.unsubscribe("0xa");
    await pool.round();
    expect(pool.alarmMs).toBeNull();
    const { writes } = pool.store;
    first.advance();
    expect(pool.root.notify(workItems(first), null).ok).toBe(true);
    expect(pool.store.writes).toBe(writes);
  });

  it("has its nodes asked by cron, or by who asks for the health, and at most once in a while", async () => {
    const pool = new TestPool({ upstreams: pairOf() });
    await pool.root.guard();
    expect(await pool.root.health()).toMatchObject({ height: 1000, polling: false, subscribers: 0 });
    await pool.root.health();
    expect([first.calls.get("http"), second.calls.get("http")]).toEqual([1, 1]);
    expect([pool.alarmMs, pool.store.writes, pool.pushes.length]).toEqual([null, 0, 0]);
    pool.nowMs += 60_000;
    await pool.root.guard();
    expect(first.calls.get("http")).toBe(2);
  });

  it("and no node ever answered: that is known before the first miner comes", async () => {
    await first.stopListening();
    const pool = new TestPool({ upstreams: [upstreamOf("first", first)] });
    const { upstreams } = await pool.root.health();
    expect(upstreams).toMatchObject([
      { height: null, lastError: expect.stringMatching(/cannot be reached/), toDo: expect.stringMatching(/tunnel/) },
    ]);
    pool.nowMs += 60_000;
    const { upstreams: later } = await pool.root.health();
    expect(later).toMatchObject([{ healthy: true, failingForMs: 60_000 }]);
    await first.startListening();
    pool.nowMs += 5_000;
    expect(await pool.root.health()).toMatchObject({
      height: 1000,
      upstreams: [{ lastError: null, failingForMs: null }],
    });
  });

  it("but asks for work without subscribing: the loop runs for a minute longer", async () => {
    const pool = new TestPool({ upstreams: pairOf() });
    expect(await pool.root.snapshot()).toMatchObject({ current: { height: 1000 } });
    await pool.rounds(59);
    expect(pool.alarmMs).not.toBeNull();
    await pool.rounds(2);
    expect(pool.alarmMs).toBeNull();
  });
});

/** The fields of one node in `eth:nodes`. */
const ofNode = (node: string, height: number, beat: unknown) => ({
  [`${node}:name`]: node,
  [`${node}:height`]: String(height),
  [`${node}:difficulty`]: "30000",
  [`${node}:lastBeat`]: beat,
});

describe("the state of the nodes in Redis", () => {
  const commands: RedisCommand[] = [];
  let down = false;
  const redis: RedisPort = {
    async command(command) {
      if (down) throw new RedisUnreachableError("refused", "no");
      commands.push(command);
      return 1;
    },
    pipeline: () => Promise.reject(new Error("not used")),
  };
  beforeEach(() => {
    commands.length = 0;
    down = false;
  });

  it("is written when the height changes and every stateUpdateInterval, in one command", async () => {
    const pool = new TestPool({ upstreams: pairOf(), redis });
    await pool.root.subscribe("0xa");
    await pool.round();
    commands.length = 0;
    advanceBoth();
    await pool.round();
    const [[name, key, ...fields] = []] = commands;
    expect([commands.length, name, key]).toEqual([1, "HSET", "eth:nodes"]);
    const written = Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, index) => [fields[2 * index], String(fields[2 * index + 1])]),
    );
    const lastBeat = String(Math.floor(pool.nowMs / 1000));
    // The second node is in reserve: it was not asked in this round and does not count as alive now.
    expect(written).toEqual({
      ...ofNode("pool", 1001, lastBeat),
      ...ofNode("first", 1001, lastBeat),
      ...ofNode("second", 1000, expect.not.stringMatching(lastBeat)),
    });
    commands.length = 0;
    await pool.rounds(6);
    expect(commands.length).toBeGreaterThanOrEqual(2);
    expect(commands.length).toBeLessThanOrEqual(3);
  });

  it("is made up for after Redis was away, which the log says once", async () => {
    const pool = new TestPool({ upstreams: pairOf(), redis });
    await pool.root.subscribe("0xa");
    down = true;
    await pool.rounds(10);
    down = false;
    await pool.rounds(4);
    expect(pool.said).toEqual([
      "the state of the nodes could not be written to Redis",
      "the state of the nodes is in Redis again",
    ]);
    expect(pool.work?.current.height).toBe(1000);
  });
});
