import { createServer, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { DIALECTS } from "../../core/stratum/dialects.ts";
import type { Bridge } from "../src/index.ts";
import {
  wordsOf,
  type Verdict,
  ADDRESS,
  bridgeTo,
  minerOf,
  LOGIN,
  poolThat,
  answer,
  requestOf,
  share,
  type Request,
} from "./bridge-fixture.ts";
import { ScriptedPool } from "./scripted-pool.ts";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Seen {
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
  readonly port: number | undefined;
}

/** A pool's HTTP side. `reply` gives work, a verdict, a status, or nothing at all: the connection dies. */
async function httpPool(
  reply: (request: Request, nth: number) => readonly string[] | Verdict | number | undefined,
  port = 0,
): Promise<{ port: number; seen: Seen[]; url: string }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    // The bridge tries WebSockets, too, when it looks for a pool that is well again.
    if (request.method !== "POST") return void response.writeHead(404).end();
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      seen.push({ path: request.url ?? "", body, headers: request.headers, port: request.socket.remotePort });
      const call = requestOf(body);
      const result = reply(call, seen.length);
      if (result === undefined) return void request.socket.destroy();
      if (typeof result === "number") return void response.writeHead(result).end("no");
      const text =
        typeof result === "object"
          ? DIALECTS.ethProxy.result(JSON.stringify(call.id), JSON.stringify(result))
          : wordsOf(call, result);
      return void response.writeHead(200, { "Content-Length": text.length }).end(text);
    });
  });
  servers.push(server);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const open = typeof address === "object" && address !== null ? address.port : 0;
  return { port: open, seen, url: `ws://127.0.0.1:${open}` };
}

const getworkBridge = (...pools: string[]): Promise<Bridge> =>
  bridgeTo(pools, { getwork: [{ host: "127.0.0.1", port: 0 }] });

/** Speaks like ethminer: HTTP/1.0, one request a connection. @returns everything that came back. */
async function raw(bridge: Bridge, text: string): Promise<string> {
  const socket = connect(bridge.ports.getwork[0] ?? 0, "127.0.0.1");
  socket.write(text);
  let reply = "";
  socket.on("data", (chunk: Buffer) => (reply += chunk.toString()));
  await once(socket, "close");
  return reply;
}

const post = (bridge: Bridge, path: string, body: string): Promise<string> =>
  raw(
    bridge,
    `POST ${path} HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );

const poll = '{"id":1,"jsonrpc":"2.0","method":"eth_getWork","params":[]}';
const work = ["0xheader", "0xseed", "0xtarget"];
const bodyOf = (reply: string): string => reply.slice(reply.indexOf("\r\n\r\n") + 4);

test("brings an HTTP/1.0 request to the pool unchanged, and the answer back with status 200 and its length", async () => {
  const pool = await httpPool(() => work);
  const bridge = await getworkBridge(pool.url);
  const reply = await post(bridge, `/${ADDRESS}/rig-1`, poll);
  expect(reply).toMatch(/^HTTP\/1\.\d 200 /);
  const body = `{"id":1,"jsonrpc":"2.0","result":${JSON.stringify(work)}}`;
  expect(reply.toLowerCase()).toContain(`content-length: ${body.length}\r\n`);
  expect(reply.toLowerCase()).not.toContain("transfer-encoding");
  expect(bodyOf(reply)).toBe(body);
  expect(pool.seen).toMatchObject([
    { path: `/${ADDRESS}/rig-1`, body: poll, headers: { "content-length": String(poll.length) } },
  ]);
});

test("keeps its connection to the pool open between the one-request connections of a miner", async () => {
  const pool = await httpPool(() => work);
  const bridge = await getworkBridge(pool.url);
  for (let n = 0; n < 3; n++) await post(bridge, `/${ADDRESS}`, poll);
  expect(new Set(pool.seen.map(({ port }) => port)).size).toBe(1);
});

test("keeps a rig's connection open for the two minutes that geth keeps it", async () => {
  const pool = await httpPool(() => true);
  const bridge = await getworkBridge(pool.url);
  const url = `http://127.0.0.1:${bridge.ports.getwork[0]}/${ADDRESS}`;
  const reply = await fetch(url, { method: "POST", body: JSON.stringify(share(1)) });
  await reply.text();
  expect(reply.headers.get("keep-alive")).toBe("timeout=120");
});

test.each([
  ["an address that is none", `/0xnobody/rig`, poll, { id: 1, error: { code: -1, message: "Invalid login" } }],
  ["no address", "/", poll, { id: 1, error: { code: -1, message: "Invalid login" } }],
  ["a body that is no JSON", `/${ADDRESS}`, "{", { id: null, error: { code: -1, message: "Malformed request" } }],
  ["a JSON array", `/${ADDRESS}`, "[]", { id: null, error: { code: -1, message: "Malformed request" } }],
])("refuses %s with status 200 and an error, and the pool never sees it", async (_, path, body, expected) => {
  const pool = await httpPool(() => work);
  const reply = await post(await getworkBridge(pool.url), path, body);
  expect(reply).toMatch(/^HTTP\/1\.\d 200 /);
  expect(JSON.parse(bodyOf(reply))).toMatchObject({ ...expected, jsonrpc: "2.0", result: null });
  expect(pool.seen).toEqual([]);
});

test("refuses other methods with 405 and long bodies with 413", async () => {
  const pool = await httpPool(() => work);
  const bridge = await getworkBridge(pool.url);
  expect(await raw(bridge, `GET /${ADDRESS} HTTP/1.0\r\n\r\n`)).toMatch(/^HTTP\/1\.\d 405 /);
  expect(await post(bridge, `/${ADDRESS}`, poll.padEnd(5000))).toMatch(/^HTTP\/1\.\d 413 /);
  expect(pool.seen).toEqual([]);
});

test.each([
  ["status 403", 403],
  ["status 502", 502],
  ["nothing", undefined],
])("never passes on that the pool answered %s: the miner gets status 200 and comes back later", async (_, result) => {
  const pool = await httpPool(() => result);
  const reply = await post(await getworkBridge(pool.url), `/${ADDRESS}`, poll);
  expect(reply).toMatch(/^HTTP\/1\.\d 200 /);
  expect(JSON.parse(bodyOf(reply))).toEqual({
    id: 1,
    jsonrpc: "2.0",
    result: null,
    error: { code: 0, message: "Work not ready" },
  });
});

test("a request that no pool takes says nothing about the pool, and the miner hears why at once", async () => {
  const pool = await httpPool(() => 413);
  const bridge = await getworkBridge(pool.url);
  const reply = await post(bridge, `/${ADDRESS}`, JSON.stringify(share(1)));
  expect(JSON.parse(bodyOf(reply))).toMatchObject({ error: { message: "The pool answered with status 413" } });
  expect(bridge.stats().pools).toMatchObject([{ state: "up", lastError: null }]);
  expect(pool.seen).toHaveLength(1);
});

test.each([
  [`//${ADDRESS}//rig/`, "rig"],
  [`/stratum/${ADDRESS}.rig/`, "rig"],
  [`/${ADDRESS.slice(2)}/rig?x=1`, "rig"],
  [`/${ADDRESS}/rig/me@example.org`, "rig"],
  [`/${ADDRESS}/rig%zz`, "rig-zz"],
  [`/${ADDRESS}.rig7%2Fme@example.org`, "rig7"],
])("takes the URL %s for what the pool takes it for: worker %s", async (path, worker) => {
  const pool = await httpPool(() => work);
  const bridge = await getworkBridge(pool.url);
  expect(JSON.parse(bodyOf(await post(bridge, path, poll)))).toMatchObject({ result: work });
  expect(pool.seen.map((seen) => seen.path)).toEqual([`/${ADDRESS}/${worker}`]);
  expect(bridge.stats().miners).toMatchObject([{ login: ADDRESS, worker }]);
});

test("names a rig in the table as the pool credits it: by the request before the URL, which stays as it came", async () => {
  const pool = await httpPool(() => true);
  const bridge = await getworkBridge(pool.url);
  for (const worker of ["rig-7", "eth1.0", null])
    await post(bridge, `/${ADDRESS}/rig-1`, JSON.stringify({ ...share(1), worker }));
  expect(bridge.stats().miners).toMatchObject([
    { login: ADDRESS, worker: "rig-7", accepted: 1 },
    { login: ADDRESS, worker: "rig-1", accepted: 2 },
  ]);
  expect(new Set(pool.seen.map(({ path }) => path))).toEqual(new Set([`/${ADDRESS}/rig-1`]));
});

test("refuses connections beyond the limit where all others are being answered, and says so", async () => {
  const held = Promise.withResolvers<void>();
  const slow = createServer(
    (_, response) => void held.promise.then(() => response.end(wordsOf(requestOf(poll), true))),
  );
  servers.push(slow);
  slow.listen(0, "127.0.0.1");
  await once(slow, "listening");
  const asked = once(slow, "request");
  const address = slow.address();
  const said: string[] = [];
  const keep = (_: unknown, message: string): void => void said.push(message);
  const bridge = await bridgeTo([`ws://127.0.0.1:${typeof address === "object" ? address?.port : 0}`], {
    getwork: [{ host: "127.0.0.1", port: 0 }],
    maxMiners: 1,
    log: { debug: () => undefined, info: () => undefined, warn: keep, error: keep },
  });
  const first = post(bridge, `/${ADDRESS}`, poll);
  await asked;
  expect(await raw(bridge, "")).toBe("");
  expect(said).toEqual(["too many miners; connection refused"]);
  held.resolve();
  expect(await first).toMatch(/^HTTP\/1\.\d 200 /);
});

test("asks again for a share whose answer was lost, and does not call it a duplicate", async () => {
  const pool = await httpPool((_, nth) => (nth === 1 ? undefined : nth === 2 ? "notReady" : "duplicate"));
  const bridge = await getworkBridge(pool.url);
  const reply = await post(bridge, `/${ADDRESS}/rig-1`, JSON.stringify(share(1)));
  expect(bodyOf(reply)).toBe('{"id":41,"jsonrpc":"2.0","result":true}');
  const again = await post(bridge, `/${ADDRESS}/rig-1`, JSON.stringify(share(1)));
  expect(JSON.parse(bodyOf(again))).toMatchObject({ error: { code: 22 } });
  expect(bridge.stats().miners).toMatchObject([
    { login: ADDRESS, worker: "rig-1", state: "getwork", accepted: 1, rejected: 1 },
  ]);
});

test("takes a share to the next pool when the first is gone", async () => {
  const gone = await ScriptedPool.start(() => undefined);
  await gone.kill();
  const backup = await httpPool(() => true);
  const bridge = await getworkBridge(gone.url, backup.url);
  expect(bodyOf(await post(bridge, `/${ADDRESS}.rig-2`, JSON.stringify(share(1))))).toBe(
    '{"id":41,"jsonrpc":"2.0","result":true}',
  );
  expect(backup.seen[0]?.path).toBe(`/${ADDRESS}/rig-2`);
});

test("delivers the share of a miner that hung up, and tells it so when it submits again by stratum", async () => {
  const down = await ScriptedPool.start(() => undefined);
  await down.kill();
  const bridge = await getworkBridge(down.url);
  const body = JSON.stringify(share(1));
  const socket = connect(bridge.ports.getwork[0] ?? 0, "127.0.0.1");
  socket.write(`POST /${ADDRESS} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  while (bridge.stats().miners.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  socket.destroy();
  const http = await httpPool(() => true, down.port);
  while (bridge.stats().totals.accepted === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(http.seen).toHaveLength(1);
  await new Promise((resolve) => {
    servers[0]?.closeAllConnections();
    servers[0]?.close(resolve);
  });
  servers.shift();
  await poolThat((line, connection) => answer(line, connection, () => "duplicate"), down.port);
  const miner = await minerOf(bridge);
  miner.say(LOGIN, share(1));
  await miner.untilLines(2);
  expect(miner.lines[1]).toBe('{"id":41,"jsonrpc":"2.0","result":true}');
});
