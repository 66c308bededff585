import {
  abortAllDurableObjects,
  createScheduledController,
  evictDurableObject,
  listDurableObjectIds,
  reset,
  runInDurableObject,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import { scheduled } from "../../worker/cron.ts";
import { eventually } from "../support/eventually.ts";

const SEED = `0x${"00".repeat(32)}`;
const LOGIN = `0x${"a1".repeat(20)}`;
const TARGET = `0x000000000000${"4".padEnd(52, "0")}`;

beforeEach(() => {
  vi.spyOn(ShareVerifier.prototype, "prepare").mockImplementation(async () => undefined);
  // Behind every login stands one connection: the template forgets one without.
  vi.spyOn(MinerSession.prototype, "pushWork").mockImplementation(async () => 1);
  vi.spyOn(globalThis, "fetch").mockImplementation(async () =>
    Response.json([
      { jsonrpc: "2.0", id: 1, result: [`0x${"1".padStart(64, "0")}`, SEED, TARGET, "0x64"] },
      { jsonrpc: "2.0", id: 2, result: null },
    ]),
  );
});

afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

const cron = async (over: object = {}) =>
  await scheduled(createScheduledController({ scheduledTime: new Date(), cron: "* * * * *" }), { ...env, ...over });
const template = () => env.BLOCK_TEMPLATE.getByName("main");
const alarmOf = async () =>
  await runInDurableObject(template(), async (_object, { storage }) => await storage.getAlarm());

/** The classes of which there are objects. */
async function made(): Promise<string[]> {
  const lists = {
    ACCOUNT_API: listDurableObjectIds(env.ACCOUNT_API),
    BLOCK_TEMPLATE: listDurableObjectIds(env.BLOCK_TEMPLATE),
    EMBEDDED_REDIS: listDurableObjectIds(env.EMBEDDED_REDIS),
    EXTRANONCE_ALLOCATOR: listDurableObjectIds(env.EXTRANONCE_ALLOCATOR),
    IP_GUARD: listDurableObjectIds(env.IP_GUARD),
    MINER_SESSION: listDurableObjectIds(env.MINER_SESSION),
    NOTIFIER: listDurableObjectIds(env.NOTIFIER),
    PAYER: listDurableObjectIds(env.PAYER),
    POOL_ADMIN: listDurableObjectIds(env.POOL_ADMIN),
    POOL_API: listDurableObjectIds(env.POOL_API),
    SHARE_VERIFIER: listDurableObjectIds(env.SHARE_VERIFIER),
    UNLOCKER: listDurableObjectIds(env.UNLOCKER),
  };
  const found: string[] = [];
  for (const [name, ids] of Object.entries(lists)) if ((await ids).length > 0) found.push(name);
  return found;
}

const away = () => Promise.reject(new Error("KV is away"));
const marked = async () => await eventually(async () => expect(await env.POOL_MARKS?.get("started")).toBe("1"));

it("cron makes no object of a pool that nobody has asked for", async () => {
  await cron();
  await cron();
  expect(await made()).toEqual([]);
  expect(fetch).not.toHaveBeenCalled();
});

it.each([
  ["a miner", { path: `/${LOGIN}`, method: "POST", body: '{"id":1,"method":"eth_getWork","params":[]}' }],
  ["whoever reads /health", { path: "/health" }],
])("from the first request of %s on, cron looks after all parts", async (_who, { path, ...init }) => {
  await exports.default.fetch(`https://pool.example${path}`, { ...init, headers: { "CF-Connecting-IP": "192.0.2.1" } });
  await marked();
  await cron();
  expect(await made()).toEqual(
    expect.arrayContaining(["BLOCK_TEMPLATE", "EMBEDDED_REDIS", "POOL_ADMIN", "POOL_API", "SHARE_VERIFIER"]),
  );
});

it("the operator's own object starts a pool as well", async () => {
  await env.POOL_ADMIN.getByName("main").bans();
  await marked();
});

it("a pool that was started is kept alive by cron after its objects are gone and its alarm is lost", async () => {
  await template().subscribe(LOGIN);
  await marked();
  await runInDurableObject(template(), async (_object, { storage }) => await storage.deleteAlarm());
  await evictDurableObject(template());
  await abortAllDurableObjects();
  expect(await alarmOf()).toBeNull();
  await cron();
  expect(await alarmOf()).not.toBeNull();
});

it("cron looks after the pool where the mark cannot be read, or a wrangler.toml of before has no place for it", async () => {
  for (const over of [{ POOL_MARKS: { get: away } }, { POOL_MARKS: undefined }]) {
    await template().subscribe(LOGIN);
    await runInDurableObject(template(), async (_object, { storage }) => await storage.deleteAlarm());
    await cron(over);
    expect(await alarmOf()).not.toBeNull();
    await reset();
  }
});

it("a mark that cannot be written is written in the object's next life", async () => {
  const put = vi.spyOn(Object.getPrototypeOf(env.POOL_MARKS), "put").mockRejectedValueOnce(new Error("KV is away"));
  await template().health();
  await eventually(() => expect(put).toHaveBeenCalledTimes(1));
  await abortAllDurableObjects();
  await template().health();
  await marked();
});
