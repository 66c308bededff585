import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { guardNameOf } from "../../core/policy/client-guards.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { IpGuard } from "../../durable-objects/ip-guard.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { request } from "./stratum-client.ts";
import {
  clientsAtGuard,
  headerOf,
  LOGIN,
  nodeHas,
  pushNodeWork,
  useStratumPool,
  workOf,
  world,
} from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

useStratumPool();

const MIX = `0x${"e".repeat(64)}`;
const GET_WORK = '{"id":1,"jsonrpc":"2.0","method":"eth_getWork","params":[]}';
const submit = (header = headerOf(1), nonce = "0x0123456789ABCDEF") =>
  `{"id":1,"method":"eth_submitWork","params":["${nonce}","${header}","${MIX}"]}`;
const error = (code: number, message: string, id: number | null = 1) =>
  `{"id":${id},"jsonrpc":"2.0","result":null,"error":{"code":${code},"message":"${message}"}}`;

/** For a busy machine. */
const WAIT = { timeout: 120_000, interval: 100 };

/** Posts like ethminer, and checks what every JSON-RPC answer must be. @returns the body */
async function post(body: string, path = `/${LOGIN}/rig-1`, ip = "192.0.2.9"): Promise<string> {
  const response = await request(path, { method: "POST", body, headers: { "CF-Connecting-IP": ip } });
  const text = await response.text();
  expect(response.status).toBe(200);
  expect(response.headers.get("content-length")).toBe(String(new TextEncoder().encode(text).length));
  expect(response.headers.get("content-type")).toBe("application/json");
  return text;
}

describe("HTTP getwork", () => {
  it("answers getWork, submitWork, submitHashrate and getBlockByNumber, byte for byte", async () => {
    expect(await post(GET_WORK)).toBe(`{"id":1,"jsonrpc":"2.0","result":${workOf(1)}}`);
    expect(await post(submit())).toBe('{"id":1,"jsonrpc":"2.0","result":true}');
    expect(await post('{"id":9,"method":"eth_submitHashrate","params":["0x1","0x2"]}')).toBe(
      '{"id":9,"jsonrpc":"2.0","result":true}',
    );
    expect(await post('{"id":2,"method":"eth_getBlockByNumber","params":["pending",false]}')).toBe(
      '{"id":2,"jsonrpc":"2.0","result":{"number":"0x64","difficulty":"0x4000000000000"}}',
    );
    expect(world.shares).toMatchObject([
      { login: LOGIN, worker: "rig-1", nonce: "0x0123456789abcdef", mixDigest: MIX, shareDifficulty: 2n ** 33n },
    ]);
  });

  const workers: [path: string, worker: string][] = [
    [`/${LOGIN}`, "0"],
    [`/${LOGIN}.rig-2`, "rig-2"],
    [`/${LOGIN.toUpperCase().replace("0X", "0x")}/shed`, "shed"],
    [`/${LOGIN}/eth1.0`, "0"],
    [`/${LOGIN}/${"a".repeat(33)}`, "a".repeat(32)],
    [`/${LOGIN}/rig%207`, "rig-7"],
    [`/${LOGIN}.rig7%2Fme@example.org`, "rig7"],
  ];
  for (const [path, worker] of workers) {
    it(`credits a share posted to ${path} to worker ${worker}`, async () => {
      await post(submit(), path);
      expect(world.shares).toMatchObject([{ login: LOGIN, worker }]);
    });
  }

  const nearMisses: [path: string, worker: string][] = [
    [`/${LOGIN}/`, "0"],
    [`/${LOGIN}/rig/`, "rig"],
    [`//${LOGIN}//rig`, "rig"],
    [`/${LOGIN}/rig/me@example.org`, "rig"],
    [`/${LOGIN}/rig?x=1`, "rig"],
    [`/${LOGIN}/rig%zz`, "rig-zz"],
    [`/${LOGIN.replace("0x", "0X")}/rig`, "rig"],
    [`/${LOGIN.slice(2)}/rig`, "rig"],
    [`/stratum/${LOGIN}/rig`, "rig"],
    [`/stratum/${LOGIN}.rig/`, "rig"],
  ];
  for (const [path, worker] of nearMisses) {
    it(`takes ${path} for what it means, and credits ${worker}`, async () => {
      expect(await post(submit(), path)).toBe('{"id":1,"jsonrpc":"2.0","result":true}');
      expect(world.shares).toMatchObject([{ login: LOGIN, worker }]);
    });
  }

  for (const path of ["/", "/stratum", "/stratum/", "/stratum/rig", "/rig/getwork", "/0x", `/x${LOGIN}`]) {
    it(`answers a POST to ${path}, which names nobody, with Invalid login and status 200`, async () => {
      expect(await post(GET_WORK, path)).toBe(error(-1, "Invalid login"));
    });
  }

  it("leaves what is no JSON-RPC and is posted to nobody a 404", async () => {
    for (const body of ["{", '["PING"]', "{}", "", "x".repeat(5_000)])
      expect((await request("/nowhere", { method: "POST", body })).status).toBe(404);
  });

  it("answers new work as soon as the node has pushed it", async () => {
    await post(GET_WORK);
    nodeHas(2, 101);
    await pushNodeWork();
    await eventually(async () => expect(await post(GET_WORK)).toBe(`{"id":1,"jsonrpc":"2.0","result":${workOf(2)}}`));
  });

  it("answers stale and invalid shares with false, a duplicate with 22", async () => {
    expect(await post(submit(headerOf(77)))).toBe('{"id":1,"jsonrpc":"2.0","result":false}');
    world.verdict = async () => ({ kind: "invalid" });
    expect(await post(submit())).toBe('{"id":1,"jsonrpc":"2.0","result":false}');
    world.verdict = async () => ({ kind: "duplicate" });
    expect(await post(submit())).toBe(error(22, "Duplicate share"));
    world.verdict = async () => ({ kind: "unavailable", reason: "" });
    expect(await post(submit())).toBe(error(0, "Work not ready"));
  });

  it("says Work not ready without a template, to submits too, and never a bare false", async () => {
    world.work = null;
    // `reset()` is done before all objects have ended: those of the test before may have work still.
    await vi.waitFor(async () => {
      await reset();
      expect(await post(GET_WORK)).toBe(error(0, "Work not ready"));
    }, WAIT);
    expect(await post(submit())).toBe(error(0, "Work not ready"));
    expect(await post('{"id":1,"method":"eth_getBlockByNumber"}')).toBe(error(0, "Work not ready"));
  });

  const refused: [what: string, body: string, answer: string][] = [
    ["a body that is not JSON", "{", error(-1, "Malformed request", null)],
    ["an empty body", "", error(-1, "Malformed request", null)],
    ["a batch", `[${GET_WORK}]`, error(-1, "Malformed request", null)],
    ["an unknown method", '{"id":1,"method":"eth_mining"}', error(-3, "Method not found")],
    ["a login in band", `{"id":1,"method":"eth_submitLogin","params":["${LOGIN}"]}`, error(-3, "Method not found")],
    [
      "a submit of two params",
      '{"id":1,"method":"eth_submitWork","params":["0x1","0x2"]}',
      error(-1, "Invalid params"),
    ],
    ["a submit without params", '{"id":1,"method":"eth_submitWork"}', error(-1, "Invalid params")],
    ["a short nonce", submit(headerOf(1), "0x01"), error(-1, "Malformed PoW result")],
  ];
  for (const [what, body, answer] of refused) {
    it(`answers ${what} with status 200 and a JSON-RPC error`, async () => expect(await post(body)).toBe(answer));
  }

  for (const path of ["/0x12", `/0x${"0".repeat(40)}`, `/0x${"g".repeat(40)}/rig`]) {
    it(`answers the login in ${path} with Invalid login`, async () => {
      expect(await post(GET_WORK, path)).toBe(error(-1, "Invalid login"));
    });
  }

  it("answers a blacklisted login and a banned IP with JSON-RPC errors, which make miners wait", async () => {
    const redis = ledgerClient(env, loadConfig(env));
    await redis.command(["SADD", "eth:blacklist", LOGIN]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 24 * 3_600_000 });
    expect(await post(GET_WORK)).toBe(error(-1, "You are blacklisted"));
    await redis.command(["DEL", "eth:blacklist"]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 24 * 3_600_000 });
    expect(await post(GET_WORK)).toContain('"result":[');
    vi.spyOn(IpGuard.prototype, "admit").mockResolvedValue({ allowed: false, reason: "banned" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    expect(await post(GET_WORK)).toBe(error(0, "You are banned"));
    expect(await post("{")).toBe(error(0, "You are banned", null));
  });

  it("answers with 23 and with -1 at the limit of invalid shares", async () => {
    const [ip] = clientsAtGuard(2);
    const share = (nonce?: string) => post(submit(headerOf(1), nonce), undefined, ip);
    world.verdict = async ({ nonce }) =>
      nonce.endsWith("f") ? { kind: "invalid" } : { kind: "accepted", block: false };
    let sent = 0;
    let answer: unknown;
    do {
      sent += 1;
      answer = await share();
    } while (answer === '{"id":1,"jsonrpc":"2.0","result":false}' && sent < 60);
    expect(answer).toBe(error(23, "Invalid share"));
    // More only where the guard has begun anew: see clientsAtGuard.
    expect(sent).toBeGreaterThanOrEqual(30);
    await env.IP_GUARD.getByName(guardNameOf(ip)).lift(ip, LOGIN);
    for (let again = 1; again < 30; again++) await share();
    expect(await share("0x0000000000000001")).toBe(error(-1, "High rate of invalid shares"));
  });

  it("says Work not ready when the session object fails", async () => {
    vi.spyOn(MinerSession.prototype, "getwork").mockRejectedValue(new Error("reset"));
    expect(await post(GET_WORK)).toBe(error(0, "Work not ready"));
  });

  it("answers other HTTP methods with 405", async () => {
    for (const method of ["GET", "PUT", "HEAD", "DELETE"]) {
      const response = await request(`/${LOGIN}`, { method });
      expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    }
  });

  it("answers a body over limitBodySize with 413, whether or not its length was announced", async () => {
    const body = GET_WORK.padEnd(2_000, " ");
    expect((await request(`/${LOGIN}`, { method: "POST", body }, { getwork: { limitBodySize: 1_999 } })).status).toBe(
      413,
    );
    const stream = new Response(body).body;
    expect(
      (await request(`/${LOGIN}`, { method: "POST", body: stream }, { getwork: { limitBodySize: 1_999 } })).status,
    ).toBe(413);
    expect((await request(`/${LOGIN}`, { method: "POST", body }, { getwork: { limitBodySize: 2_000 } })).status).toBe(
      200,
    );
  });

  it("answers headers over limitHeadersSize with 431", async () => {
    const init = { method: "POST", body: GET_WORK, headers: { "x-long": "x".repeat(1_000) } };
    expect((await request(`/${LOGIN}`, init, { getwork: { limitHeadersSize: 1_000 } })).status).toBe(431);
    expect((await request(`/${LOGIN}`, init, { getwork: { limitHeadersSize: 2_000 } })).status).toBe(200);
  });
});

describe("the stratum routes without a WebSocket", () => {
  it("answer 426 and how to connect", async () => {
    for (const path of [
      "/stratum",
      "/stratum/",
      `/stratum/${LOGIN}`,
      `/stratum/${LOGIN}/rig`,
      `/stratum/${LOGIN}/rig/`,
    ]) {
      const response = await request(path);
      expect([response.status, response.headers.get("upgrade")]).toEqual([426, "websocket"]);
      const text = await response.text();
      expect(text).toContain("ws://pool.example/stratum/<0xaddress>");
      expect(text).toContain(
        "curl -fO http://pool.example/bridge.mjs\n  node bridge.mjs ws://pool.example --allow-insecure\n",
      );
    }
  });

  it("answer a wrong login with 400 and a refused client with 403, before any reply", async () => {
    const upgrade = { headers: { Upgrade: "WebSocket" } };
    expect((await request("/stratum/0x12", upgrade)).status).toBe(400);
    vi.spyOn(IpGuard.prototype, "admit").mockResolvedValue({ allowed: false, reason: "Banned" });
    expect((await request(`/stratum/${LOGIN}`, upgrade)).status).toBe(403);
    expect((await request("/stratum", upgrade)).status).toBe(403);
  });
});
