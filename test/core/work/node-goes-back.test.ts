import { afterEach, describe, expect, it } from "vitest";
import { startNode, type DevNode } from "../../../devnet/node/node.ts";
import { MemoryStore, TestPool } from "./support/test-pool.ts";

const started: DevNode[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.close()));
});

async function poolOn(...names: string[]) {
  const nodes = await Promise.all(
    names.map((seed) =>
      startNode({ recommitMs: null, blockTimeMs: null, startHeight: 0x410, difficulty: 30_000n, seed }),
    ),
  );
  started.push(...nodes);
  const upstreams = names.map((name, at) => ({ name, url: nodes[at]?.url ?? "" }));
  const store = new MemoryStore();
  const pool = new TestPool({ upstreams, store });
  await pool.root.subscribe("0xa");
  await pool.rounds(2);
  return { pool, nodes, upstreams, store };
}

const FELL = "the node went back, and no other has the higher work: jobs above are withdrawn";
const headersOf = (pool: TestPool) => pool.work?.jobs.map(({ header }) => header);

describe("a lone node that goes back", () => {
  it("is believed at its second poll, its dead jobs are withdrawn, and the log says so once", async () => {
    const { pool, nodes } = await poolOn("first");
    const [node] = nodes;
    const dead = pool.work?.current.header;
    const before = pool.work?.sequence ?? 0;
    node?.jumpTo(0x40f);
    await pool.round();
    expect(pool.work?.current.height).toBe(0x410);
    await pool.round();
    expect(pool.work?.current).toMatchObject({ height: 0x40f, header: node?.chain.current.header });
    expect(headersOf(pool)).not.toContain(dead);
    expect(pool.work?.sequence).toBeGreaterThan(before);
    expect(pool.heights).toEqual([0x410, 0x40f]);
    await pool.rounds(5);
    expect(pool.logs).toMatchObject([{ message: FELL, upstream: "first", from: 0x410, to: 0x40f }]);
  });

  it("is believed as far down as it goes: a chain that was begun anew", async () => {
    const { pool, nodes } = await poolOn("first");
    nodes[0]?.jumpTo(1);
    await pool.rounds(2);
    expect(pool.work?.jobs.map(({ height }) => height)).toEqual([1]);
  });

  it("is believed by a pool that was restarted meanwhile", async () => {
    const { pool, nodes, upstreams, store } = await poolOn("first");
    nodes[0]?.jumpTo(0x3ff);
    const after = new TestPool({ upstreams, store });
    after.nowMs = pool.nowMs + 1_000;
    await after.rounds(2);
    expect(after.work?.current.height).toBe(0x3ff);
  });

  it("is not believed for one answer that a push has overtaken", async () => {
    const { pool, nodes } = await poolOn("first");
    const [node] = nodes;
    if (node === undefined) throw new Error("no node");
    for (let block = 0; block < 4; block += 1) {
      node.faults.lowerHeights = 1;
      await pool.round();
      node.faults.lowerHeights = 0;
      await pool.round();
    }
    expect(pool.work?.current.height).toBe(0x410);
    expect(pool.logs).toEqual([]);
  });
});

describe("of several nodes", () => {
  it("the one that goes back is outvoted, and its dead header gives way to a living one", async () => {
    const { pool, nodes } = await poolOn("first", "second");
    const [first, second] = nodes;
    const dead = pool.work?.current.header;
    expect(dead).toBe(first?.chain.current.header);
    first?.jumpTo(0x40f);
    await pool.rounds(3);
    expect(pool.work?.current).toMatchObject({ height: 0x410, header: second?.chain.current.header });
    expect(headersOf(pool)).not.toContain(dead);
    await pool.rounds(30);
    expect(pool.work?.current.height).toBe(0x410);
    expect(pool.said).toEqual(["first: upstream is sick"]);
    first?.jumpTo(0x411);
    await pool.rounds(30);
    expect(pool.work?.current.header).toBe(first?.chain.current.header);
  });

  it("the one that is left is believed once the other has been silent for long", async () => {
    const { pool, nodes } = await poolOn("first", "second");
    const [first, second] = nodes;
    second?.jumpTo(0x40f);
    await pool.rounds(6);
    await first?.stopListening();
    await pool.rounds(10);
    expect(pool.work?.current.height).toBe(0x410);
    await pool.rounds(30);
    expect(pool.work?.current).toMatchObject({ height: 0x40f, header: second?.chain.current.header });
    expect(pool.said).toContain(`second: ${FELL}`);
  });

  it("all that go back together are believed together", async () => {
    const { pool, nodes } = await poolOn("first", "second");
    for (const node of nodes) node.jumpTo(0x400);
    await pool.rounds(2);
    expect(pool.work?.current.height).toBe(0x400);
    await pool.rounds(20);
    expect(pool.work?.current.header).toBe(nodes[0]?.chain.current.header);
    expect(pool.work?.jobs.every(({ height }) => height <= 0x400)).toBe(true);
  });
});
