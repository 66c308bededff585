import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ADDRESS, answer, bridgeTo, LOGIN, minerOf, poolThat, requestOf, share, stratum1 } from "./bridge-fixture.ts";
import { TcpMiner } from "./tcp-miner.ts";

const job = (n: number): string => `{"id":0,"jsonrpc":"2.0","result":["0x${n}","0xseed","0xtarget"]}\n`;
const notify = (n: number): string =>
  JSON.stringify({ id: null, method: "mining.notify", params: [`job${n}`, "s", "h", true] });

test("opens the route of the login that the first line names, and sends that line unchanged", async () => {
  const pool = await poolThat(answer);
  const miner = await minerOf(await bridgeTo([pool.url]));
  const line = `{"id":1,"method":"eth_submitLogin","params":["${ADDRESS.toUpperCase().replace("0X", "0x")}.rig2", "x"], "worker":""}`;
  miner.socket.write(`${line}\n`);
  await miner.untilLines(1);
  expect(pool.connections[0]?.path).toBe(`/stratum/${ADDRESS}/rig2`);
  expect(pool.lines).toEqual([line]);
  expect(miner.lines).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
});

test.each([null, 7, true, {}, ["rig-1"]])(
  "a worker %j names nobody, on the way to the pool as in the table",
  async (worker) => {
    const pool = await poolThat(answer);
    const bridge = await bridgeTo([pool.url]);
    const miner = await minerOf(bridge);
    miner.say({ ...LOGIN, worker });
    await miner.untilLines(1);
    expect(pool.connections.map(({ path }) => path)).toEqual([`/stratum/${ADDRESS}`]);
    expect(bridge.stats().miners).toMatchObject([{ login: ADDRESS, worker: null }]);
  },
);

test.each([
  ["mining.subscribe", ["ethminer/0.19", "EthereumStratum/1.0.0"]],
  ["mining.hello", { agent: "ethminer/0.19", host: "pool", port: "1", proto: "EthereumStratum/2.0.0" }],
])("opens the route without a login when %s comes first", async (method, params) => {
  const pool = await poolThat(answer);
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say({ id: 1, method, params });
  await miner.untilLines(1);
  miner.say({ id: 3, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] });
  await miner.untilLines(2);
  expect(pool.connections.map(({ path }) => path)).toEqual(["/stratum"]);
});

test("loses, adds and changes no byte in either direction, however the bytes are cut", async () => {
  const pool = await poolThat(answer);
  const bridge = await bridgeTo([pool.url]);
  const text = fc.string({ unit: "grapheme", maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(300), { maxLength: 12 }),
      async (names, cuts) => {
        const before = pool.connections.length;
        const miner = await minerOf(bridge);
        // Methods that nobody knows, so that the bridge has no reason of its own to touch them.
        const lines = [
          JSON.stringify(LOGIN),
          ...names.map((name, id) => JSON.stringify({ id: id + 2, method: "x", params: [name] })),
        ];
        const bytes = Buffer.from(`${lines.join("\n")}\n`);
        const edges = [0, ...cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
        edges.forEach((edge, n) => miner.socket.write(bytes.subarray(edges[n - 1] ?? 0, edge)));
        await pool.until(() => pool.connections[before]?.lines.length === lines.length);
        const latin1 = lines.map((line) => Buffer.from(line).toString("latin1"));
        expect(pool.connections[before]?.lines).toEqual(latin1);
        await miner.untilLines(lines.length);
        // And back: the same bytes as settings of the pool, cut into frames of text and binary at will.
        const settings = Buffer.from(
          names.map((name) => `${JSON.stringify({ id: null, method: "say", params: [name] })}\n`).join(""),
        );
        const frames = [0, ...cuts.map((cut) => cut % settings.length).toSorted((a, b) => a - b), settings.length];
        frames.forEach((edge, n) => pool.connections[before]?.socket.send(settings.subarray(frames[n - 1] ?? 0, edge)));
        await miner.untilLines(lines.length + names.length);
        expect(`${miner.lines.slice(lines.length).join("\n")}\n`).toBe(settings.toString("latin1"));
        miner.close();
      },
    ),
    { seed: 5, numRuns: 25 },
  );
});

test("loses nothing that the miner says before the pool is connected", async () => {
  const pool = await poolThat(answer);
  const miner = await minerOf(await bridgeTo([pool.url]));
  const polls = Array.from({ length: 50 }, (_, n) => ({ id: n + 2, method: "eth_getWork", params: [] }));
  miner.say(LOGIN, ...polls);
  await miner.untilLines(51);
  expect(pool.lines).toEqual([LOGIN, ...polls].map((value) => JSON.stringify(value)));
});

test("gives the miner one job a read, and only the newest of several", async () => {
  const pool = await poolThat((line, connection) => {
    answer(line, connection);
    if (line.includes("Login")) return;
    connection.send(job(1) + job(2) + job(3));
    connection.send(job(4));
  });
  const miner = await minerOf(await bridgeTo([pool.url], { timings: { jobGapMs: 600 } }));
  miner.say(LOGIN, share(1));
  await miner.until((lines) => lines.at(-1) === job(4).trim());
  const [, , ...jobs] = miner.lines;
  expect(jobs).toEqual(jobs.length === 1 ? [job(4).trim()] : [job(1).trim(), job(4).trim()]);
  for (const read of miner.reads) expect(read.match(/result":\[/g)?.length ?? 0).toBeLessThanOrEqual(1);
});

test("gives a miner that asks for work after its login one job and not two, and one that does not ask the pool's push", async () => {
  const pool = await poolThat((line, connection) => {
    if (line.includes("getWork"))
      connection.send(`${JSON.stringify({ id: 5, jsonrpc: "2.0", result: ["0x1", "0xseed", "0xtarget"] })}\n`);
    else answer(line, connection);
    if (line.includes("Login")) connection.send(job(1));
    if (line.includes("submitWork")) connection.send(job(1) + job(2));
  });
  const bridge = await bridgeTo([pool.url]);
  const [asks, waits] = [await minerOf(bridge), await minerOf(bridge)];
  for (const miner of [asks, waits]) {
    miner.say(LOGIN);
    await miner.untilLines(1);
  }
  asks.say({ id: 5, method: "eth_getWork", params: [] });
  await asks.untilLines(2);
  asks.say(share(1));
  await asks.until((lines) => lines.at(-1) === job(2).trim());
  expect(asks.lines.filter((line) => line.includes("0x1"))).toHaveLength(1);
  await waits.untilLines(2);
  expect(waits.lines[1]).toBe(job(1).trim());
});

test.each<[string, object[], string, string]>([
  ["eth-proxy", [LOGIN], job(1).trim(), job(2).trim()],
  [
    "EthereumStratum/1",
    [
      { id: 1, method: "mining.subscribe", params: ["x", "EthereumStratum/1.0.0"] },
      { id: 2, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] },
    ],
    notify(1),
    notify(2),
  ],
])("is not told the job again that it has when its pool is back, in %s", async (_, logins, same, next) => {
  const pool = await poolThat((line, connection) => {
    const { method } = requestOf(line);
    if (method === "mining.subscribe") return stratum1("abc123", true)(line, connection);
    answer(line, connection);
    if (method === "eth_submitlogin" || method === "mining.authorize") connection.send(`${same}\n`);
  });
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say(...logins);
  await miner.until((lines) => lines.includes(same));
  pool.connections[0]?.socket.terminate();
  await pool.until(() => pool.connections[1]?.lines.length === logins.length);
  // What follows the job has come, so the job had come, too.
  pool.connections[1]?.send(`${next}\n`);
  await miner.until((lines) => lines.includes(next));
  expect(miner.lines.filter((line) => line === same || line === next)).toEqual([same, next]);
});

test("never lets a difficulty change overtake the job before it", async () => {
  const set = JSON.stringify({ id: null, method: "mining.set_difficulty", params: [2] });
  const pool = await poolThat((line, connection) => {
    answer(line, connection);
    connection.send([notify(1), notify(2), set, notify(3), ""].join("\n"));
  });
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say({ id: 3, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] });
  await miner.until((lines) => lines.at(-1) === notify(3));
  expect(miner.lines.slice(1)).toEqual([notify(1), notify(2), set, notify(3)]);
});

test.each([
  ["a line that is no JSON", "GET / HTTP/1.1\n"],
  ["a JSON array", "[1]\n"],
  ["a line over 1,024 bytes", `${JSON.stringify({ id: 1, method: "x".repeat(1024) })}\n`],
  ["an endless line", "x".repeat(5000)],
])("disconnects a miner that sends %s, and the pool never sees it", async (_, bytes) => {
  const pool = await poolThat(answer);
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say(LOGIN);
  await miner.untilLines(1);
  miner.socket.write(bytes);
  await miner.untilClosed();
  await pool.until(() => pool.connections.every(({ socket }) => socket.readyState >= 2));
  expect(pool.lines).toEqual([JSON.stringify(LOGIN)]);
});

test("carries a line of exactly 1,024 bytes", async () => {
  const pool = await poolThat(answer);
  const miner = await minerOf(await bridgeTo([pool.url]));
  const line = JSON.stringify({ id: 1, method: "" }).replace('""', `"${"x".repeat(1024 - 20)}"`);
  miner.socket.write(`${line.padEnd(1024)}\n`);
  await miner.untilLines(1);
  expect(pool.lines[0]).toHaveLength(1024);
});

test("closes the miner's connection with what the pool said when the pool turns it away", async () => {
  const refusal = '{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-1,"message":"Invalid login"}}';
  const pool = await poolThat((_, connection) => {
    connection.send(`${refusal}\n`);
    connection.socket.close(1000);
  });
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say({ ...LOGIN, params: ["0xnobody"] });
  await miner.untilClosed();
  expect(miner.lines).toEqual([refusal]);
  expect(pool.connections).toHaveLength(1);
});

test("refuses miners beyond the limit, says so, and keeps those that it has", async () => {
  const pool = await poolThat(answer);
  const said: string[] = [];
  const keep = (_: unknown, message: string): void => void said.push(message);
  const log = { debug: () => undefined, info: () => undefined, warn: keep, error: keep };
  const bridge = await bridgeTo([pool.url], { maxMiners: 1, log });
  const first = await minerOf(bridge);
  first.say(LOGIN);
  await first.untilLines(1);
  const second = await minerOf(bridge);
  await second.untilClosed();
  expect(said).toContain("too many miners; connection refused");
  first.say({ ...LOGIN, id: 2 });
  await first.untilLines(2);
  expect(bridge.stats().miners).toHaveLength(1);
});

test("connections that have said nothing make way for miners, the oldest first", async () => {
  const pool = await poolThat(answer);
  const bridge = await bridgeTo([pool.url], { maxMiners: 2 });
  const talking = await minerOf(bridge);
  talking.say(LOGIN);
  await talking.untilLines(1);
  const silent = await minerOf(bridge);
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(1);
  await silent.untilClosed();
  expect([talking.closed, miner.closed]).toEqual([false, false]);
});

test("silent getwork connections make way as well", async () => {
  const pool = await poolThat(answer);
  const getwork = [{ host: "127.0.0.1", port: 0 }];
  const bridge = await bridgeTo([pool.url], { maxMiners: 2, getwork });
  const silent = [];
  for (let n = 0; n < 2; n++) silent.push(await TcpMiner.connect(bridge.ports.getwork[0] ?? 0));
  const reply = await fetch(`http://127.0.0.1:${bridge.ports.getwork[0]}/nobody`, { method: "POST", body: "{}" });
  expect(reply.status).toBe(200);
  await silent[0]?.untilClosed();
  for (const miner of silent) miner.close();
});

test("keeps a silent miner's session alive with empty lines", async () => {
  const pool = await poolThat((line, connection) => line !== "" && answer(line, connection));
  const bridge = await bridgeTo([pool.url], { timings: { pingIntervalMs: 40, keepAliveMs: 30 } });
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await pool.until(() => pool.lines.length >= 3);
  expect(pool.lines.slice(0, 3)).toEqual([JSON.stringify(LOGIN), "", ""]);
  expect(miner.lines).toHaveLength(1);
});

test("connects again when the pool closes without saying why", async () => {
  const pool = await poolThat((line, connection) => {
    answer(line, connection);
    if (pool.connections.length === 1) connection.socket.close(1008, "Silent for too long");
  });
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say(LOGIN);
  await pool.until(() => pool.connections[1]?.lines.length === 1);
  expect(miner.closed).toBe(false);
  expect(miner.lines).toHaveLength(1);
});

test("stops reading a miner that says more than the pool answers, and loses none of it", async () => {
  let silent = true;
  const kept: string[] = [];
  const pool = await poolThat((line, connection) => {
    if (silent && line !== JSON.stringify(LOGIN)) kept.push(line);
    else answer(line, connection);
  });
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say(LOGIN);
  await miner.untilLines(1);
  const padding = "x".repeat(700);
  const count = 4000;
  miner.say(...Array.from({ length: count }, (_, n) => ({ id: n + 2, method: "m", params: [padding] })));
  await pool.until(() => kept.length >= 256);
  // The bridge reads on at most to the end of what one read of its socket brought.
  expect(kept.length).toBeLessThan(count);
  silent = false;
  const connection = pool.connections[0];
  if (connection !== undefined) for (const line of kept) answer(line, connection);
  await miner.untilLines(count + 1);
  expect(pool.lines).toHaveLength(count + 1);
});

test("disconnects a miner that never reads what it is told", async () => {
  const flood = `${JSON.stringify({ id: null, method: "say", params: ["x".repeat(900)] })}\n`.repeat(1000);
  const pool = await poolThat((line, connection) => {
    answer(line, connection);
    for (let n = 0; n < 20; n++) connection.send(flood);
  });
  const bridge = await bridgeTo([pool.url]);
  const miner = await minerOf(bridge);
  miner.socket.pause();
  miner.say(LOGIN);
  await pool.until(() => pool.connections.some(({ socket }) => socket.readyState === 3));
  expect(bridge.stats().miners).toEqual([]);
});

test.each([
  ["TLS", Buffer.from([0x16, 3, 1, 2, 0, 1]), /speaks TLS on a port without/],
  ["HTTP", Buffer.from(`POST /${ADDRESS} HTTP/1.0\r\n`), /speaks HTTP on a stratum port/],
])("says so when a miner speaks %s on a stratum port", async (_, bytes, expected) => {
  const reasons: string[] = [];
  const keep = (fields: Readonly<Record<string, unknown>>): void => void reasons.push(String(fields["reason"]));
  const pool = await poolThat(answer);
  const bridge = await bridgeTo([pool.url], { log: { debug: keep, info: keep, warn: keep, error: keep } });
  const miner = await minerOf(bridge);
  miner.socket.write(bytes);
  await miner.untilClosed();
  expect(reasons).toContainEqual(expect.stringMatching(expected));
  expect(pool.connections).toEqual([]);
});

test("waits for the answers to shares when it is closed", async () => {
  const pool = await poolThat((line, connection) =>
    answer(line, connection, ({ id }) => {
      setTimeout(() => connection.send(`${JSON.stringify({ id, jsonrpc: "2.0", result: true })}\n`), 50);
      return undefined;
    }),
  );
  const bridge = await bridgeTo([pool.url], { timings: { drainMs: 5_000 } });
  const miner = await minerOf(bridge);
  miner.say(LOGIN, share(1));
  await pool.until(() => pool.lines.length === 2);
  await bridge.close();
  await miner.untilClosed();
  expect(miner.answers(41)).toEqual([{ id: 41, jsonrpc: "2.0", result: true }]);
});

test("says how many miners lost their pool, and that they are back", async () => {
  const said: [unknown, string][] = [];
  const keep = ({ miners }: Readonly<Record<string, unknown>>, message: string): void =>
    void said.push([miners, message]);
  const pool = await poolThat(answer);
  const bridge = await bridgeTo([pool.url], { log: { debug: () => undefined, info: keep, warn: keep, error: keep } });
  const miners = await Promise.all([1, 2, 3].map(() => minerOf(bridge)));
  for (const miner of miners) {
    miner.say(LOGIN);
    await miner.untilLines(1);
  }
  for (const { socket } of pool.connections) socket.terminate();
  const resumed = (): boolean =>
    bridge.stats().miners.every(({ state, reconnects }) => state === "mining" && reconnects === 1);
  while (!resumed()) await new Promise((resolve) => setTimeout(resolve, 5));
  await bridge.close();
  for (const expected of ["pool connection lost", "session resumed"]) {
    const lines = said.filter(([, message]) => message === expected);
    // On a busy machine they may not all fall into one window.
    expect(lines.length).toBeLessThanOrEqual(3);
    expect(lines.reduce((sum, [count]) => sum + Number(count ?? 1), 0)).toBe(3);
  }
});
