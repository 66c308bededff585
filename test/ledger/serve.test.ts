/** `npm run ledger -- serve` over an embedded ledger, as client programs meet it: @redis/client, and bytes on a socket. */
import { createClient } from "@redis/client";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { RedisUnreachableError, type TransactionPort } from "../../core/ledger/contract/redis-port.ts";
import { startRespServer, type RespServer, type RespServerOptions } from "../../scripts/ledger/serve/server.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function serve(over: Partial<RespServerOptions> = {}): Promise<RespServer & { ledger: TransactionPort }> {
  const ledger = over.ledger ?? embeddedLedger();
  const server = await startRespServer({ host: "127.0.0.1", port: 0, writes: true, password: null, ...over, ledger });
  open.push(() => server.close());
  return { ...server, ledger };
}

async function client(port: number, password?: string) {
  const made = createClient({
    socket: { host: "127.0.0.1", port, reconnectStrategy: false },
    RESP: 2,
    ...(password !== undefined && { password }),
  });
  made.on("error", () => undefined);
  await made.connect();
  open.push(() => made.destroy());
  return made;
}

/** A client without a library: what it says goes out as it stands. */
async function raw(
  port: number,
): Promise<{ socket: Socket; say: (bytes: string) => void; heard: (bytes: string) => Promise<void> }> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  open.push(() => socket.destroy());
  let all = "";
  socket.on("data", (chunk: Buffer) => (all += chunk.toString()));
  return {
    socket,
    say: (bytes) => void socket.write(bytes),
    async heard(bytes) {
      while (all.length < bytes.length && !socket.readableEnded)
        await Promise.race([once(socket, "data"), once(socket, "end")]);
      expect(all).toBe(bytes);
      all = "";
    },
  };
}

const gone = async (): Promise<never> => {
  throw new RedisUnreachableError("redis: the connection broke", "unknown");
};

const command = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;

test("a client library reads and writes every kind of key", async () => {
  const redis = await client((await serve()).port);
  expect(await redis.ping()).toBe("PONG");
  expect(await redis.set("text", "né")).toBe("OK");
  expect(await redis.get("text")).toBe("né");
  expect(await redis.hSet("hash", { a: "1", b: "2" })).toBe(2);
  expect({ ...(await redis.hGetAll("hash")) }).toEqual({ a: "1", b: "2" });
  expect(await redis.zAdd("zset", [{ score: 1.5, value: "a" }])).toBe(1);
  expect(await redis.zRangeWithScores("zset", 0, -1)).toEqual([{ value: "a", score: 1.5 }]);
  expect(await redis.sAdd("set", ["x"])).toBe(1);
  expect(await redis.type("set")).toBe("set");
  expect(await redis.get("none")).toBeNull();
  expect(await redis.sendCommand(["HSET", "hash", "big", "9007199254740993"])).toBe(1);
  await expect(redis.hGet("text", "a")).rejects.toThrow("WRONGTYPE");
  await expect(redis.sendCommand(["NOSUCH", "x"])).rejects.toThrow("ERR unknown command 'NOSUCH'");
  await expect(redis.sendCommand(["EVAL", "return 1", "0"])).rejects.toThrow("not allowed");
  await expect(redis.flushAll()).rejects.toThrow("NOPERM");
  await expect(redis.sendCommand(["SELECT", "1"])).rejects.toThrow("ERR DB index is out of range");
});

test("an integer beyond 2^53 goes out as one, digit by digit", async () => {
  const { port, ledger } = await serve();
  await ledger.command(["HSET", "h", "sum", "9007199254740993"]);
  const { say, heard } = await raw(port);
  say(command("HINCRBY", "h", "sum", "2") + command("MULTI") + command("HINCRBY", "h", "sum", "2") + command("EXEC"));
  await heard(":9007199254740995\r\n+OK\r\n+QUEUED\r\n*1\r\n:9007199254740997\r\n");
});

test("commands that come together are answered in their order, and with one request to the ledger", async () => {
  const ledger = embeddedLedger();
  let requests = 0;
  const counting: TransactionPort = { ...ledger, pipeline: (commands) => (requests++, ledger.pipeline(commands)) };
  const { port } = await serve({ ledger: counting });
  const { say, heard } = await raw(port);
  say(
    Array.from({ length: 100 }, (_, i) => command("HINCRBY", "h", "f", String(i))).join("") +
      command("NOSUCH") +
      command("GET", "x"),
  );
  const sums = Array.from({ length: 100 }, (_, i) => `:${(i * (i + 1)) / 2}\r\n`).join("");
  await heard(`${sums}-ERR unknown command 'NOSUCH', with args beginning with: \r\n$-1\r\n`);
  expect(requests).toBeLessThan(20);
});

test("a command may come byte by byte", async () => {
  const { say, heard } = await raw((await serve()).port);
  for (const byte of command("SET", "key", "a\r\nb") + command("GET", "key")) {
    say(byte);
    await new Promise(setImmediate);
  }
  await heard("+OK\r\n$4\r\na\r\nb\r\n");
});

test("MULTI runs all or, when a command is none, nothing; DISCARD forgets", async () => {
  const { say, heard } = await raw((await serve()).port);
  say(
    command("MULTI") + command("SET", "a", "1") + command("HGET", "a", "x") + command("GET", "none") + command("EXEC"),
  );
  await heard(
    "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n$-1\r\n",
  );
  say(command("MULTI") + command("SET", "b", "1") + command("NOSUCH") + command("EXEC") + command("GET", "b"));
  await heard(
    "+OK\r\n+QUEUED\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n",
  );
  say(command("MULTI") + command("SET", "b", "1") + command("DISCARD") + command("GET", "b") + command("EXEC"));
  await heard("+OK\r\n+QUEUED\r\n+OK\r\n$-1\r\n-ERR EXEC without MULTI\r\n");
  say(command("MULTI") + command("MULTI") + command("WATCH", "a") + command("EXEC"));
  await heard("+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n*0\r\n");
});

test("EXEC answers nil when a watched key was changed by somebody else, and by nobody else's UNWATCH", async () => {
  const { port, ledger } = await serve();
  const redis = await client(port);
  await redis.hSet("credits", { login: "5" });
  await redis.watch("credits");
  await ledger.command(["HINCRBY", "credits", "login", "1"]);
  await expect(redis.multi().del("credits").exec()).rejects.toThrow("watched keys has been changed");
  expect(await redis.hGet("credits", "login")).toBe("6");
  // The EXEC has ended the watch.
  expect(await redis.multi().hIncrBy("credits", "login", 1).exec()).toEqual([7]);
  await redis.watch("credits");
  await ledger.command(["HINCRBY", "credits", "login", "1"]);
  await redis.unwatch();
  expect(await redis.multi().hIncrBy("credits", "login", 1).exec()).toEqual([9]);
  await redis.watch("credits");
  expect(await redis.multi().del("credits").exec()).toEqual([1]);
});

test("of two payers that watch the same credits exactly one pays", async () => {
  const { port, ledger } = await serve();
  await ledger.command(["HSET", "credits", "login", "5"]);
  const payers = await Promise.all([client(port), client(port), client(port)]);
  const pay = async (redis: Awaited<ReturnType<typeof client>>): Promise<boolean> => {
    await redis.watch("credits");
    const amount = Number(await redis.hGet("credits", "login"));
    if (amount === 0) return false;
    return redis
      .multi()
      .hIncrBy("miners", "balance", amount)
      .del("credits")
      .exec()
      .then(
        () => true,
        () => false,
      );
  };
  const paid = await Promise.all(payers.map(pay));
  expect(paid.filter(Boolean)).toHaveLength(1);
  expect(await ledger.command(["HGET", "miners", "balance"])).toBe("5");
});

test("cursors of all scans have 64 bits, go on over another connection, and one that was not given is refused", async () => {
  const { port, ledger } = await serve();
  const logins = Array.from({ length: 95 }, (_, i) => `0x${String(i).padStart(40, "a")}`);
  for (const login of logins) await ledger.command(["HSET", `eth:miners:${login}`, "lastShare", "1"]);
  for (const login of logins) await ledger.command(["ZADD", "eth:finders", 1, login]);
  const clients = [await client(port), await client(port)] as const;
  const found: string[] = [];
  let cursor = "0";
  for (let i = 0; ; i++) {
    const [next, keys] = await clients[i % 2]!.sendCommand<[string, string[]]>([
      "SCAN",
      cursor,
      "MATCH",
      "eth:miners:*",
      "COUNT",
      "10",
    ]);
    found.push(...keys);
    expect(BigInt(next)).toBeLessThan(2n ** 63n);
    if ((cursor = next) === "0") break;
  }
  expect(found.toSorted()).toEqual(logins.map((login) => `eth:miners:${login}`).toSorted());
  const [next] = await clients[0].sendCommand<[string, string[]]>(["ZSCAN", "eth:finders", "0", "COUNT", "10"]);
  expect(next).toMatch(/^\d{1,18}$/);
  const inMulti = await clients[0].multi().addCommand(["ZSCAN", "eth:finders", next, "COUNT", "1000"]).exec();
  expect(inMulti[0]).toMatchObject(["0", { length: 2 * 85 }]);
  await expect(clients[0].sendCommand(["SCAN", "123456"])).rejects.toThrow("ERR invalid cursor");
});

test("without --write nothing is written, and the refusal says what to do", async () => {
  const { port, ledger } = await serve({ writes: false });
  await ledger.command(["SET", "a", "1"]);
  const redis = await client(port);
  expect(await redis.get("a")).toBe("1");
  expect(await redis.multi().get("a").exec()).toEqual(["1"]);
  await expect(redis.set("a", "2")).rejects.toThrow(
    "NOPERM this port only reads, and 'set' writes: start it with --write",
  );
  await expect(redis.multi().get("a").set("a", "2").exec()).rejects.toThrow();
  await expect(redis.watch("a")).rejects.toThrow("NOPERM");
  expect(await ledger.command(["GET", "a"])).toBe("1");
});

test("with a password nothing is answered before it", async () => {
  const { port } = await serve({ password: "of this test" });
  const { say, heard } = await raw(port);
  say(
    command("GET", "a") + command("AUTH", "wrong") + command("AUTH", "default", "of this test") + command("GET", "a"),
  );
  await heard("-NOAUTH Authentication required.\r\n-WRONGPASS invalid username-password pair\r\n+OK\r\n$-1\r\n");
  expect(await (await client(port, "of this test")).get("a")).toBeNull();
  await expect(client(port, "wrong")).rejects.toThrow("WRONGPASS");
  const { say: tell, heard: told } = await raw((await serve()).port);
  tell(command("AUTH", "x"));
  await told("-ERR AUTH <password> called without any password configured for this port\r\n");
});

test("what a client says of itself is answered: HELLO, CLIENT, INFO, BGSAVE, QUIT", async () => {
  const { say, heard, socket } = await raw((await serve()).port);
  say(
    command("HELLO", "3") +
      command("CLIENT", "SETINFO", "LIB-NAME", "x") +
      command("CLIENT", "ID") +
      command("SELECT", "0"),
  );
  await heard("-NOPROTO unsupported protocol version\r\n+OK\r\n:1\r\n+OK\r\n");
  say(command("HELLO", "2") + command("BGSAVE"));
  await heard(
    "*6\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.0\r\n$5\r\nproto\r\n:2\r\n+Background saving started\r\n",
  );
  say(command("QUIT"));
  await heard("+OK\r\n");
  if (!socket.readableEnded) await once(socket, "end");
});

test("what is no RESP, as a browser's request, is told so and cut off", async () => {
  const { port } = await serve();
  for (const bytes of ["POST / HTTP/1.1\r\n\r\n", "*1\r\nPING\r\n", "*99999999999\r\n", "*1\r\n$-1\r\n"]) {
    const { say, socket } = await raw(port);
    say(bytes);
    const [chunk] = (await once(socket, "data")) as [Buffer];
    expect(chunk.toString()).toMatch(/^-ERR Protocol error: [^\r]+\r\n$/);
    if (!socket.readableEnded) await once(socket, "end");
  }
});

test("a ledger that does not answer is an error to each command, which says what is known of it", async () => {
  const { port } = await serve({ ledger: { command: gone, pipeline: gone, transaction: gone } });
  const { say, heard } = await raw(port);
  const text = "-ERR redis: the connection broke; whether it was done is not known\r\n";
  say(command("GET", "a") + command("SET", "a", "1"));
  await heard(text + text);
  say(command("MULTI") + command("SET", "a", "1") + command("EXEC") + command("WATCH", "a"));
  await heard(`+OK\r\n+QUEUED\r\n${text}${text}`);
});
