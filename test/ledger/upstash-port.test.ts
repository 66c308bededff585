/** What the client makes of a server that behaves well, badly, or not at all. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { afterEach, expect, test, vi } from "vitest";
import { RedisReplyError, RedisUnreachableError } from "../../core/ledger/contract/redis-port.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";

const TOKEN = "a-token-that-nobody-sees";
const ARGUMENT = "an-argument-that-nobody-sees";
const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

interface Seen {
  requests: { path: string; headers: IncomingMessage["headers"]; body: string }[];
}

/** @param timeoutMs long, so that only a server that says nothing meets it, however busy the machine is */
async function serve(answer: (response: ServerResponse, request: IncomingMessage) => void, timeoutMs = 20_000) {
  const seen: Seen = { requests: [] };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (text: Buffer) => (body += String(text)));
    request.on("end", () => {
      seen.requests.push({ path: request.url ?? "", headers: request.headers, body });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const redis = upstashPort({ url: `http://127.0.0.1:${port}`, token: TOKEN, timeoutMs });
  return { redis, seen, port };
}

const json = (status: number, body: string) => (response: ServerResponse) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body);
};

async function failureOf(work: Promise<unknown>): Promise<Error> {
  const failure = await work.then(
    () => new Error("it did not fail"),
    (error: unknown) => error,
  );
  if (!(failure instanceof Error)) throw new TypeError("something else than an error was thrown");
  let text = "";
  for (let error: unknown = failure; error instanceof Error; error = error.cause)
    text += `${error.message} ${error.stack}`;
  expect(text).not.toContain(TOKEN);
  expect(text).not.toContain(ARGUMENT);
  return failure;
}

test("one request a command, to the path of the protocol, without telemetry, retries or conversions", async () => {
  const { redis, seen } = await serve(
    json(200, '{"result":["1234","007","true","null","{\\"a\\":1}","12345678901234567890",5,null]}'),
  );
  expect(await redis.command(["HGETALL", "k", 7])).toEqual([
    "1234",
    "007",
    "true",
    "null",
    '{"a":1}',
    "12345678901234567890",
    5,
    null,
  ]);
  expect(seen.requests).toHaveLength(1);
  const [{ path, body, headers } = { path: "", body: "", headers: {} }] = seen.requests;
  expect({ path, body }).toEqual({ path: "/", body: '["HGETALL","k","7"]' });
  expect(headers["authorization"]).toBe(`Bearer ${TOKEN}`);
  expect(Object.keys(headers).filter((name) => /telemetry|encoding/.test(name) && name.startsWith("upstash"))).toEqual(
    [],
  );
});

test("a pipeline is one request, and a failed command gives its error in its place", async () => {
  const { redis, seen } = await serve(json(200, '[{"result":"a"},{"error":"ERR no such key"},{"result":null}]'));
  const replies = await redis.pipeline([
    ["GET", "a"],
    ["RENAME", "b", "c"],
    ["GET", "d"],
  ]);
  expect(replies).toEqual(["a", new RedisReplyError("ERR no such key"), null]);
  expect(seen.requests.map(({ path }) => path)).toEqual(["/pipeline"]);
  expect(await redis.pipeline([])).toEqual([]);
  expect(seen.requests).toHaveLength(1);
});

test("an integer that lost digits on the way is an error, not wrong money", async () => {
  const { redis } = await serve(json(200, '{"result":9223372036854775807}'));
  expect(await failureOf(redis.command(["HINCRBY", "k", "f", 1]))).toEqual(
    new RedisReplyError("ERR integer reply beyond 2^53 was rounded on the way"),
  );
});

test.each([
  [400, "ERR value is not an integer or out of range"],
  [400, "NOSCRIPT No matching script. Please use EVAL."],
  [401, "WRONGPASS invalid or missing auth token"],
])("status %i with an error of Redis is Redis' own refusal, without the command", async (status, text) => {
  const { redis, seen } = await serve(json(status, JSON.stringify({ error: text })));
  expect(await failureOf(redis.command(["INCR", ARGUMENT]))).toEqual(new RedisReplyError(text));
  expect(seen.requests).toHaveLength(1);
});

test.each<[what: string, (response: ServerResponse, request: IncomingMessage) => void, timeoutMs?: number]>([
  ["status 500 with HTML", (response) => response.writeHead(500).end("<html>oops</html>")],
  ["status 500 with JSON", json(500, '{"error":"internal"}')],
  ["status 502 with nothing", (response) => response.writeHead(502).end()],
  ["status 200 with HTML", (response) => response.writeHead(200).end("<html>log in</html>")],
  ["status 200 with half a body", json(200, '{"result":"a')],
  ["status 200 with another protocol", json(200, '{"data":1}')],
  ["a result that is none of Redis'", json(200, '{"result":{"a":1}}')],
  [
    "a body that breaks off",
    (response) => response.writeHead(200, { "content-length": "100" }).write('{"result":', () => response.destroy()),
  ],
  ["a connection that breaks after the request", (_, request) => request.socket.destroy()],
  ["no answer in time", () => undefined, 200],
  ["a body that does not end in time", (response) => response.writeHead(200).write('{"result":'), 200],
])("%s leaves open whether the command was executed, and is not tried again", async (_, answer, timeoutMs) => {
  const { redis, seen } = await serve(answer, timeoutMs);
  const failure = await failureOf(redis.command(["SET", ARGUMENT, "v"]));
  expect(failure).toBeInstanceOf(RedisUnreachableError);
  expect((failure as RedisUnreachableError).executed).toBe("unknown");
  // A connection that hangs may be given up before the server has read from it.
  expect(seen.requests.length).toBeLessThanOrEqual(1);
  expect(await failureOf(redis.pipeline([["SET", ARGUMENT, "v"]]))).toBeInstanceOf(RedisUnreachableError);
});

test("where nobody listens, the command was certainly not executed", async () => {
  const { port } = await serve(json(200, "{}"));
  closers.splice(0).forEach((close) => close());
  await new Promise((resolve) => setTimeout(resolve, 20));
  const redis = upstashPort({ url: `http://127.0.0.1:${port}`, token: TOKEN, timeoutMs: 20_000 });
  const failure = await failureOf(redis.command(["SET", ARGUMENT, "v"]));
  expect(failure).toBeInstanceOf(RedisUnreachableError);
  expect((failure as RedisUnreachableError).executed).toBe("no");
});

test("a pipeline that comes back with another number of answers is not believed", async () => {
  const { redis } = await serve(json(200, '[{"result":"a"}]'));
  const failure = await failureOf(
    redis.pipeline([
      ["GET", "a"],
      ["GET", "b"],
    ]),
  );
  expect(failure).toBeInstanceOf(RedisUnreachableError);
});

/** A time limit by which the timers of requests are told from all others. */
const LIMIT_MS = 54_321;
/** How long a limit that was called off may leave a timer behind (durable-objects/platform/lasting-timers.ts). */
const SLICE_MS = 250;

test("the limit of a request ends with its answer or its failure: a timer that ran on would keep a Durable Object awake", async () => {
  const answers = [json(200, '{"result":"a"}'), (response: ServerResponse) => void response.destroy()];
  const { redis } = await serve((response) => answers.shift()?.(response), LIMIT_MS);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  const set = vi.spyOn(globalThis, "setTimeout");
  // Node's own fetch has longer ones.
  const slices = () => set.mock.calls.filter(([, ms = 0]) => ms <= SLICE_MS).length;
  try {
    expect(await redis.command(["GET", "a"])).toBe("a");
    await failureOf(redis.command(["GET", ARGUMENT]));
    const begun = slices();
    expect(begun).toBeGreaterThan(0);
    vi.advanceTimersByTime(LIMIT_MS / 2);
    expect(slices()).toBe(begun);
  } finally {
    vi.restoreAllMocks();
    vi.useRealTimers();
  }
});

test("of two requests at once, the time of one is not the time of the other", async () => {
  const open = new Map<string, ServerResponse>();
  const both = Promise.withResolvers<void>();
  const { redis, seen } = await serve((response) => {
    open.set(seen.requests.at(-1)?.body ?? "", response);
    if (open.size === 2) both.resolve();
  }, LIMIT_MS);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  try {
    const late = failureOf(redis.command(["GET", ARGUMENT]));
    vi.advanceTimersByTime(SLICE_MS);
    const other = redis.command(["GET", "a"]);
    await both.promise;
    vi.advanceTimersByTime(LIMIT_MS - SLICE_MS);
    expect(await late).toEqual(new RedisUnreachableError("redis: no answer in time", "unknown"));
    json(200, '{"result":"a"}')(open.get('["GET","a"]') ?? expect.fail("the other request did not arrive"));
    expect(await other).toBe("a");
  } finally {
    vi.useRealTimers();
  }
});
