import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, type MockInstance, vi } from "vitest";
import { guardNameOf } from "../../core/policy/client-guards.ts";
import { AccountApi } from "../../durable-objects/account-api.ts";
import { BlockTemplate } from "../../durable-objects/block-template.ts";
import { EmbeddedRedis } from "../../durable-objects/embedded-redis.ts";
import { ExtranonceAllocator } from "../../durable-objects/extranonce-allocator.ts";
import { IpGuard } from "../../durable-objects/ip-guard.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { request, StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, nodeHas, pushNodeWork, useStratumPool, workOf, world } from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

useStratumPool();

let last = 0;
/** A login that no test has named before: what is known of logins outlives a test. */
const stranger = () => `0x${(++last).toString(16).padStart(40, "f")}`;
const ip = () => `198.51.100.${++last}`;
const GET_WORK = '{"id":1,"method":"eth_getWork","params":[]}';
const SUBMIT = `{"id":1,"method":"eth_submitWork","params":["0x0123456789abcdef","${headerOf(1)}","0x${"e".repeat(64)}"]}`;
const asHeaders = (from: string) => ({ "CF-Connecting-IP": from });

/** Every way into an object of a login. */
function watched(): MockInstance[] {
  return [
    vi.spyOn(AccountApi.prototype, "body"),
    vi.spyOn(MinerSession.prototype, "fetch"),
    vi.spyOn(MinerSession.prototype, "history"),
    vi.spyOn(MinerSession.prototype, "getwork"),
  ];
}
const calls = (spies: readonly MockInstance[]) => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);

const post = async (login: string, body: string, from: string) =>
  await (await request(`/${login}`, { method: "POST", body, headers: asHeaders(from) })).text();

describe("a login that the pool has never credited", () => {
  it("costs the API one command, be it asked for a thousand times, and nobody's object; the answer may be kept", async () => {
    const spies = watched();
    const asked = vi.spyOn(EmbeddedRedis.prototype, "rest");
    const [login, from] = [stranger(), ip()];
    for (let time = 0; time < 20; time++) {
      for (const path of [`/api/accounts/${login}`, `/api/accounts/${login}/history`]) {
        const response = await request(path, { headers: asHeaders(from) });
        expect(response.status).toBe(404);
        expect(response.headers.get("cache-control")).toMatch(/^public, max-age=\d+$/);
      }
    }
    expect(calls(spies)).toBe(0);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it("is one of a few that a client may ask for: who goes through addresses is told to wait", async () => {
    const from = ip();
    expect((await request(`/api/accounts/${LOGIN}`, { headers: asHeaders(ip()) })).status).toBe(200);
    const statuses = new Set<number>();
    for (let n = 0; n < 140; n++)
      statuses.add((await request(`/api/accounts/${stranger()}`, { headers: asHeaders(from) })).status);
    expect(statuses).toEqual(new Set([404, 429]));
    expect((await request(`/api/accounts/${LOGIN}`, { headers: asHeaders(from) })).status).toBe(200);
    // It mines all the same.
    const miner = await StratumClient.connect(`/stratum/${stranger()}`, from);
    expect(await miner.ask(GET_WORK)).toHaveLength(1);
    expect(await post(stranger(), GET_WORK, from)).toContain(workOf(1));
  });

  it("gets work and sends junk over HTTP without an object, and has one from its first valid share on", async () => {
    const spies = watched();
    const [login, from] = [stranger(), ip()];
    expect(await post(login, GET_WORK, from)).toBe(`{"id":1,"jsonrpc":"2.0","result":${workOf(1)}}`);
    expect(await post(login, SUBMIT.replace(headerOf(1), headerOf(77)), from)).toContain('"result":false');
    expect(await post(login, "{", from)).toContain("Malformed request");
    const conduct = vi.spyOn(IpGuard.prototype, "report");
    world.verdict = async () => ({ kind: "invalid" });
    expect(await post(login, SUBMIT, from)).toContain('"result":false');
    expect(conduct).toHaveBeenCalledWith(from, login, { invalid: 1 });
    world.verdict = async () => ({ kind: "accepted", block: false });
    expect(await post(login, SUBMIT, from)).toContain('"result":true');
    expect(conduct).toHaveBeenLastCalledWith(from, login, { valid: 1 });
    expect(calls(spies)).toBe(0);
    expect(await post(login, SUBMIT, from)).toContain('"result":true');
    expect(calls(spies)).toBe(1);
    expect(world.shares.map((share) => share.login)).toEqual([login, login, login]);
  });

  it("sends junk over HTTP no faster than an object would take it, under however many names; a neighbour's address is another", async () => {
    const from = ip();
    world.verdict = async () => ({ kind: "invalid" });
    const answers = await Promise.all(Array.from({ length: 30 }, () => post(stranger(), SUBMIT, from)));
    expect(answers.filter((answer) => answer.includes("Work not ready")).length).toBeGreaterThan(0);
    expect(world.shares.length).toBeLessThan(30);
    world.verdict = async () => ({ kind: "accepted", block: false });
    expect(await post(stranger(), SUBMIT, ip())).toContain('"result":true');
  });

  it("has shares that are told apart as far as the ledger, also those of one worker and one millisecond, however they come", async () => {
    const [login, from] = [stranger(), ip()];
    world.verdict = async () => ({ kind: "duplicate" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const miners = await Promise.all([1, 2].map(() => StratumClient.connect(`/stratum/${login}/rig-7`, from)));
    for (const miner of miners) await miner.ask(`{"id":2,"method":"eth_submitLogin","params":["${login}"]}`, 2);
    await Promise.all([
      ...miners.map((miner) => miner.ask(SUBMIT)),
      ...[1, 2].map(() => post(`${login}/rig-7`, SUBMIT, from)),
    ]);
    expect(world.shares.map((share) => share.worker)).toEqual(["rig-7", "rig-7", "rig-7", "rig-7"]);
    expect(new Set(world.shares.map((share) => share.timestampMs)).size).toBe(4);
  });

  it("that is blacklisted is told so over HTTP, and has no object by it", async () => {
    const spies = watched();
    const login = stranger();
    await ledgerClient(env, loadConfig(env)).command(["SADD", "eth:blacklist", login]);
    await eventually(async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
      expect(await post(login, GET_WORK, ip())).toContain("blacklisted");
    });
    expect(calls(spies)).toBe(0);
  });

  it("has an object from its first valid share on, however it came; until then it mines in the Worker", async () => {
    const spies = watched();
    for (const path of [(login: string) => `/stratum/${login}/rig-7`, () => "/stratum"]) {
      for (const spy of spies) spy.mockClear();
      world.shares = [];
      const login = stranger();
      const miner = await StratumClient.connect(path(login), ip());
      await miner.ask(`{"id":2,"method":"eth_submitLogin","params":["${login}"],"worker":"rig-7"}`, 2);
      expect(await miner.ask(GET_WORK)).toEqual([expect.stringContaining(workOf(1))]);
      world.verdict = async () => ({ kind: "invalid" });
      expect(await miner.ask(SUBMIT)).toEqual(['{"id":1,"jsonrpc":"2.0","result":false}']);
      expect(calls(spies)).toBe(0);
      world.verdict = async () => ({ kind: "accepted", block: false });
      expect(await miner.ask(SUBMIT)).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
      await eventually(() => expect(calls(spies)).toBe(1));
      expect(await miner.ask(SUBMIT)).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
      expect(world.shares).toMatchObject([
        { login, worker: "rig-7" },
        { login, worker: "rig-7" },
        { login, worker: "rig-7" },
      ]);
      nodeHas(2);
      await pushNodeWork();
      expect(await miner.read(1)).toEqual([expect.stringContaining(workOf(2))]);
      nodeHas(1, 101);
      await pushNodeWork();
      await miner.read(1);
    }
  });

  it("costs no row before its first valid share: no object, no subscription, nothing at its guard", async () => {
    const spies = [...watched(), vi.spyOn(BlockTemplate.prototype, "subscribe")];
    world.verdict = async () => ({ kind: "invalid" });
    const from = ip();
    for (let time = 0; time < 10; time++) {
      const login = stranger();
      const miner = await StratumClient.connect(time % 2 === 0 ? "/stratum" : `/stratum/${login}`, from);
      await miner.ask(`{"id":2,"method":"eth_submitLogin","params":["${login}"]}`, 2);
      await miner.ask(SUBMIT);
      miner.close();
      await miner.closed();
    }
    expect(calls(spies)).toBe(0);
    const rows = await runInDurableObject(env.IP_GUARD.getByName(guardNameOf(from)), (_object, { storage }) =>
      ["client_standing", "client_login"].map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray().length),
    );
    expect(rows).toEqual([0, 0]);
  });

  it("keeps the nonces that it searches when it gets an object, and until then nothing durable knows of them", async () => {
    const SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}';
    const lend = vi.spyOn(ExtranonceAllocator.prototype, "lend");
    const takeOver = vi.spyOn(ExtranonceAllocator.prototype, "takeOver");
    world.verdict = async () => ({ kind: "invalid" });
    const miners = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const [login, miner] = [stranger(), await StratumClient.connect("/stratum", ip())];
        const [answer = ""] = await miner.ask(SUBSCRIBE);
        await miner.ask(`{"id":2,"method":"mining.authorize","params":["${login}","x"]}`, 3);
        await miner.ask(
          `{"id":4,"method":"mining.submit","params":["${login}","${headerOf(1).slice(2, 18)}","23456789ab"]}`,
        );
        return { miner, login, extranonce: /"([0-9a-f]{6})"\]/.exec(answer)?.[1] ?? "" };
      }),
    );
    expect(new Set(miners.map(({ extranonce }) => extranonce)).size).toBe(10);
    expect(lend.mock.calls.length).toBeLessThanOrEqual(1);
    world.verdict = async () => ({ kind: "accepted", block: false });
    for (const { miner, login, extranonce } of miners.slice(0, 3)) {
      for (const nonce of ["23456789ac", "23456789ad"]) {
        const line = `{"id":5,"method":"mining.submit","params":["${login}","${headerOf(1).slice(2, 18)}","${nonce}"]}`;
        expect((await miner.ask(line))[0]).toContain('"result":true');
        expect(world.shares.at(-1)).toMatchObject({ login, nonce: `0x${extranonce}${nonce}` });
      }
    }
    expect(takeOver.mock.calls.map(([, , extranonce]) => extranonce.toString(16))).toEqual(
      miners.slice(0, 3).map(({ extranonce }) => extranonce),
    );
  });

  it("hears of new work while it has no object", async () => {
    const login = stranger();
    const miner = await StratumClient.connect("/stratum", ip());
    await miner.ask(`{"id":2,"method":"eth_submitLogin","params":["${login}"]}`, 2);
    nodeHas(2);
    await pushNodeWork();
    expect(await miner.read(1)).toEqual([expect.stringContaining(workOf(2))]);
  });

  it("may not be named to the URL of another", async () => {
    const miner = await StratumClient.connect(`/stratum/${stranger()}`, ip());
    expect(await miner.ask(`{"id":2,"method":"eth_submitLogin","params":["${LOGIN}"]}`)).toEqual([
      expect.stringContaining("Invalid login"),
    ]);
    expect((await miner.closed()).code).toBe(1008);
  });
});
