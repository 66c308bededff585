import { describe, expect, it } from "vitest";
import { FanOut } from "../../../core/work/fan-out.ts";
import type { WorkSnapshot } from "../../../core/work/job.ts";
import { TemplateRelay } from "../../../core/work/template-relay.ts";
import { isRelayName, relayName, ROOT_NAME, templateNameFor } from "../../../core/work/template-tree.ts";
import { settle } from "./support/deferred.ts";
import { MemoryStore } from "./support/test-pool.ts";

const MAX_AGE_MS = 60_000;

function setUp(store = new MemoryStore(), concurrency = 10) {
  const calls: string[] = [];
  const got: [string, number][] = [];
  const world = { nowMs: 1_000_000, sequence: 1, connections: 1, alarmMs: null as number | null, down: false };
  const workNow = (): WorkSnapshot => {
    const terms = { networkDifficulty: 1n, poolDifficulty: 1n, classTable: 0 } as const;
    const current = { header: "0x1", seed: "0x0", height: world.sequence, ...terms };
    return { sequence: world.sequence, current, jobs: [current], confirmedAtMs: world.nowMs };
  };
  const call = async (text: string) => {
    calls.push(text);
    await settle();
    if (world.down) throw new Error("the root is restarting");
    return workNow();
  };
  const relay = new TemplateRelay({
    name: "relay-3",
    root: {
      subscribe: (name) => call(`subscribe ${name}`),
      unsubscribe: async (name) => void (await call(`unsubscribe ${name}`)),
      snapshot: () => call("snapshot"),
    },
    store,
    alarm: { set: (atMs) => void (world.alarmMs = atMs), get: async () => world.alarmMs },
    fanOut: new FanOut({
      send: async (target, work) => (got.push([target, work.sequence]), world.connections),
      onGone: (name) => store.removeSubscriber(name),
      wait: () => settle(),
      concurrency,
      slowAfterMs: 1000,
    }),
    sockets: { dial: () => undefined, forget: () => undefined },
    nowMs: () => world.nowMs,
    maxAgeMs: MAX_AGE_MS,
  });
  /** A session subscribes, and the alarm rings that this may have set. */
  const join = async (login: string) => {
    relay.subscribe(login);
    if (world.alarmMs === world.nowMs) await relay.tick();
  };
  return { relay, join, store, calls, got, world, workNow };
}

describe("a relay", () => {
  it("subscribes once for all of its sessions, however many come at a time", async () => {
    const { relay, join, calls, got } = setUp();
    expect(relay.subscribe("0xa")).toBeNull();
    await Promise.all(["0xb", "0xc"].map((login) => join(login)));
    await settle();
    expect(got.map(([login]) => login).toSorted()).toEqual(["0xa", "0xb", "0xc"]);
    expect(relay.subscribe("0xd")?.sequence).toBe(1);
    expect(calls).toEqual(["subscribe relay-3"]);
  });

  it("passes new work on to all of them and says how many logins it stands for", async () => {
    const { relay, join, got, world, workNow } = setUp();
    await join("0xa");
    await join("0xb");
    await settle();
    got.length = 0;
    world.sequence = 2;
    relay.pushWork(workNow());
    await settle();
    expect(got).toEqual([
      ["0xa", 2],
      ["0xb", 2],
    ]);
    world.sequence = 3;
    expect(relay.pushWork(workNow())).toBe(2);
  });

  it("does not pass on work that is older than what it has", async () => {
    const { relay, join, got, world, workNow } = setUp();
    world.sequence = 5;
    await join("0xa");
    await settle();
    got.length = 0;
    world.sequence = 4;
    relay.pushWork(workNow());
    await settle();
    expect(got).toEqual([]);
  });

  it("is forgotten by the root when nobody is behind it", async () => {
    const { relay, join, world, workNow, store } = setUp();
    await join("0xa");
    world.connections = 0;
    world.sequence = 2;
    relay.pushWork(workNow());
    await settle();
    expect(store.subscribers()).toEqual([]);
    expect(relay.pushWork(workNow())).toBe(0);
  });

  it("subscribes anew for the next session after that", async () => {
    const { relay, join, calls, world, workNow } = setUp();
    await join("0xa");
    await relay.unsubscribe("0xa");
    expect(relay.pushWork(workNow())).toBe(0);
    world.sequence = 7;
    await join("0xb");
    expect(relay.subscribe("0xb")?.sequence).toBe(7);
    expect(calls).toEqual(["subscribe relay-3", "unsubscribe relay-3", "subscribe relay-3"]);
  });

  it("gives everybody the work of now at its first alarm after a restart in the middle of a fan-out", async () => {
    const before = setUp();
    await before.join("0xa");
    before.relay.pushWork(before.workNow());
    expect(before.world.alarmMs).toBeGreaterThan(before.world.nowMs);
    const after = setUp(before.store);
    after.world.sequence = 9;
    await after.relay.tick();
    await settle();
    expect(after.got).toEqual([["0xa", 9]]);
    await after.relay.tick();
    await settle();
    expect(after.got.length).toBe(1);
  });

  it("sets its alarm again while a long fan-out goes on, and not when it is through", async () => {
    const { relay, join, world, workNow } = setUp(new MemoryStore(), 1);
    for (const login of ["0xa", "0xb", "0xc"]) await join(login);
    await settle();
    world.sequence = 2;
    relay.pushWork(workNow());
    world.alarmMs = null;
    await relay.tick();
    expect(world.alarmMs).toBe(world.nowMs + 2000);
    await settle();
    world.alarmMs = null;
    await relay.tick();
    expect(world.alarmMs).toBeNull();
  });

  it("asks the root when its own work has not been confirmed for too long", async () => {
    const { relay, join, calls, world } = setUp();
    await join("0xa");
    world.nowMs += MAX_AGE_MS + 1;
    expect(await relay.snapshot()).toMatchObject({ sequence: 1, confirmedAtMs: world.nowMs });
    expect(calls.length).toBe(2);
  });

  it("asks the root for whoever does not subscribe while it has no sessions", async () => {
    const { relay, calls } = setUp();
    expect((await relay.snapshot())?.sequence).toBe(1);
    expect(calls).toEqual(["snapshot"]);
  });

  it("tries again soon where the root cannot be asked, and keeps who has subscribed", async () => {
    const { relay, join, world } = setUp();
    world.down = true;
    world.alarmMs = null;
    await expect(join("0xa")).rejects.toThrow("the root is restarting");
    expect(world.alarmMs).toBeGreaterThan(world.nowMs);
    world.down = false;
    await relay.tick();
    expect(await relay.health()).toMatchObject({ height: 1, subscribers: 1 });
  });
});

describe("the tree", () => {
  it("is the root alone without relays", () => {
    expect(templateNameFor("0xb85150eb365e7df0941f0cf08235f987ba91506a", 0)).toBe(ROOT_NAME);
  });

  it("gives a login the same relay each time, and every relay about as many logins", () => {
    const counts = new Map<string, number>();
    for (let n = 0; n < 8000; n += 1) {
      const login = `0x${n.toString(16).padStart(40, "0")}`;
      const name = templateNameFor(login, 8);
      expect(name).toBe(templateNameFor(login, 8));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted()).toEqual(Array.from({ length: 8 }, (_, index) => relayName(index)));
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect([...counts.keys()].every(isRelayName)).toBe(true);
  });
});
