import { abortAllDurableObjects, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { EmbeddedRedis } from "../../durable-objects/embedded-redis.ts";
import worker from "../../worker/index.ts";
import { request, StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, nodeHas, pushNodeWork, useStratumPool, workOf, world } from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

useStratumPool();

const TOKEN = "operator-of-this-test-only";
const IP = "192.0.2.1";
const OTHER_LOGIN = `0x${"b2".repeat(20)}`;
const MIX = `0x${"e".repeat(64)}`;
const loginLine = (login: string) => `{"id":1,"method":"eth_submitLogin","params":["${login}","x"]}`;
const GET_WORK = '{"id":5,"method":"eth_getWork","params":[]}';
const submit = (id: number) =>
  `{"id":${id},"method":"eth_submitWork","params":["0x${String(id).padStart(16, "0")}","${headerOf(1)}","${MIX}"]}`;
const notReady = (id: number) =>
  `{"id":${id},"jsonrpc":"2.0","result":null,"error":{"code":0,"message":"Work not ready"}}`;

async function admin(path: string, body?: unknown, settings: object = { ADMIN_TOKEN: TOKEN }) {
  const init = {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${TOKEN}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const response = await request(`/admin/${path}`, init, settings);
  return {
    status: response.status,
    body: await response.json<Record<string, unknown>>().catch((): Record<string, unknown> => ({})),
  };
}

async function miner(login = LOGIN, ip = IP): Promise<StratumClient> {
  const client = await StratumClient.connect(`/stratum/${login}`, ip);
  await client.ask(loginLine(login), 2);
  return client;
}

const knock = async (ip: string) =>
  (await request(`/stratum/${LOGIN}`, { headers: { Upgrade: "websocket", "CF-Connecting-IP": ip } })).status;

describe("what the operator names", () => {
  it.each([
    ["bans", { action: "add", client: LOGIN, for: "1h", note: "x" }, "client: an address"],
    ["bans", { action: "add", client: "198.51.100.0/24", for: "1h", note: "x" }, "client: an address"],
    ["lists", { list: "whitelist", action: "add", who: "198.51.100.0/24", note: "x" }, "who: a login, or an address"],
    ["lists", { list: "blacklist", action: "add", who: "rig-7", note: "x" }, "who: a login, or an address"],
  ])("is somebody, or nothing is done and it hears so: %s %o", async (path, body, reason) => {
    expect(await admin(path, body)).toEqual({
      status: 400,
      body: { ok: false, message: expect.stringContaining(reason) },
    });
  });

  it("is told, and not with an error of ours, that the lists cannot be read or changed while the ledger is away", async () => {
    const away = vi.spyOn(EmbeddedRedis.prototype, "rest").mockRejectedValue(new Error("away"));
    expect((await admin("lists")).status).toBe(503);
    expect((await admin("lists", { list: "whitelist", action: "add", who: IP, note: "x" })).status).toBe(409);
    away.mockRestore();
  });

  it("on the blacklist, an address or a login, is cut off at once", async () => {
    const [client, other] = [await miner(), await miner(OTHER_LOGIN, "192.0.2.2")];
    expect((await admin("lists", { list: "blacklist", action: "add", who: IP, note: "junk" })).status).toBe(200);
    expect(await client.closed()).toMatchObject({ reason: "junk" });
    expect((await other.ask(GET_WORK)).join()).toContain(workOf(1));
  });
});

describe("a bridge that is banned by hand", () => {
  it("loses every miner that it vouches for, whichever guards they have, and stands in the list once", async () => {
    const settings = { BRIDGE_TOKEN: "the-bridge-of-this-test", ADMIN_TOKEN: TOKEN };
    const vouched = (name: string) => ({ "edgepool-bridge-token": settings.BRIDGE_TOKEN, "edgepool-miner": name });
    const rigs = await Promise.all(
      ["one", "two", "three"].map((name) => StratumClient.connect(`/stratum/${LOGIN}`, IP, vouched(name), settings)),
    );
    const ban = { action: "add", client: IP, for: "1h", note: "sold" };
    expect((await admin("bans", ban, settings)).status).toBe(200);
    for (const rig of rigs) expect(await rig.closed()).toMatchObject({ reason: "sold" });
    const again = { headers: { Upgrade: "websocket", "CF-Connecting-IP": IP, ...vouched("four") } };
    expect((await request(`/stratum/${LOGIN}`, again, settings)).status).toBe(403);
    expect((await admin("bans", undefined, settings)).body["bans"]).toMatchObject([{ client: IP, reason: "sold" }]);
    expect((await admin("bans", { action: "lift", client: IP, note: "sorry" }, settings)).status).toBe(200);
    expect((await request(`/stratum/${LOGIN}`, again, settings)).status).toBe(101);
  });
});

describe("the operator's bans", () => {
  it("close what they end, are listed with those of the guards, are lifted, and stand in the log with their reasons", async () => {
    const [client, other] = [await miner(), await miner(OTHER_LOGIN, "192.0.2.2")];
    await client.ask(submit(1));
    expect(await admin("bans", { action: "add", client: IP, for: "12h", note: "a botnet" })).toEqual({
      status: 200,
      body: { ok: true, message: "banned" },
    });
    expect(await client.closed()).toEqual({ code: 1008, reason: "a botnet" });
    expect(await knock(IP)).toBe(403);
    const flood = await StratumClient.connect(`/stratum/${LOGIN}`, "192.0.2.3");
    flood.send("x".repeat(2_000));
    await eventually(async () =>
      expect((await admin("bans")).body).toMatchObject({
        bans: [
          { client: IP, login: null, reason: "a botnet", byHand: true },
          { client: "192.0.2.3", login: null, byHand: false },
        ],
      }),
    );
    await admin("bans", { action: "lift", client: IP, note: "mended" });
    expect(await knock(IP)).toBe(101);
    expect((await admin("audit")).body).toMatchObject({
      entries: [
        { command: "lift", outcome: "lifted" },
        { command: "ban", outcome: "banned", details: expect.stringContaining("a botnet") },
      ],
    });
    expect(await other.ask(GET_WORK)).toHaveLength(1);
  });

  it("may be of one login at a client", async () => {
    const [client, neighbour] = [await miner(), await miner(OTHER_LOGIN)];
    await admin("bans", {
      action: "add",
      client: IP,
      login: LOGIN.toUpperCase().replace("0X", "0x"),
      for: "1h",
      note: "x",
    });
    expect((await client.closed()).code).toBe(1008);
    expect(await neighbour.ask(GET_WORK)).toHaveLength(1);
  });
});

it("the lists are changed, told, and a blacklisted login loses its connections at once", async () => {
  const client = await miner();
  expect((await admin("lists", { list: "blacklist", action: "add", who: LOGIN, note: "stolen" })).body["ok"]).toBe(
    true,
  );
  expect(await client.closed()).toEqual({ code: 1008, reason: "stolen" });
  await admin("lists", { list: "whitelist", action: "add", who: "2001:db8::7", note: "a farm" });
  expect((await admin("lists")).body).toEqual({ blacklist: [LOGIN], whitelist: ["2001:db8:0:0::/64"] });
  await admin("lists", { list: "blacklist", action: "remove", who: LOGIN, note: "returned" });
  expect((await admin("lists")).body).toMatchObject({ blacklist: [] });
});

describe("a paused pool", () => {
  it("gives no job and takes no share in any dialect or door, writes nothing, and goes on where it was, over restarts", async () => {
    const client = await miner();
    expect(await admin("pause", { paused: true, note: "the books move" })).toEqual({
      status: 200,
      body: { ok: true, message: "paused: nothing is written any more" },
    });
    const rest = vi.spyOn(EmbeddedRedis.prototype, "rest");
    const ask = async () => [await client.ask(GET_WORK), await client.ask(submit(7))];
    await eventually(async () => expect(await ask()).toEqual([[notReady(5)], [notReady(7)]]));
    const post = await request(`/${LOGIN}`, { method: "POST", body: GET_WORK, headers: { "CF-Connecting-IP": IP } });
    expect(await post.text()).toBe(notReady(5));
    // Strangers of an isolate share what the template said within the last second; the verifiers take no share of theirs meanwhile.
    const late = await vi.waitFor(
      async () => {
        const stranger = await StratumClient.connect(`/stratum/${OTHER_LOGIN}`, "192.0.2.2");
        stranger.send(`${loginLine(OTHER_LOGIN)}\n${GET_WORK}\n`);
        expect(await stranger.read(2)).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}', notReady(5)]);
        return stranger;
      },
      { timeout: 120_000, interval: 300 },
    );
    nodeHas(2);
    await pushNodeWork();
    await worker.scheduled({ scheduledTime: Date.now(), cron: "* * * * *", noRetry: () => undefined }, env);
    const commands = rest.mock.calls.flatMap(([, body]) => JSON.stringify(body));
    expect(commands.filter((text) => /"(HSET|EVALSHA|EVAL|ZREMRANGEBYSCORE|ZADD|HINCRBY)"/.test(text))).toEqual([]);
    expect(world.shares).toEqual([]);
    expect((await admin("state")).body).toMatchObject({
      pause: { paused: true, waitingFor: [], logins: [] },
      health: { healthy: false, problems: [expect.stringContaining("paused the pool")] },
      bans: 0,
      leases: 0,
    });

    await admin("pause", { paused: false, note: "they are there" });
    expect(await late.read(1)).toEqual([expect.stringContaining(workOf(2))]);
    expect(await client.read(1)).toEqual([expect.stringContaining(workOf(2))]);
    expect(await client.ask(submit(8))).toEqual(['{"id":8,"jsonrpc":"2.0","result":true}']);
    expect((await admin("pause")).body).toEqual({ paused: false, waitingFor: [], logins: [] });
  });

  it("is confirmed only when the state of the nodes, on its way to the ledger before, is there", async () => {
    const answered = Promise.withResolvers<{ status: number; body: string }>();
    const rest = vi.spyOn(EmbeddedRedis.prototype, "rest").mockImplementation(async () => await answered.promise);
    await env.BLOCK_TEMPLATE.getByName("main").snapshot();
    nodeHas(2);
    await pushNodeWork();
    await env.BLOCK_TEMPLATE.getByName("main").guard();
    await runDurableObjectAlarm(env.BLOCK_TEMPLATE.getByName("main"));
    await eventually(() => expect(JSON.stringify(rest.mock.calls)).toContain("eth:nodes"));
    let isPaused = false;
    const pausing = env.BLOCK_TEMPLATE.getByName("main").pause(true);
    void pausing.then(() => (isPaused = true));
    await env.BLOCK_TEMPLATE.getByName("main").health();
    expect(isPaused).toBe(false);
    answered.resolve({ status: 200, body: '{"result":1}' });
    await pausing;
    rest.mockRestore();
    await env.BLOCK_TEMPLATE.getByName("main").pause(false);
  });

  it("stays paused when every object starts anew", async () => {
    await miner();
    await admin("pause", { paused: true, note: "x" });
    await abortAllDurableObjects();
    const post = await request(`/${LOGIN}`, { method: "POST", body: GET_WORK, headers: { "CF-Connecting-IP": IP } });
    expect(await post.text()).toBe(notReady(5));
    expect((await admin("pause")).body).toMatchObject({ paused: true });
    await admin("pause", { paused: false, note: "x" });
  });

  it("may be one login alone", async () => {
    const [client, other] = [await miner(), await miner(OTHER_LOGIN)];
    await admin("pause", { paused: true, login: LOGIN, note: "asked for by its owner" });
    expect([await client.ask(GET_WORK), await client.ask(submit(7))]).toEqual([[notReady(5)], [notReady(7)]]);
    expect((await other.ask(submit(8)))[0]).toContain("true");
    expect((await admin("pause")).body).toMatchObject({ paused: false, logins: [LOGIN] });
    await admin("pause", { paused: false, login: LOGIN, note: "x" });
    expect((await client.ask(submit(9)))[0]).toContain("true");
  });
});

describe("what is asked wrongly", () => {
  it.each([
    ["bans", { action: "add", client: IP, for: "12h" }, "note"],
    ["bans", { action: "add", client: IP, for: "forever", note: "x" }, "for"],
    ["bans", { action: "add", client: "a b", for: "1h", note: "x" }, "client"],
    ["bans", { action: "lift", client: IP, login: "0x12", note: "x" }, "login"],
    ["lists", { list: "greylist", action: "add", who: IP, note: "x" }, "list"],
    ["pause", { paused: "yes", note: "x" }, "paused"],
    ["pause", { paused: true, note: "x", more: 1 }, "more"],
  ])("is refused by name, at %s %j, and changes nothing", async (path, body, named) => {
    const { status, body: answer } = await admin(path, body);
    expect([status, String(answer["message"])]).toEqual([400, expect.stringContaining(named)]);
    expect((await admin("audit")).body).toEqual({ entries: [] });
  });

  it("is nothing at all without the token, or where the pool has none", async () => {
    for (const path of ["state", "bans", "lists", "pause", "audit"]) {
      expect((await request(`/admin/${path}`, {}, { ADMIN_TOKEN: TOKEN })).status).toBe(401);
      expect((await admin(path, undefined, {})).status).toBe(404);
    }
  });
});
