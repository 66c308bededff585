import { describe, expect, it } from "vitest";
import { FanOut } from "../../../core/work/fan-out.ts";
import { RelayTree } from "../../../core/work/relay-tree.ts";
import { relaysFor } from "../../../core/work/template-tree.ts";
import { settle } from "./support/deferred.ts";

function setUp(kept = 0, fixed: number | null = null) {
  const world = { kept, behind: 0, guarded: [] as string[] };
  const fanOut = new FanOut({
    send: async (target) => (target.startsWith("relay-") ? world.behind : 1),
    onGone: () => undefined,
    wait: () => settle(),
    concurrency: 1_000,
    slowAfterMs: 1_000,
  });
  const tree = new RelayTree({
    fanOut,
    kept: { get: () => world.kept, set: (relays) => void (world.kept = relays) },
    fixed,
    port: { guard: async (name) => void world.guarded.push(name), delivered: async () => undefined },
  });
  let sequence = 0;
  const push = async () => {
    tree.adjust();
    sequence += 1;
    const terms = { networkDifficulty: 1n, poolDifficulty: 1n, classTable: 1 } as const;
    const current = { header: "0x1", seed: "0x0", height: sequence, ...terms };
    fanOut.publish({ sequence, current, jobs: [current], confirmedAtMs: 0 });
    await settle();
  };
  return { tree, fanOut, world, push };
}

describe("the number of relays", () => {
  it("is none for a hundred logins, one for two thousand, and then doubles", () => {
    expect([1, 100, 101, 2_000, 2_001, 4_001, 10_000, 1_000_000].map((logins) => relaysFor(logins, 0))).toEqual([
      0, 0, 1, 1, 2, 4, 8, 256,
    ]);
  });

  it("falls only when half as many logins would do with fewer", () => {
    expect([51, 50, 0].map((logins) => relaysFor(logins, 1))).toEqual([1, 0, 0]);
    expect([4_001, 4_000, 2_001, 2_000].map((logins) => relaysFor(logins, 8))).toEqual([8, 4, 4, 2]);
  });

  it("grows with the first push after there are enough logins, and outlives the object", async () => {
    const { tree, fanOut, world, push } = setUp();
    for (let login = 0; login < 100; login += 1) fanOut.add(`0x${login}`);
    await push();
    expect(tree.count).toBe(0);
    fanOut.add("0x100");
    await push();
    expect([tree.count, world.kept]).toEqual([1, 1]);
    expect([tree.isOurs("0x101"), tree.isOurs("relay-0")]).toEqual([false, true]);
  });

  it("does not fall while a relay has not answered, nor while logins are on their way to it", async () => {
    const { tree, fanOut, world, push } = setUp(1);
    fanOut.add("relay-0");
    tree.adjust();
    expect(tree.count).toBe(1);
    world.behind = 10;
    for (let pushes = 0; pushes < 10; pushes += 1) await push();
    world.behind = 101;
    for (let pushes = 0; pushes < 30; pushes += 1) await push();
    expect([tree.count, tree.logins]).toEqual([1, 101]);
  });

  it("falls after a while with few logins", async () => {
    const { tree, fanOut, world, push } = setUp(1);
    fanOut.add("relay-0");
    world.behind = 10;
    for (let pushes = 0; pushes < 22; pushes += 1) await push();
    expect([tree.count, world.kept]).toEqual([0, 0]);
  });

  it("stays what an operator has set", async () => {
    const { tree, fanOut, push } = setUp(0, 3);
    for (let login = 0; login < 500; login += 1) fanOut.add(`0x${login}`);
    await push();
    expect(tree.count).toBe(3);
  });

  it("is how many cron has looked after", async () => {
    const { tree, world } = setUp(2);
    await tree.guard();
    expect(world.guarded).toEqual(["relay-0", "relay-1"]);
  });
});
