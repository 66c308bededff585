import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WorkSnapshot } from "../../../core/work/job.ts";
import { PushPace } from "../../../core/work/push-pace.ts";
import { startNode, type DevNode } from "../../../devnet/node/node.ts";
import { MAX_AGE_MS, RECOMMIT_MS, TestPool } from "./support/test-pool.ts";

let node: DevNode;
let pool: TestPool;

beforeEach(async () => {
  node = await startNode({ recommitMs: null, blockTimeMs: null, startHeight: 1000, difficulty: 30_000n, seed: "pace" });
  pool = new TestPool({ upstreams: [{ name: "node", url: node.url }] });
  await pool.root.subscribe("0xa");
  await pool.rounds(1);
});

afterEach(async () => {
  await node.close();
});

const current = () => node.chain.current;
const notify = () =>
  pool.root.notify(
    JSON.stringify([
      current().header,
      current().seedHash,
      `0x${current().target.toString(16)}`,
      `0x${current().height.toString(16)}`,
    ]),
    null,
  );

const work = (sequence: number, height: number, networkDifficulty: bigint): WorkSnapshot => {
  const job = {
    header: `0x${sequence}`,
    seed: "0x",
    height,
    networkDifficulty,
    poolDifficulty: 1n,
    classTable: 1,
  } as const;
  return { sequence, current: job, jobs: [job], confirmedAtMs: 0 };
};

const pollsIn = async (seconds: number) => {
  const endMs = pool.nowMs + seconds * 1000;
  let polls = 0;
  for (; pool.nowMs < endMs; polls += 1) await pool.round();
  return polls;
};

describe("another header of the same height", () => {
  it("is pushed once an interval, the newest one, however many a node makes", async () => {
    const before = pool.pushes.length;
    for (let second = 0; second < 38; second += 1) {
      node.recommit();
      await pool.round();
    }
    expect(pool.pushes.length - before).toBe(3);
    expect(pool.work?.current.header).toBe(current().header);
  });

  it("is given to who subscribes at once, and a new height is pushed at once", async () => {
    node.recommit();
    await pool.round();
    expect(pool.work?.current.header).not.toBe(current().header);
    expect((await pool.root.subscribe("0xb"))?.current.header).toBe(current().header);
    node.advance();
    await pool.round();
    expect(pool.work?.current).toMatchObject({ header: current().header, height: 1001 });
  });

  it("is not given to who asks without a session before the sessions have it: a share for it would be stale there", async () => {
    const pushed = pool.work?.current.header;
    node.recommit();
    await pool.round();
    expect((await pool.root.snapshot())?.current.header).toBe(pushed);
    expect((await pool.root.snapshot())?.confirmedAtMs).toBeGreaterThan(pool.work?.confirmedAtMs ?? Infinity);
  });

  it("does not wait for a poll that is minutes away", async () => {
    const slow = new TestPool({ upstreams: [{ name: "node", url: node.url }], refreshMs: 300_000 });
    await slow.root.subscribe("0xa");
    node.recommit();
    const { header, seedHash, target, height } = current();
    const items = [header, seedHash, `0x${target.toString(16)}`, `0x${height.toString(16)}`];
    expect(slow.root.notify(JSON.stringify(items), null)).toMatchObject({ ok: true });
    expect(slow.work?.current.header).not.toBe(header);
    await slow.round();
    expect(slow.work?.current.header).toBe(header);
    expect(slow.nowMs).toBeLessThanOrEqual(1_700_000_000_000 + RECOMMIT_MS);
  });

  it("still counts for whoever mines on it, thirty headers later", async () => {
    const pushed = pool.work?.current.header ?? "";
    for (let header = 0; header < 30; header += 1) {
      node.recommit();
      await pool.round();
    }
    expect(pool.work?.jobs.map(({ header }) => header)).toContain(pushed);
  });
});

describe("sessions hear at once", () => {
  const pace = new PushPace({ recommitIntervalMs: RECOMMIT_MS, maxAgeMs: MAX_AGE_MS });
  pace.pushed(work(1, 100, 1_000n), "first", 0);

  it("of the work of another node: the first one may be gone, and the other takes no block for its header", () => {
    expect(pace.isDue(work(2, 100, 1_000n), "second", 1)).toBe(true);
    expect(pace.isDue(work(2, 100, 1_000n), "first", 1)).toBe(false);
    expect(pace.isDue(work(2, 100, 1_000n), null, 1)).toBe(false);
  });

  it("of any new header, where shares of what they have are stale since the pool's block", () => {
    const closing = new PushPace({ recommitIntervalMs: RECOMMIT_MS, maxAgeMs: MAX_AGE_MS });
    const spent = work(1, 100, 1_000n);
    closing.pushed({ ...spent, current: { ...spent.current, roundClosed: true } }, "first", 0);
    expect(closing.isDue(work(2, 100, 1_000n), "first", 1)).toBe(true);
  });

  it("of a header on another parent, which a higher difficulty of the same height tells", () => {
    expect(pace.isDue(work(2, 100, 1_001n), "first", 1)).toBe(true);
    expect(pace.isDue(work(2, 100, 999n), "first", 1)).toBe(false);
  });

  it("of a lower height, and that their work is still right", () => {
    expect(pace.isDue(work(2, 99, 1_000n), "first", 1)).toBe(true);
    expect(pace.isDue(work(1, 100, 1_000n), "first", MAX_AGE_MS / 3 + 1)).toBe(true);
    expect(pace.isDue(work(1, 100, 1_000n), "first", RECOMMIT_MS)).toBe(false);
  });
});

describe("polls", () => {
  it("come every five seconds while a node pushes its blocks first, and every second otherwise", async () => {
    expect(await pollsIn(30)).toBe(30);
    node.advance();
    notify();
    expect(await pollsIn(30)).toBeLessThanOrEqual(7);
    // A block that only a poll brought: pushes do not work any more.
    node.advance();
    await pollsIn(6);
    expect(await pollsIn(30)).toBe(30);
  });

  it("come every second again when the node has not pushed for a minute, or does not answer", async () => {
    node.advance();
    notify();
    await pollsIn(60);
    expect(await pollsIn(30)).toBe(30);
    notify();
    await pollsIn(10);
    node.faults.status = 500;
    await pollsIn(10);
    expect(await pollsIn(10)).toBe(10);
  });

  it("leave no timer behind: an object with one stays awake and is billed", async () => {
    expect(pool.timers.size).toBe(0);
    await pool.rounds(3);
    expect(pool.timers.size).toBe(0);
    await pool.root.health();
    pool.root.unsubscribe("0xa");
    pool.nowMs += 120_000;
    await pool.root.health();
    expect(pool.timers.size).toBe(0);
  });
});
