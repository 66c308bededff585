import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { guardNameOf } from "../../core/policy/client-guards.ts";
import type { Conduct } from "../../core/policy/guard.ts";
import { EmbeddedRedis } from "../../durable-objects/embedded-redis.ts";
import { IpGuard } from "../../durable-objects/ip-guard.ts";
import { request, StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, useStratumPool, world } from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

const OTHER_LOGIN = `0x${"b2".repeat(20)}`;
useStratumPool([OTHER_LOGIN]);

const IP = "192.0.2.1";
const MIX = `0x${"e".repeat(64)}`;
const NONSENSE = "nonsense\n";
const loginLine = (login: string) => `{"id":1,"method":"eth_submitLogin","params":["${login}","x"]}`;
const submit = (id: number, header = headerOf(1)) =>
  `{"id":${id},"method":"eth_submitWork","params":["0x${String(id).padStart(16, "0")}","${header}","${MIX}"]}`;
const hashrate = (id: number) => `{"id":${id},"method":"eth_submitHashrate","params":["0x1","0x1"]}`;
const granted = (id: number) => `{"id":${id},"jsonrpc":"2.0","result":true}`;

/** A logged-in miner that has its first job. */
async function miner(login: string, ip = IP, path = `/stratum/${login}`, headers = {}, settings = {}) {
  const client = await StratumClient.connect(path, ip, headers, settings);
  await client.ask(loginLine(login), 2);
  return client;
}

/** Five malformed lines: in eth-proxy each costs its connection. */
async function misbehave(ip = IP, login = LOGIN, headers = {}, settings = {}) {
  const report = vi.spyOn(IpGuard.prototype, "report");
  for (let attempt = 0; attempt < 5; attempt++) {
    const client = await StratumClient.connect(`/stratum/${login}`, ip, headers, settings);
    client.send(NONSENSE);
    await client.closed();
  }
  // Nobody waits for a report: the last one may still be on its way when its connection is closed.
  await eventually(() => expect(report.mock.settledResults.filter(({ type }) => type === "fulfilled")).toHaveLength(5));
  report.mockRestore();
}

const knock = async (ip: string, headers = {}, settings = {}) =>
  (
    await request(
      `/stratum/${LOGIN}`,
      { headers: { Upgrade: "websocket", "CF-Connecting-IP": ip, ...headers } },
      settings,
    )
  ).status;

/** The object that guards a client, as a stub of which tests may ask everything. */
const guardObject = (client: string) => env.IP_GUARD.getByName(guardNameOf(client));
const overview = () => guardObject(IP).overview(IP);

describe("a banned client", () => {
  // Defect 15: there a ban meets new connections only.
  it("loses its connections at every login's object, in band ones too, and gets none until the ban ends", async () => {
    const [one, two, inBand, elsewhere] = [
      await miner(LOGIN),
      await miner(OTHER_LOGIN),
      await miner(OTHER_LOGIN, IP, "/stratum"),
      await miner(LOGIN, "192.0.2.2"),
    ];
    await misbehave();
    for (const client of [one, two, inBand]) {
      expect(await client.closed()).toEqual({ code: 1008, reason: "Too many malformed requests" });
    }
    expect(await elsewhere.ask(hashrate(7))).toEqual([granted(7)]);
    await evictDurableObject(guardObject(IP));
    expect([await knock(IP), await knock("192.0.2.2")]).toEqual([403, 101]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1_800_001 });
    expect(await knock(IP)).toBe(101);
  });

  // Defect 19: an empty 200 is asked again at once; an error makes miners wait.
  it("hears a JSON-RPC error with status 200 over HTTP getwork", async () => {
    await misbehave();
    const response = await request(`/${LOGIN}/rig`, {
      method: "POST",
      headers: { "CF-Connecting-IP": IP },
      body: '{"id":7,"method":"eth_getWork","params":[]}',
    });
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "84"]);
    expect(await response.json()).toEqual({
      id: 7,
      jsonrpc: "2.0",
      result: null,
      error: { code: 0, message: "You are banned" },
    });
  });

  it("is everybody in an IPv6 /64, and nobody beside it", async () => {
    await misbehave("2001:db8:0:1::1");
    expect([await knock("2001:db8:0:1:ffff::9"), await knock("2001:db8:0:2::1")]).toEqual([403, 101]);
  });

  // Defect 16: there a flood's ban leaves the socket open.
  it("is one that sends a line over the limit, and that socket is closed as well", async () => {
    const flood = await StratumClient.connect(`/stratum/${LOGIN}`, IP);
    flood.send("x".repeat(2_000));
    expect((await flood.closed()).code).toBe(1008);
    expect(await knock(IP)).toBe(403);
  });

  // Defect 18: what the client says of its address is nothing.
  it("does not become another one by X-Forwarded-For, and nobody is banned in its place", async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const headers = { "X-Forwarded-For": `203.0.113.${attempt}, 192.0.2.2` };
      const client = await StratumClient.connect(`/stratum/${LOGIN}`, IP, headers);
      client.send(NONSENSE);
      await client.closed();
    }
    await eventually(async () => expect((await overview()).client.standing.ban).not.toBeNull());
    expect(await knock(IP, { "X-Forwarded-For": "203.0.113.99" })).toBe(403);
    expect(await knock("192.0.2.2")).toBe(101);
  });

  it("leaves nothing behind for good: its guard forgets it after the ban, to the last row", async () => {
    await misbehave();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 25 * 3_600_000 });
    await runDurableObjectAlarm(guardObject(IP));
    const rows = await runInDurableObject(guardObject(IP), (_, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name LIKE 'client_%'").toArray(),
    );
    expect(rows).toEqual([]);
    expect(await knock(IP)).toBe(101);
  });
});

describe("a neighbour's junk", () => {
  it("ends the login that sends it, at that address only, with its share refused as 23", async () => {
    const [junk, second, neighbour, elsewhere] = [
      await miner(LOGIN),
      await miner(LOGIN),
      await miner(OTHER_LOGIN),
      await miner(LOGIN, "192.0.2.2"),
    ];
    world.verdict = async ({ login }) => (login === LOGIN ? { kind: "invalid" } : { kind: "accepted", block: false });
    for (let id = 10; id < 39; id++) {
      expect(await junk.ask(submit(id))).toEqual([`{"id":${id},"jsonrpc":"2.0","result":false}`]);
    }
    expect(await junk.ask(submit(39))).toEqual([
      '{"id":39,"jsonrpc":"2.0","result":null,"error":{"code":23,"message":"Invalid share"}}',
    ]);
    expect([(await junk.closed()).code, (await second.closed()).code]).toEqual([1008, 1008]);
    expect(await neighbour.ask(submit(7))).toEqual([granted(7)]);
    expect(await elsewhere.ask(hashrate(7))).toEqual([granted(7)]);
    expect(await knock(IP)).toBe(403);
  });

  it("under many names costs its address no miner that has earned a share there", async () => {
    const honest = await miner(OTHER_LOGIN);
    expect(await honest.ask(submit(1))).toEqual([granted(1)]);
    await misbehave();
    expect(await knock(IP)).toBe(403);
    expect(await honest.ask(submit(2))).toEqual([granted(2)]);
    const again = await miner(OTHER_LOGIN);
    expect(await again.ask(submit(3))).toEqual([granted(3)]);
  });
});

// Defect 13.
it("claims that are refuted afterwards are those of a login that has earned something there, and ban no other", async () => {
  await guardObject(IP).report(IP, LOGIN, { valid: 1 });
  for (let claim = 0; claim < 100; claim++) await env.MINER_SESSION.getByName(LOGIN).refuted("rig", IP, LOGIN);
  expect([
    await guardObject(IP).admit(IP, LOGIN, "connection"),
    await guardObject(IP).admit(IP, OTHER_LOGIN, "login"),
  ]).toEqual([
    { allowed: false, reason: "High rate of invalid shares" },
    { allowed: true, reason: "" },
  ]);
});

it("stale shares and duplicates never lead towards a ban, however many", async () => {
  const report = vi.spyOn(IpGuard.prototype, "report");
  const client = await miner(LOGIN);
  world.verdict = async () => ({ kind: "duplicate" });
  for (let id = 0; id < 100; id++) {
    expect(await client.ask(submit(id, headerOf(99)))).toEqual([`{"id":${id},"jsonrpc":"2.0","result":false}`]);
    await client.ask(submit(id));
  }
  expect(report).not.toHaveBeenCalled();
  expect((await overview()).client.standing).toMatchObject({ malformed: 0, invalid: 0, ban: null });
});

it("a healthy miner's 1,000 shares cost its guard one call on entering and four reports", async () => {
  const [admit, report] = [vi.spyOn(IpGuard.prototype, "admit"), vi.spyOn(IpGuard.prototype, "report")];
  const client = await miner(LOGIN);
  for (let id = 0; id < 1_000; id += 50) {
    client.send(Array.from({ length: 50 }, (_, at) => `${submit(id + at)}\n`).join(""));
    await client.read(50);
  }
  expect(admit).toHaveBeenCalledTimes(1);
  expect(report.mock.calls.map(([, , conduct]) => conduct)).toEqual([
    { valid: 1 },
    { valid: 256 },
    { valid: 256 },
    { valid: 256 },
  ]);
});

it("valid shares that wait survive a hibernation and go with the next invalid one", async () => {
  const report = vi.spyOn(IpGuard.prototype, "report");
  const client = await miner(LOGIN);
  for (let id = 1; id <= 5; id++) await client.ask(submit(id));
  await evictDurableObject(env.MINER_SESSION.getByName(LOGIN), { webSockets: "hibernate" });
  world.verdict = async () => ({ kind: "invalid" });
  await client.ask(submit(6));
  expect(report.mock.calls.map(([, , conduct]) => conduct)).toEqual([{ valid: 1 }, { valid: 4, invalid: 1 }]);
});

describe("the whitelist", () => {
  it("keeps logins and addresses from every ban, from the moment that the lists are read", async () => {
    const friend = await miner(OTHER_LOGIN);
    await env.EMBEDDED_REDIS.getByName("main").rest("", ["SADD", "eth:whitelist", "192.0.2.9", OTHER_LOGIN]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 48 * 3_600_000 });
    await misbehave("192.0.2.9");
    await misbehave();
    expect([await knock("192.0.2.9"), await knock(IP)]).toEqual([101, 403]);
    expect(await friend.ask(hashrate(5))).toEqual([granted(5)]);
    const back = await StratumClient.connect(`/stratum/${OTHER_LOGIN}`, IP);
    expect(await back.ask(loginLine(OTHER_LOGIN))).toEqual([granted(1)]);
    await env.EMBEDDED_REDIS.getByName("main").rest("", ["DEL", "eth:whitelist"]);
    vi.setSystemTime(Date.now() + 600_000);
    await knock("192.0.2.200");
  });
});

describe("a bridge with the pool's token", () => {
  const settings = { BRIDGE_TOKEN: "the-bridge-of-this-test" };
  const vouched = (name: string) => ({ "edgepool-bridge-token": settings.BRIDGE_TOKEN, "edgepool-miner": name });

  it("has each of its miners judged by itself, and without one all of an address stand in for each other", async () => {
    const [good, bare] = [await miner(OTHER_LOGIN, IP, undefined, vouched("10.0.0.5"), settings), await miner(LOGIN)];
    await misbehave(IP, LOGIN, vouched("10.0.0.6"), settings);
    const statuses = [knock(IP, vouched("10.0.0.6"), settings), knock(IP, vouched("10.0.0.5"), settings), knock(IP)];
    expect(await Promise.all(statuses)).toEqual([403, 101, 101]);
    for (const client of [good, bare]) expect(await client.ask(hashrate(5))).toEqual([granted(5)]);
  });

  it("may be a byte pipe that can set no header: the query does", async () => {
    const path = `/stratum/${LOGIN}?bridgeToken=${settings.BRIDGE_TOKEN}&miner=attic`;
    const client = await StratumClient.connect(path, IP, {}, settings);
    expect(await client.ask(hashrate(5))).toHaveLength(1);
    expect((await guardObject(`${IP}#attic`).overview(`${IP}#attic`)).holders).toEqual([LOGIN]);
  });

  it("is refused with a token that is wrong, rather than have its miners judged as one", async () => {
    expect(await knock(IP, { "edgepool-bridge-token": "a-token-that-is-wrong" }, settings)).toBe(401);
    expect(await knock(IP, { "edgepool-bridge-token": "no pool token is set" })).toBe(101);
  });
});

it("refuses nobody while the guard is away", async () => {
  vi.spyOn(IpGuard.prototype, "report").mockRejectedValue(new Error("away"));
  vi.spyOn(IpGuard.prototype, "admit").mockRejectedValue(new Error("away"));
  vi.spyOn(IpGuard.prototype, "left").mockRejectedValue(new Error("away"));
  const client = await miner(LOGIN);
  expect(await client.ask(submit(3))).toEqual([granted(3)]);
});

/** A report that hears of the operator's lists only when it may. */
async function slowReport(conduct: Conduct): Promise<{ readonly finish: () => Promise<boolean> }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const lists = vi.spyOn(EmbeddedRedis.prototype, "rest").mockImplementation(async () => {
    await promise;
    throw new Error("the ledger is away");
  });
  const report = runInDurableObject(guardObject(IP), (guard) => guard.report(IP, LOGIN, conduct));
  await eventually(() => expect(lists).toHaveBeenCalled());
  return {
    finish: async () => {
      resolve();
      const { allowed } = await report;
      lists.mockRestore();
      return allowed;
    },
  };
}

it("a guard that clears up behind its last row keeps the ban that was being decided meanwhile, over its own end too", async () => {
  await guardObject(IP).report(IP, LOGIN, { valid: 1 });
  // Later than any test before, and so the last of them: the lists are to be read again.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60 * 3_600_000 });
  const { finish } = await slowReport({ ban: true });
  await runDurableObjectAlarm(guardObject(IP));
  expect(await finish()).toBe(false);
  await evictDurableObject(guardObject(IP));
  expect(await guardObject(IP).admit(IP, OTHER_LOGIN, "connection")).toMatchObject({ allowed: false });
});
