import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Redis } from "@upstash/redis";
import { Hono } from "hono";
import { expect, test, vi } from "vitest";
import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import { answerRest } from "../../core/ledger/engine/rest.ts";
import type { SqlRow } from "../../core/sql-port.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { restPort } from "../../core/ledger/contract/rest-port.ts";
import type { Env } from "../../durable-objects/env.ts";
import { redisRoutes } from "../../worker/routes/redis.ts";

const login = `0x${"ab".repeat(20)}`;
let serial = 0;
const share = (worker = "1234") => {
  serial += 1;
  return {
    login,
    worker,
    nonce: `0x${serial.toString(16).padStart(16, "0")}`,
    header: `0x${"01".repeat(32)}`,
    mixDigest: `0x${"02".repeat(32)}`,
    height: 100,
    shareDifficulty: 2_000_000_000n,
    timestampMs: 1_795_334_381_000 + serial,
  };
};

test("the embedded ledger records shares and a block in workerd, and says so again on a retry", async () => {
  const redis = embeddedPort(env.EMBEDDED_REDIS.getByName("books"), 120_000);
  const writer = createLedgerWriter({
    redis,
    coin: "eth",
    hashrateExpirationMs: 10_800_000,
    nowMs: () => 1_795_334_381_000,
  });
  const first = share();
  expect(await writer.recordShares([first, share("rig"), first], false)).toEqual(["recorded", "recorded", "duplicate"]);
  expect(await writer.recordShares([first], true)).toEqual(["recorded"]);
  const block = { ...share(), networkDifficulty: 10n ** 19n };
  expect(await writer.recordBlock(block, false)).toBe("recorded");
  expect(await writer.recordBlock(block, true)).toBe("recorded");
  expect(await redis.command(["HGETALL", "eth:shares:round100:" + block.nonce])).toEqual([login, "6000000000"]);
  expect(await redis.command(["ZRANGE", "eth:blocks:candidates", 0, -1, "WITHSCORES"])).toEqual([
    `${block.nonce}:${block.header}:${block.mixDigest}:1795334381:10000000000000000000:6000000000`,
    "100",
  ]);
});

test("replies keep their types: digits stay text and 64-bit integers stay exact", async () => {
  const redis = embeddedPort(env.EMBEDDED_REDIS.getByName("types"), 120_000);
  await redis.command(["HSET", "h", "1234", "007", "json", '{"a":12345678901234567890}', "true", "null"]);
  expect(await redis.command(["HGETALL", "h"])).toEqual([
    "1234",
    "007",
    "json",
    '{"a":12345678901234567890}',
    "true",
    "null",
  ]);
  expect(await redis.command(["HINCRBY", "h", "sum", "9223372036854775807"])).toBe("9223372036854775807");
  expect(await redis.command(["HINCRBY", "h", "small", "5"])).toBe(5);
  expect(
    await redis.pipeline([
      ["HGET", "h", "sum"],
      ["GET", "h"],
      ["ZADD", "z", "-inf", "m"],
      ["ZSCORE", "z", "m"],
    ]),
  ).toEqual([
    "9223372036854775807",
    expect.objectContaining({ message: "WRONGTYPE Operation against a key holding the wrong kind of value" }),
    1,
    "-inf",
  ]);
});

test("a share writes six rows of storage once its keys are there, and a batch takes few statements", async () => {
  const taken = await runInDurableObject(env.EMBEDDED_REDIS.getByName("rows"), async (_, state) => {
    let sum = { statements: 0, rowsRead: 0, rowsWritten: 0 };
    const engine = new EmbeddedEngine({
      sql: {
        exec(statement, ...parameters) {
          const cursor = state.storage.sql.exec<SqlRow>(statement, ...parameters);
          const result = cursor.toArray();
          sum.statements += 1;
          sum.rowsRead += cursor.rowsRead;
          sum.rowsWritten += cursor.rowsWritten;
          return result;
        },
        transaction: (work) => state.storage.transactionSync(work),
        durable: () => state.storage.sync(),
      },
      nowMs: () => 1_795_334_381_000,
    });
    const writer = createLedgerWriter({
      redis: restPort(async (path, body) => JSON.parse(answerRest(engine, path.join("/"), body, false).body)),
      coin: "eth",
      hashrateExpirationMs: 10_800_000,
      nowMs: () => 1_795_334_381_000,
    });
    const write = async (shares: number, logins: number) => {
      const batch = Array.from({ length: shares }, (_share, at) => ({
        ...share(),
        login: `0x${(at % logins).toString(16).padStart(40, "0")}`,
      }));
      sum = { statements: 0, rowsRead: 0, rowsWritten: 0 };
      await writer.recordShares(batch, false);
      return { ...sum };
    };
    await write(12, 12);
    const few = { lone: await write(1, 1), fifteen: await write(15, 12), hundred: await write(100, 1) };
    // As in a pool whose figures somebody reads.
    engine.execute(["ZCOUNT", "eth:hashrate", "-inf", "+inf"]);
    return { ...few, inMemory: await write(15, 12) };
  });
  // pow, hashrate and hashrate:<login> take a row a share; the stats one a batch, the round and lastShare one a login. Read are keys and sums.
  expect(taken).toEqual({
    lone: { statements: 5, rowsRead: 9, rowsWritten: 6 },
    fifteen: { statements: 7, rowsRead: 42, rowsWritten: 70 },
    hundred: { statements: 15, rowsRead: 9, rowsWritten: 303 },
    inMemory: { statements: 8, rowsRead: 42, rowsWritten: 70 },
  });
});

const token = "read-the-books-of-the-pool";
const app = new Hono<{ Bindings: Env }>();
redisRoutes(app);
const call = async (path: string, init: RequestInit, settings: Record<string, string> = { REDIS_TOKEN: token }) =>
  app.request(`http://pool.test/redis${path}`, init, { ...env, ...settings });

test("any @upstash/redis client can read the books through /redis, base64 encoding included", async () => {
  const redis = new Redis({
    url: "http://pool.test/redis",
    token: token,
    automaticDeserialization: false,
    enableTelemetry: false,
    retry: { retries: 0 },
  });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    return app.fetch(request, { ...env, REDIS_TOKEN: token });
  });
  try {
    expect(await redis.set("k", "ü OK")).toBe("OK");
    expect(await redis.get("k")).toBe("ü OK");
    expect(await redis.multi().hset("h", { OK: "OK" }).hgetall("h").exec()).toEqual([1, ["OK", "OK"]]);
    expect(
      await redis.pipeline().zadd("z", { score: 1.5, member: "a" }).zrange("z", 0, -1, { withScores: true }).exec(),
    ).toEqual([1, ["a", "1.5"]]);
  } finally {
    vi.restoreAllMocks();
  }
});

test("/redis without its token says nothing about the books", async () => {
  for (const headers of [{}, { Authorization: "Bearer wrong" }, { Authorization: `Basic ${token}` }]) {
    const response = await call("", { method: "POST", headers, body: '["GET","k"]' });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: "WRONGPASS invalid or missing auth token" });
  }
});

test("/redis answers requests that are no commands with an error and status 400", async () => {
  const headers = { Authorization: `Bearer ${token}` };
  for (const body of ["", "{}", "[", "[]", '[["GET","k"]]', "[null]", '["NOSUCH"]', '["GET"]']) {
    const response = await call("", { method: "POST", headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.stringMatching(/^ERR /) });
  }
  expect((await call("/nowhere", { method: "POST", headers, body: '["PING"]' })).status).toBe(404);
  expect((await call("", { method: "GET", headers })).status).toBe(405);
});

test("/redis refuses a body over Upstash's limit, whether or not its length was announced", async () => {
  const headers = { Authorization: `Bearer ${token}` };
  const megabyte = new Uint8Array(1024 * 1024).fill(0x20);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({ pull: (stream) => (sent++, stream.enqueue(megabyte)) });
  const streamed = await call("", { method: "POST", headers, body: endless });
  expect([streamed.status, sent < 20]).toEqual([413, true]);
  const announced = { ...headers, "Content-Length": String(11 * 1024 * 1024) };
  expect((await call("", { method: "POST", headers: announced, body: "[]" })).status).toBe(413);
});

const noPermission = (user: string, command: string) => ({
  status: 400,
  body: { error: `NOPERM User ${user} has no permissions to run the '${command}' command` },
});

test("the read token reads and is refused every write in Redis' words; neither token empties the books", async () => {
  const readToken = "only-read-the-books-of-it";
  const settings = { REDIS_TOKEN: token, REDIS_READ_TOKEN: readToken };
  const ask = async (bearer: string, command: unknown, path = "") => {
    const headers = { Authorization: `Bearer ${bearer}` };
    const response = await call(path, { method: "POST", headers, body: JSON.stringify(command) }, settings);
    return { status: response.status, body: await response.json() };
  };
  expect(await ask(token, ["SET", "kept", "1"])).toEqual({ status: 200, body: { result: "OK" } });
  expect(await ask(readToken, ["GET", "kept"])).toEqual({ status: 200, body: { result: "1" } });
  expect(await ask(readToken, ["Set", "kept", "2"])).toEqual(noPermission("readonly", "set"));
  for (const script of ["EVAL", "EVALSHA"]) {
    expect(await ask(readToken, [script, "return 1", "0"])).toEqual(noPermission("readonly", script.toLowerCase()));
  }
  const several = [
    ["GET", "kept"],
    ["DEL", "kept"],
  ];
  expect(await ask(readToken, several, "/pipeline")).toEqual({
    status: 200,
    body: [{ result: "1" }, { error: "NOPERM User readonly has no permissions to run the 'del' command" }],
  });
  expect(await ask(readToken, several, "/multi-exec")).toEqual({
    status: 400,
    body: { error: "EXECABORT Transaction discarded because of previous errors." },
  });
  for (const command of ["FLUSHALL", "flushdb"]) {
    expect(await ask(token, [command])).toEqual(noPermission("default", command.toLowerCase()));
    expect(await ask(readToken, [command])).toEqual(noPermission("readonly", command.toLowerCase()));
  }
  expect(await ask(readToken, ["GET", "kept"])).toEqual({ status: 200, body: { result: "1" } });
});

test("a pool with a read token only lets nobody write", async () => {
  const readToken = "only-read-the-books-of-it";
  const headers = { Authorization: `Bearer ${readToken}` };
  const settings = { REDIS_READ_TOKEN: readToken };
  expect((await call("", { method: "POST", headers, body: '["PING"]' }, settings)).status).toBe(200);
  expect((await call("", { method: "POST", headers, body: '["SET","k","v"]' }, settings)).status).toBe(400);
  const bearer = { Authorization: `Bearer ${token}` };
  expect((await call("", { method: "POST", headers: bearer, body: '["PING"]' }, settings)).status).toBe(401);
});
