import { existsSync } from "node:fs";
import { Redis } from "@upstash/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { RedisServer } from "../../devnet/gateway/redis-server.ts";
import { startLocalUpstash, startUpstashGateway, type UpstashGateway } from "../../devnet/gateway/upstash-gateway.ts";

let gateway: UpstashGateway;
let redis: RedisServer;
let local: Awaited<ReturnType<typeof startLocalUpstash>>;

beforeAll(async () => {
  local = await startLocalUpstash();
  ({ gateway, redis } = local);
});
afterEach(async () => {
  Object.assign(gateway.faults, { delayMs: 0, hang: false, status: 0, cutBefore: 0, cutAfter: 0 });
  await rest("/", ["FLUSHALL"]);
});
afterAll(async () => {
  await local.close();
  expect(existsSync(redis.socketPath)).toBe(false);
});

async function rest(path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(gateway.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.token}`, ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

describe("the Upstash gateway", () => {
  it("runs one command and answers with its result", async () => {
    expect(await rest("/", ["SET", "k", "v"])).toEqual({ status: 200, text: '{"result":"OK"}' });
    expect(await rest("/", ["GET", "k"])).toEqual({ status: 200, text: '{"result":"v"}' });
    expect(await rest("/", ["GET", "none"])).toEqual({ status: 200, text: '{"result":null}' });
    expect(await rest("/", ["INCRBY", "n", 3])).toEqual({ status: 200, text: '{"result":3}' });
    expect(await rest("/", ["HSET", "h", "a", "1", "b", "2"])).toEqual({ status: 200, text: '{"result":2}' });
    expect((await rest("/", ["HGETALL", "h"])).text).toBe('{"result":["a","1","b","2"]}');
  });

  it("writes integers digit by digit and scores as strings", async () => {
    await rest("/", ["SET", "n", "9223372036854775806"]);
    expect((await rest("/", ["INCR", "n"])).text).toBe('{"result":9223372036854775807}');
    expect((await rest("/", ["EVAL", "return {redis.call('GET', KEYS[1]), {1, 'a', false}}", 1, "n"])).text).toBe(
      '{"result":["9223372036854775807",[1,"a",null]]}',
    );
    await rest("/", ["ZADD", "z", "1700000000000", "m"]);
    expect((await rest("/", ["ZSCORE", "z", "m"])).text).toBe('{"result":"1700000000000"}');
    expect((await rest("/multi-exec", [["DECR", "n"]])).text).toBe('[{"result":9223372036854775806}]');
  });

  it("answers 400 with Redis' own words to a command that fails", async () => {
    await rest("/", ["SET", "k", "v"]);
    expect(await rest("/", ["LPUSH", "k", "x"])).toEqual({
      status: 400,
      text: '{"error":"WRONGTYPE Operation against a key holding the wrong kind of value"}',
    });
    expect((await rest("/", ["EVALSHA", "0".repeat(40), "0"])).text).toBe(
      '{"error":"NOSCRIPT No matching script. Please use EVAL."}',
    );
  });

  it("runs a pipeline in order and gives an error in its place with status 200", async () => {
    const commands = [
      ["SET", "k", "1"],
      ["LPUSH", "k", "x"],
      ["INCR", "k"],
    ];
    expect(await rest("/pipeline", commands)).toEqual({
      status: 200,
      text: '[{"result":"OK"},{"error":"WRONGTYPE Operation against a key holding the wrong kind of value"},{"result":2}]',
    });
  });

  it("runs a transaction as a whole, and keeps what worked when a command fails while it runs", async () => {
    await rest("/", ["SET", "k", "1"]);
    const run = [
      ["INCR", "k"],
      ["LPUSH", "k", "x"],
      ["INCR", "k"],
    ];
    expect(await rest("/multi-exec", run)).toEqual({
      status: 200,
      text: '[{"result":2},{"error":"WRONGTYPE Operation against a key holding the wrong kind of value"},{"result":3}]',
    });
  });

  it("discards a transaction with a command that Redis does not take", async () => {
    const answer = await rest("/multi-exec", [
      ["SET", "k", "1"],
      ["SET", "k"],
    ]);
    expect(answer).toEqual({
      status: 400,
      text: '{"error":"EXECABORT Transaction discarded because of previous errors."}',
    });
    expect((await rest("/", ["EXISTS", "k"])).text).toBe('{"result":0}');
  });

  it("lets no command of another caller into a transaction", async () => {
    const transaction = Array.from({ length: 50 }, () => ["INCR", "n"]);
    const both = await Promise.all([
      ...Array.from({ length: 5 }, () => rest("/multi-exec", transaction)),
      ...Array.from({ length: 20 }, () => rest("/", ["SET", "n", "1000"])),
    ]);
    for (const { text } of both.slice(0, 5)) {
      const [first = 0, ...others] = (JSON.parse(text) as { result: number }[]).map(({ result }) => result);
      expect(others).toEqual(Array.from({ length: 49 }, (_, n) => first + n + 1));
    }
  });

  it("takes commands in the path, with the body as last argument and the query after it", async () => {
    expect((await rest("/set/k/a%20b/EX/100")).text).toBe('{"result":"OK"}');
    expect((await rest("/get/k")).text).toBe('{"result":"a b"}');
    expect((await rest("/set/k?EX=50&NX", "body")).text).toBe('{"result":null}');
    expect((await rest("/set/j?EX=50&NX", "body")).text).toBe('{"result":"OK"}');
    const response = await fetch(`${gateway.url}/get/j?_token=${gateway.token}`);
    expect(await response.text()).toBe('{"result":"body"}');
  });

  it("encodes every string but OK where base64 is asked for", async () => {
    const base64 = { "upstash-encoding": "base64" };
    expect((await rest("/", ["SET", "k", "é\n"], base64)).text).toBe('{"result":"OK"}');
    expect((await rest("/", ["GET", "k"], base64)).text).toBe(
      JSON.stringify({ result: Buffer.from("é\n").toString("base64") }),
    );
    expect(
      (
        await rest(
          "/pipeline",
          [
            ["STRLEN", "k"],
            ["MGET", "k", "x"],
          ],
          base64,
        )
      ).text,
    ).toBe(`[{"result":3},{"result":["${Buffer.from("é\n").toString("base64")}",null]}]`);
  });

  it("answers 401 without the token, 405 to other methods and 400 to what is no command", async () => {
    expect((await rest("/", ["PING"], { authorization: "Bearer wrong" })).status).toBe(401);
    expect((await fetch(gateway.url, { method: "POST", body: '["PING"]' })).status).toBe(401);
    expect((await fetch(gateway.url, { method: "DELETE" })).status).toBe(405);
    for (const body of ["{", "[]", '{"a":1}', "[[1]]", "[null]"]) expect((await rest("/", body)).status).toBe(400);
    for (const body of ["[]", '["PING"]', "[[]]"]) expect((await rest("/pipeline", body)).status).toBe(400);
  });

  it.each(["MULTI", "watch", "SUBSCRIBE", "BLPOP", "SELECT"])("refuses %s, which needs a connection", async (name) => {
    expect(await rest("/", [name, "x"])).toEqual({
      status: 400,
      text: JSON.stringify({ error: `ERR Command is not available: '${name}'` }),
    });
  });

  it("serves the real client: auto-pipelining, scripts and transactions", async () => {
    const client = new Redis({ url: gateway.url, token: gateway.token, enableTelemetry: false });
    await client.hset("h", { a: 1, b: "x" });
    expect(await client.hgetall("h")).toEqual({ a: 1, b: "x" });
    expect(await client.createScript<number>("return redis.call('INCR', KEYS[1])").exec(["c"], [])).toBe(1);
    expect(await client.multi().incr("c").get("c").exec()).toEqual([2, 2]);
    expect(await client.get("missing")).toBeNull();
  });

  it("counts requests and commands", async () => {
    const before = { ...gateway.counts };
    await rest("/pipeline", [["PING"], ["PING"]]);
    expect(gateway.counts).toEqual({ requests: before.requests + 1, commands: before.commands + 2 });
  });
});

describe("faults of the Upstash gateway", () => {
  it("cuts the connection before or after the commands ran, as a test asks", async () => {
    gateway.faults.cutBefore = 1;
    await expect(rest("/", ["INCR", "n"])).rejects.toThrow();
    gateway.faults.cutAfter = 1;
    await expect(rest("/", ["INCR", "n"])).rejects.toThrow();
    expect((await rest("/", ["INCR", "n"])).text).toBe('{"result":2}');
  });

  it("answers a status, hangs, or refuses connections", async () => {
    gateway.faults.status = 500;
    expect((await rest("/", ["INCR", "n"])).status).toBe(500);
    gateway.faults.status = 0;
    gateway.faults.hang = true;
    await expect(
      fetch(`${gateway.url}/incr/n?_token=${gateway.token}`, { signal: AbortSignal.timeout(100) }),
    ).rejects.toThrow(/timeout/i);
    gateway.faults.hang = false;
    await gateway.stopListening();
    await expect(rest("/", ["PING"])).rejects.toThrow();
    await gateway.startListening();
    expect((await rest("/", ["GET", "n"])).text).toBe('{"result":"1"}');
  });

  it("waits while Redis is frozen and answers when it goes on", async () => {
    redis.pause();
    const answer = rest("/", ["INCR", "n"]);
    redis.resume();
    expect((await answer).text).toBe('{"result":1}');
  });

  it("answers 503 while Redis is gone, and refuses to start without one", async () => {
    const other = await startLocalUpstash();
    await other.redis.stop();
    const response = await fetch(`${other.gateway.url}/ping?_token=${other.gateway.token}`);
    expect(response.status).toBe(503);
    await other.close();
    await expect(startUpstashGateway({ redis: { socketPath: other.redis.socketPath } })).rejects.toThrow();
  });
});
