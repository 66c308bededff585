import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, it, vi } from "vitest";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { BlockTemplate } from "../../durable-objects/block-template.ts";
import { EmbeddedRedis } from "../../durable-objects/embedded-redis.ts";
import { lightCaches } from "../../durable-objects/platform/light-caches.ts";
import { PoolApi } from "../../durable-objects/pool-api.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { behaviourOf, ratesOf, sharesPerCall, type PoolSize } from "../../scripts/cost/model.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import { ALIVE_QUESTION } from "../../core/work/work-sockets.ts";
import { RelayTree } from "../../core/work/relay-tree.ts";
import { replaceMethod } from "./replace-method.ts";
import { StratumClient } from "./stratum-client.ts";
import { headerOf, nodeHas, pushNodeWork, useStratumPool, world } from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

useStratumPool();

/** The verifier as it is; its kernel finds every proof good for a share and for no block. */
const methodOf = (prototype: object, name: string): unknown => Object.getOwnPropertyDescriptor(prototype, name)?.value;
// Descriptors are untyped.
const submit = methodOf(ShareVerifier.prototype, "submit") as ShareVerifier["submit"];
const submitAll = methodOf(ShareVerifier.prototype, "submitAll") as ShareVerifier["submitAll"];
const rest = methodOf(EmbeddedRedis.prototype, "rest") as EmbeddedRedis["rest"];
const RESULT = Uint8Array.from({ length: 32 }, (_, at) => (at === 6 ? 0x80 : 0));
const MIX = new Uint8Array(32).fill(0xee);
async function one(this: ShareVerifier, ...[share]: Parameters<typeof submit>) {
  world.shares.push(share);
  return await submit.call(this, share);
}
async function all(this: ShareVerifier, ...[shares, ...more]: Parameters<typeof submitAll>) {
  world.shares.push(...shares);
  return await submitAll.call(this, shares, ...more);
}
beforeEach(() => {
  for (const [method, value] of [["submit", one] as const, ["submitAll", all] as const])
    replaceMethod(ShareVerifier.prototype, method, value);
  vi.spyOn(lightCaches, "has").mockReturnValue(true);
  vi.spyOn(lightCaches, "resultOf").mockReturnValue(RESULT);
  vi.spyOn(lightCaches, "hash").mockImplementation((_epoch, inputs) =>
    inputs.map(() => ({ mixDigest: MIX, result: RESULT })),
  );
});

const SECONDS = 600;
const SIZE: PoolSize = {
  miners: 4,
  rigs: 8,
  shareIntervalS: 30,
  blockTimeS: 13,
  ledger: "embedded",
  shards: 1,
  notify: true,
  viewers: 0,
};
const template = () => env.BLOCK_TEMPLATE.getByName("main");
const relay = () => env.BLOCK_TEMPLATE.getByName("relay-0");
const api = () => env.POOL_API.getByName("main");

/** Moments of what comes every so many seconds: times between them as an exponential distribution has them, in an order without rule. */
function moments(everyS: number): number[] {
  const count = Math.round(SECONDS / everyS);
  const times = Array.from({ length: count }, (_, at) => -everyS * Math.log(1 - (at + 0.5) / count));
  let atS = 0;
  return times.map((_, at) => Math.round((atS += times[(at * 17) % count] ?? 0)));
}

/** Calls of a class' method, as long as the test runs. */
function calls(prototype: object, method: string): () => number {
  const original: unknown = Object.getOwnPropertyDescriptor(prototype, method)?.value;
  if (typeof original !== "function") throw new TypeError(`no method ${method}`);
  let count = 0;
  function counted(this: unknown, ...parameters: unknown[]): unknown {
    count += 1;
    return Reflect.apply(Object(original), this, parameters);
  }
  vi.spyOn(Object(prototype), method).mockImplementation(counted);
  return () => count;
}

/** The rigs, logged in. */
async function connected(): Promise<StratumClient[]> {
  const rigs: StratumClient[] = [];
  for (let rig = 0; rig < SIZE.rigs; rig += 1) {
    const login = `0x${(rig % SIZE.miners).toString(16).padStart(40, "a")}`;
    await ledgerClient(env, loadConfig(env)).command(["HSET", `eth:miners:${login}`, "lastShare", 1]);
    const miner = await StratumClient.connect(`/stratum/${login}/rig${rig}`);
    await miner.ask(`{"id":1,"method":"eth_submitLogin","params":["${login}"]}`);
    rigs.push(miner);
  }
  return rigs;
}

/** Counts what a Redis would be billed for what is asked of the embedded ledger. */
function ledgerUse(): { commands: number } {
  const use = { commands: 0 };
  vi.spyOn(EmbeddedRedis.prototype, "rest").mockImplementation(function counted(this: EmbeddedRedis, ...call) {
    const answer = rest.apply(this, call);
    const [path, body] = call;
    return answer.then((given) => {
      const commands = path === "" ? [body] : body;
      const replies: { result?: unknown }[] = [JSON.parse(given.body)].flat();
      for (const [at, command] of commands.entries()) {
        const isScript = /^EVAL/i.test(String([command].flat()[0]));
        // A script of the pool says first what it is billed.
        const billed = isScript ? Number([replies[at]?.result].flat()[0]) : 1;
        use.commands += Number.isInteger(billed) ? billed : 1;
      }
      return given;
    });
  });
  return use;
}

/** What the embedded ledger is billed: as its cursors say. */
async function ledgerRows(): Promise<{ written: number; read: number }> {
  const rows = { written: 0, read: 0 };
  await runInDurableObject(env.EMBEDDED_REDIS.getByName("main"), (_object, { storage: { sql } }) => {
    const prototype: SqlStorage = Object.getPrototypeOf(sql);
    const exec = methodOf(prototype, "exec");
    vi.spyOn(prototype, "exec").mockImplementation(function counted(this: unknown, ...call) {
      const cursor: ReturnType<SqlStorage["exec"]> = Reflect.apply(Object(exec), this, call);
      if (this !== sql) return cursor;
      // Known when they have been taken.
      const taken = cursor.toArray();
      rows.written += cursor.rowsWritten;
      rows.read += cursor.rowsRead;
      return Object.assign(Object.create(cursor), { toArray: () => taken });
    });
  });
  return rows;
}

/** The pool has so many relays, and keeps them: so few logins would do without. */
async function relaysAre(count: number): Promise<void> {
  vi.spyOn(RelayTree.prototype, "adjust").mockReturnValue();
  await runInDurableObject(template(), (_object, state) => state.storage.kv.put("relays", count));
  await evictDurableObject(template());
}

/** What goes through the WebSockets of relays: work, shares and their verdicts, and questions whether the other end is there, which wake nobody. */
function relaySockets(): { work: number; asks: number; shares: number; verdicts: number } {
  const messages = { work: 0, asks: 0, shares: 0, verdicts: 0 };
  const send = methodOf(WebSocket.prototype, "send");
  vi.spyOn(WebSocket.prototype, "send").mockImplementation(function counted(this: unknown, ...call) {
    if (call[0] === ALIVE_QUESTION) messages.asks += 1;
    else if (typeof call[0] === "string" && call[0].startsWith('{"sequence"')) messages.work += 1;
    else if (typeof call[0] === "string" && call[0].startsWith('{"shares"')) messages.shares += 1;
    else if (typeof call[0] === "string" && call[0].startsWith('{"verdicts"')) messages.verdicts += 1;
    return Reflect.apply(Object(send), this, call);
  });
  return messages;
}

/** Lets an object's alarm ring that is due. */
async function ring(object: ReturnType<typeof template> | ReturnType<typeof api>, nowMs: number): Promise<void> {
  const alarmMs = await runInDurableObject(object, (_object, { storage }) => storage.getAlarm());
  if (alarmMs !== null && alarmMs <= nowMs) await runDurableObjectAlarm(object);
}

/** The pool's time: blocks, a header every two and a half seconds, cron, alarms that are due, and shares of the rigs in turn. */
async function mine(rigs: readonly StratumClient[], hasRelay = false): Promise<void> {
  const startMs = Date.now();
  const blocks = new Set(moments(SIZE.blockTimeS));
  const shares = moments(SIZE.shareIntervalS / SIZE.rigs);
  let [variant, height, pushed, sent] = [2, 100, 1, 0];
  for (let second = 1; second <= SECONDS; second += 1) {
    const nowMs = startMs + second * 1_000;
    vi.useFakeTimers({ toFake: ["Date"], now: nowMs });
    const isBlock = blocks.has(second);
    if (isBlock || second % 5 === 0 || second % 5 === 2) {
      variant += 1;
      height += isBlock ? 1 : 0;
      if (isBlock) pushed = variant;
      nodeHas(variant, height);
      await pushNodeWork();
    }
    if (second % 60 === 10) await api().tick();
    for (const object of [template(), api(), ...(hasRelay ? [relay()] : [])]) await ring(object, nowMs);
    for (; (shares[sent] ?? Infinity) <= second; sent += 1) {
      const nonce = `0x${(sent + 1).toString(16).padStart(16, "0")}`;
      const params = JSON.stringify([nonce, headerOf(pushed), `0x${"e".repeat(64)}`]);
      rigs[sent % SIZE.rigs]?.send(`{"id":40,"method":"eth_submitWork","params":${params}}\n`);
      await eventually(() => expect(world.shares).toHaveLength(sent + 1));
    }
  }
}

/** Within 15 % of the model. */
function near(name: string, counted: number, perSecond = 0): void {
  const ratio = counted / (perSecond * SECONDS);
  expect.soft(ratio, `${name}: ${counted} counted`).toBeGreaterThan(0.85);
  expect.soft(ratio, `${name}: ${counted} counted`).toBeLessThan(1.15);
}

/** What the storage of every object has its calls from. */
async function storageOfAll(): Promise<object> {
  return await runInDurableObject(template(), (_object, state) => Object(Object.getPrototypeOf(state.storage)));
}

it(
  "is what the model says: calls, alarms and rows of ten minutes of a pool that mines",
  { timeout: 120_000 },
  async () => {
    const rigs = await connected();
    const root = BlockTemplate.prototype;
    const storage = await storageOfAll();
    const counts = {
      pushes: calls(MinerSession.prototype, "pushWork"),
      sessionAlarms: calls(MinerSession.prototype, "alarm"),
      polls: calls(root, "alarm"),
      notifies: calls(root, "notify"),
      asks: calls(root, "subscribe"),
      singly: calls(ShareVerifier.prototype, "submit"),
      together: calls(ShareVerifier.prototype, "submitAll"),
      alarmRows: calls(storage, "setAlarm"),
      workRows: calls(storage, "put"),
      verdicts: calls(ShareVerifier.prototype, "verdicts"),
      apiAlarms: calls(PoolApi.prototype, "alarm"),
    };
    const ledgerCalls = ledgerUse();
    const inLedger = await ledgerRows();
    await mine(rigs);
    expect(world.shares).toHaveLength((SECONDS * SIZE.rigs) / SIZE.shareIntervalS);
    const lines = ratesOf(SIZE, behaviourOf(SIZE));
    const of = (name: string) => lines.find((line) => line.name === name);
    const [pushes, polls] = [of("job pushes"), of("polls of nodes")];
    near("pushes", counts.pushes(), pushes?.objectRequests);
    near("polls and notifies", counts.polls() + counts.notifies(), polls?.objectRequests);
    const asked = of("verdicts for charts");
    const rows = [polls, pushes, asked].reduce((sum, line) => sum + (line?.rowsWritten ?? 0), 0);
    near("rows", counts.alarmRows() + counts.workRows(), rows);
    near("asks of the API", counts.apiAlarms() + counts.verdicts(), asked?.objectRequests);
    near("rows of the embedded ledger", inLedger.written, of("ledger")?.rowsWritten);
    near("rows read by the embedded ledger", inLedger.read, of("ledger")?.rowsRead);
    const redis = ratesOf({ ...SIZE, ledger: "upstash-payg" }, behaviourOf(SIZE));
    near("commands", ledgerCalls.commands, redis.find(({ name }) => name === "ledger")?.commands);
    const shares = SIZE.rigs / SIZE.shareIntervalS;
    near("share messages", world.shares.length, of("share messages")?.messages);
    near("share calls", counts.singly() + counts.together(), shares / sharesPerCall(shares / SIZE.miners, true));
    // One, where the login has come: pushes look after the rest.
    expect(counts.sessionAlarms()).toBeLessThanOrEqual(SIZE.miners);
    expect(counts.asks()).toBe(0);
  },
);

it(
  "is what the model says where relays bring the work and take the shares: messages instead of calls",
  { timeout: 120_000 },
  async () => {
    await relaysAre(1);
    const rigs = await connected();
    const root = BlockTemplate.prototype;
    const storage = await storageOfAll();
    const counts = {
      calls: calls(MinerSession.prototype, "pushWork"),
      relayed: calls(root, "pushWork"),
      alarms: calls(root, "alarm"),
      notifies: calls(root, "notify"),
      asks: calls(root, "subscribe"),
      singly: calls(ShareVerifier.prototype, "submit"),
      together: calls(ShareVerifier.prototype, "submitAll"),
      alarmRows: calls(storage, "setAlarm"),
      workRows: calls(storage, "put"),
    };
    const sockets = relaySockets();
    await mine(rigs, true);
    const lines = ratesOf(SIZE, { ...behaviourOf(SIZE), relays: 1 });
    const of = (name: string) => lines.find((line) => line.name === name);
    const [pushes, polls, asked] = [of("job pushes"), of("polls of nodes"), of("verdicts for charts")];
    near("messages with work", sockets.work, pushes?.messages);
    near("questions", sockets.asks, of("relays and their sockets")?.messages);
    const requests = counts.relayed() + counts.alarms() + counts.notifies();
    near("requests", requests, (pushes?.objectRequests ?? 0) + (polls?.objectRequests ?? 0));
    const rows = [polls, pushes, asked].reduce((sum, line) => sum + (line?.rowsWritten ?? 0), 0);
    near("rows", counts.alarmRows() + counts.workRows(), rows);
    near(
      "messages with shares and verdicts",
      sockets.shares + sockets.verdicts,
      of("shares through relays' sockets")?.messages,
    );
    near("share calls", counts.singly() + counts.together(), SIZE.rigs / SIZE.shareIntervalS);
    // A call of a session's own for the first valid share of each miner.
    expect(counts.singly()).toBe(SIZE.miners);
    // The first ones, before there are sockets.
    near("deliveries", sockets.work + counts.calls(), pushes?.messages);
    expect(counts.asks()).toBeLessThanOrEqual(1);
  },
);
