import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { BlockTemplate } from "../../durable-objects/block-template.ts";
import { dialSession } from "../../durable-objects/platform/work-line.ts";
import { workText } from "../../core/work/work-text.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, useStratumPool, workOf, world } from "./stratum-pool.ts";
import { blockIs, dial, lines, relay, relaysAre, session } from "./behind-relay.ts";
import { eventually } from "../support/eventually.ts";

useStratumPool();

const LOGIN_LINE = `{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["${LOGIN}"]}`;
const GET_WORK = '{"id":5,"method":"eth_getWork","params":[]}';
const JOB = (variant: number) => `{"id":0,"jsonrpc":"2.0","result":${workOf(variant)}}`;
const submit = (variant: number) =>
  `{"id":40,"method":"eth_submitWork","params":["0x0123456789abcdef","${headerOf(variant)}","0x${"e".repeat(64)}"]}`;

const root = () => env.BLOCK_TEMPLATE.getByName("main");

/** Calls of a method that goes on to work: what it was called with last, one a call. */
function calls<T extends object>(prototype: T, method: keyof T & string): unknown[] {
  const original: unknown = Reflect.get(prototype, method);
  const said: unknown[] = [];
  vi.spyOn(Object(prototype), method).mockImplementation(function counted(this: unknown, ...parameters: unknown[]) {
    said.push(parameters.at(-1));
    return Reflect.apply(Object(original), this, parameters);
  });
  return said;
}

/** The relay opens the socket that is missing. */
async function dialled(): Promise<void> {
  await dial();
  callers.length = 0;
}

/** A miner whose session gets its work through a relay's socket. */
async function behindRelay(): Promise<StratumClient> {
  const miner = await StratumClient.connect(`/stratum/${LOGIN}`);
  await miner.ask(LOGIN_LINE, 2);
  await blockIs(2);
  expect(await miner.read(1)).toEqual([JOB(2)]);
  await dialled();
  return miner;
}

/** Who has brought work to a session by a call. */
let callers: unknown[] = [];

describe("work by WebSocket", () => {
  /** Who has asked a template for work. */
  let asking: unknown[];
  beforeEach(async () => {
    await relaysAre(1);
    callers = calls(MinerSession.prototype, "pushWork");
    asking = calls(BlockTemplate.prototype, "subscribe");
  });

  it("comes through one socket, job after job, and without a call", async () => {
    const miner = await behindRelay();
    await blockIs(3);
    await blockIs(4);
    expect(await miner.read(2)).toEqual([JOB(3), JOB(4)]);
    expect(await lines()).toBe(1);
    expect(callers).not.toContain("relay-0");
  });

  it("comes after the relay was stopped, which has no socket in its new life and opens one", async () => {
    const miner = await behindRelay();
    await runInDurableObject(relay(), (_object, state) => state.abort("stopped")).catch(() => undefined);
    await blockIs(3);
    expect(await miner.read(1)).toEqual([JOB(3)]);
    await dialled();
    await blockIs(4);
    expect(await miner.read(1)).toEqual([JOB(4)]);
    expect(callers).not.toContain("relay-0");
  });

  it("that a lost socket may have swallowed comes again, by a call at the latest", async () => {
    const miner = await behindRelay();
    await runInDurableObject(session(), (_object, state) => {
      for (const socket of state.getWebSockets("work")) socket.close(1011, "broken");
    });
    await blockIs(3);
    expect(await miner.read(1)).toEqual([JOB(3)]);
    await dialled();
    await blockIs(4);
    expect(await miner.read(1)).toEqual([JOB(4)]);
    expect(callers).not.toContain("relay-0");
  });

  it("goes to nobody any more when the last miner has left: socket, and subscription, end", async () => {
    const miner = await behindRelay();
    miner.close();
    await miner.closed();
    await eventually(async () => {
      await blockIs(3);
      expect([await lines(), (await relay().health()).subscribers]).toEqual([0, 0]);
    });
  });

  it("comes from elsewhere when the number of relays changes: the session subscribes there, and the relay of before forgets it", async () => {
    const miner = await behindRelay();
    asking.length = 0;
    await relaysAre(0);
    await blockIs(3);
    expect(await miner.read(1)).toEqual([JOB(3)]);
    await eventually(async () => expect((await relay().health()).subscribers).toBe(0));
    expect(asking).toContain(LOGIN);
  });

  it("does not come from a client that asks for the object as a relay would", async () => {
    const miner = await StratumClient.connect(`/stratum/${LOGIN}`, "192.0.2.1", { "edgepool-work-from": "relay-0" });
    await miner.ask(LOGIN_LINE, 2);
    expect(await lines()).toBe(0);
  });
});

/** A socket as a relay has one, held by the test: an object that a relay of this test has one to cannot be evicted here. */
async function heldLine(): Promise<(variant: number) => void> {
  const events = { alive: () => undefined, lost: () => undefined, said: () => undefined };
  const socket = await dialSession(env, LOGIN, "relay-0", events);
  const work = await root().snapshot();
  if (socket === null || work === null) throw new Error("no socket, or no work");
  return (variant) => {
    const current = { ...work.current, header: headerOf(variant), height: 99 + variant };
    const next = { ...work, relays: 1, sequence: work.sequence + variant, current, jobs: [current] };
    socket.send(workText(next));
  };
}

/** A miner with a job that came through a socket. */
async function asleep() {
  const miner = await StratumClient.connect(`/stratum/${LOGIN}`);
  await miner.ask(LOGIN_LINE, 2);
  const bring = await heldLine();
  bring(2);
  expect(await miner.read(1)).toEqual([JOB(2)]);
  await evictDurableObject(session());
  return { miner, bring };
}

describe("a session that sleeps", () => {
  beforeEach(async () => await relaysAre(1));

  it("is woken by the relay's socket, and its miners have the job", async () => {
    const { miner, bring } = await asleep();
    bring(3);
    expect(await miner.read(1)).toEqual([JOB(3)]);
    expect(await lines()).toBe(1);
  });

  it("knows its work afterwards: a share is judged by it and no template is asked", async () => {
    const { miner } = await asleep();
    const asking = calls(BlockTemplate.prototype, "subscribe");
    expect(await miner.ask(submit(2))).toEqual(['{"id":40,"jsonrpc":"2.0","result":true}']);
    expect(world.shares).toHaveLength(1);
    expect(asking).toEqual([]);
  });

  it("knows work that came by a call, too, though the socket has brought none of it", async () => {
    const { miner } = await asleep();
    const work = await root().snapshot();
    if (work === null) throw new Error("no work");
    const current = { ...work.current, header: headerOf(9), height: 108 };
    await session().pushWork({ ...work, relays: 1, sequence: work.sequence + 9, current, jobs: [current] }, "relay-0");
    expect(await miner.read(1)).toEqual([JOB(9)]);
    await evictDurableObject(session());
    expect(await miner.ask(GET_WORK)).toEqual([`{"id":5,"jsonrpc":"2.0","result":${workOf(9)}}`]);
  });
});
