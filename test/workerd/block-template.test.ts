import {
  createExecutionContext,
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BlockTemplate } from "../../durable-objects/block-template.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import worker from "../../worker/index.ts";
import { eventually } from "../support/eventually.ts";
import { replaceMethod } from "./replace-method.ts";

const SEED = `0x${"00".repeat(32)}`;
const TARGET = "0x00000007cc03d7d0cb49aa514f6aed05705a9baef46aea9a02514c253e288daa";
const TOKEN = "a-token-of-24-characters";
const headerOf = (variant: number) => `0x${variant.toString(16).padStart(64, "0")}`;

/** What the one configured node says, as JSON-RPC; a test changes it as the chain goes on. */
const node = { work: [headerOf(1), SEED, TARGET, "0x64"] as unknown, polls: 0 };

/** This file is about the template: behind every session stands one connection, and no verifier builds a cache. */
beforeEach(() => {
  replaceMethod(MinerSession.prototype, "pushWork", async () => 1);
  replaceMethod(ShareVerifier.prototype, "prepare", async () => undefined);
  node.work = [headerOf(1), SEED, TARGET, "0x64"];
  node.polls = 0;
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    node.polls += 1;
    return Response.json([
      { jsonrpc: "2.0", id: 1, result: node.work },
      { jsonrpc: "2.0", id: 2, result: null },
    ]);
  });
});

afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

const template = () => env.BLOCK_TEMPLATE.getByName("main");
const relay = () => env.BLOCK_TEMPLATE.getByName("relay-1");
const alarmOf = async () =>
  await runInDurableObject(template(), async (_object, state) => await state.storage.getAlarm());
const rowsOf = async (sql: string) =>
  await runInDurableObject(template(), (_object, state) => state.storage.sql.exec(sql).toArray());

async function notify(token: string, body: unknown, query = ""): Promise<Response> {
  const request = new Request(`http://pool/notify/${token}${query}`, { method: "POST", body: JSON.stringify(body) });
  return await worker.fetch(request, { ...env, NOTIFY_TOKEN: TOKEN }, createExecutionContext());
}

describe("the poll loop", () => {
  it("gives the first miner the work of a first poll, and goes on by alarm", async () => {
    const work = await template().subscribe("0xa");
    expect(work).toMatchObject({
      sequence: 1,
      current: { header: headerOf(1), height: 100, networkDifficulty: 550853386n },
    });
    expect(await alarmOf()).not.toBeNull();
    node.work = [headerOf(2), SEED, TARGET, "0x65"];
    await runDurableObjectAlarm(template());
    expect(await template().snapshot()).toMatchObject({ sequence: 2, current: { height: 101 } });
    expect(await alarmOf()).not.toBeNull();
  });

  it("does not run while nobody mines, and stops when the last miner has gone", async () => {
    await template().refresh();
    expect(node.polls).toBe(0);
    // Cron looks whether the node would have work, so that the first miner is not the one to find out.
    await template().guard();
    await template().guard();
    expect(node.polls).toBe(1);
    expect(await alarmOf()).toBeNull();
    await template().subscribe("0xa");
    await template().unsubscribe("0xa");
    await runDurableObjectAlarm(template());
    expect(await alarmOf()).toBeNull();
    expect(await template().health()).toMatchObject({ polling: false, subscribers: 0 });
  });

  it("is brought back by cron when its alarm is lost", async () => {
    await template().subscribe("0xa");
    await runInDurableObject(template(), async (_object, state) => await state.storage.deleteAlarm());
    await template().guard();
    expect(await alarmOf()).not.toBeNull();
  });

  it("writes one row a poll while the work stays the same, and one more for new work", async () => {
    await template().subscribe("0xa");
    const rounds = async () =>
      await runInDurableObject(template(), async (object, state) => {
        if (!(object instanceof BlockTemplate)) throw new TypeError("not a BlockTemplate");
        // The loop's own alarm must not come in between.
        await state.storage.deleteAlarm();
        const written = { alarms: 0, values: 0, statements: 0 };
        const spies = [
          vi.spyOn(state.storage, "setAlarm").mockImplementation(async () => void (written.alarms += 1)),
          vi.spyOn(state.storage, "put").mockImplementation(async () => void (written.values += 1)),
          vi.spyOn(state.storage.sql, "exec"),
        ];
        for (let round = 0; round < 5; round += 1) await object.alarm();
        written.statements = spies[2]?.mock.calls.length ?? 0;
        for (const spy of spies) spy.mockRestore();
        return written;
      });
    expect(await rounds()).toEqual({ alarms: 5, values: 0, statements: 0 });
    node.work = [headerOf(2), SEED, TARGET, "0x65"];
    expect(await rounds()).toEqual({ alarms: 5, values: 1, statements: 0 });
  });
});

describe("after a restart", () => {
  it("has its work, its backlog, its subscribers and its count", async () => {
    await template().subscribe("0xa");
    for (const [variant, height] of [
      [2, "0x65"],
      [3, "0x66"],
    ] as const) {
      node.work = [headerOf(variant), SEED, TARGET, height];
      await runDurableObjectAlarm(template());
    }
    const before = await template().snapshot();
    await abortAllDurableObjects();
    expect(await template().health()).toMatchObject({ height: 102, subscribers: 1, polling: false });
    expect(await template().snapshot()).toMatchObject({ current: before?.current, jobs: before?.jobs });
    const { sequence = 0 } = (await template().snapshot()) ?? {};
    expect(sequence).toBeGreaterThan(before?.sequence ?? 0);
    node.work = [headerOf(4), SEED, TARGET, "0x67"];
    await runDurableObjectAlarm(template());
    expect(await template().snapshot()).toMatchObject({ sequence: sequence + 1, current: { height: 103 } });
  });

  it("starts over from its storage when it was evicted in peace", async () => {
    await template().subscribe("0xa");
    await template().unsubscribe("0xa");
    await runDurableObjectAlarm(template());
    await evictDurableObject(template());
    expect(await template().health()).toMatchObject({ height: 100, subscribers: 0, polling: false });
    expect(await template().subscribe("0xa")).toMatchObject({ current: { height: 100 } });
  });

  it("never hands out a lower sequence, also when idle pushes came in between", async () => {
    await template().subscribe("0xa");
    await template().unsubscribe("0xa");
    await runDurableObjectAlarm(template());
    await notify(TOKEN, [headerOf(2), SEED, TARGET, "0x65"]);
    await abortAllDurableObjects();
    node.work = [headerOf(3), SEED, TARGET, "0x66"];
    expect((await template().subscribe("0xb"))?.sequence).toBeGreaterThan(1);
  });
});

describe("POST /notify/<token>", () => {
  it("makes pushed work the current one without asking the node", async () => {
    await template().subscribe("0xa");
    const { polls } = node;
    const response = await notify(TOKEN, [headerOf(7), SEED, TARGET, "0x66"]);
    expect([response.status, await response.json()]).toEqual([200, { ok: true, reason: "current" }]);
    expect((await template().snapshot())?.current).toEqual({
      header: headerOf(7),
      seed: SEED,
      height: 102,
      networkDifficulty: 550853386n,
      poolDifficulty: 2n ** 33n,
      classTable: 1,
      sinceMs: expect.any(Number),
    });
    expect(node.polls).toBe(polls);
  });

  it.each(["wrong", `${TOKEN}x`, TOKEN.slice(1)])("is not there for the token %s", async (token) => {
    expect((await notify(token, [headerOf(7), SEED, TARGET, "0x66"])).status).toBe(404);
    // What the node itself says when it is asked, and not what was pushed.
    expect(await template().health()).toMatchObject({ height: 100 });
  });

  it("is not there when no token is configured", async () => {
    const request = new Request(`http://pool/notify/${TOKEN}`, { method: "POST", body: "[]" });
    expect((await worker.fetch(request, env, createExecutionContext())).status).toBe(404);
  });

  it.each<[string, unknown, string, RegExp]>([
    ["the header object of --miner.notify.full", { hash: headerOf(7) }, "", /without --miner.notify.full/],
    ["work of another chain", [headerOf(7), headerOf(5), TARGET, "0x66"], "", /seed hash of block 102/],
    ["an upstream that is not configured", [headerOf(7), SEED, TARGET, "0x66"], "?upstream=x", /not configured.*main/],
  ])("refuses %s and says why", async (_name, body, query, reason) => {
    const response = await notify(TOKEN, body, query);
    expect([response.status, await response.json()]).toEqual([
      400,
      { ok: false, reason: expect.stringMatching(reason) },
    ]);
  });

  it("refuses a long body", async () => {
    expect((await notify(TOKEN, "x".repeat(20_000))).status).toBe(413);
  });

  it("writes nothing while nobody mines", async () => {
    expect((await notify(TOKEN, [headerOf(7), SEED, TARGET, "0x66"])).status).toBe(200);
    expect(await rowsOf("SELECT name FROM subscriber")).toEqual([]);
    const stored = await runInDurableObject(template(), (_object, state) => state.storage.kv.get("template"));
    expect(stored).toBeUndefined();
  });
});

describe("with relays", () => {
  it("a session gets its work through its relay, which asks the root once for all of them", async () => {
    expect(await relay().subscribe("0xa")).toBeNull();
    await eventually(async () => expect(await relay().health()).toMatchObject({ subscribers: 1, height: 100 }));
    expect(await relay().subscribe("0xb")).toMatchObject({ sequence: 1, current: { height: 100 } });
    expect(await template().health()).toMatchObject({ subscribers: 1, polling: true });
  });

  it("new work reaches the relay", async () => {
    await relay().subscribe("0xa");
    node.work = [headerOf(2), SEED, TARGET, "0x65"];
    await runDurableObjectAlarm(template());
    await eventually(async () => expect((await relay().health()).height).toBe(101));
  });

  it("the loop stops when the last session has left the last relay", async () => {
    await relay().subscribe("0xa");
    await relay().unsubscribe("0xa");
    expect(await template().health()).toMatchObject({ subscribers: 0 });
  });

  it("a relay that was stopped in the middle of a fan-out gets the work of now at its next alarm", async () => {
    await relay().subscribe("0xa");
    node.work = [headerOf(2), SEED, TARGET, "0x65"];
    await runDurableObjectAlarm(template());
    await eventually(async () => expect((await relay().health()).height).toBe(101));
    await abortAllDurableObjects();
    expect(await relay().health()).toMatchObject({ height: null, subscribers: 1 });
    await runDurableObjectAlarm(relay());
    expect(await relay().health()).toMatchObject({ height: 101, subscribers: 1 });
  });
});
