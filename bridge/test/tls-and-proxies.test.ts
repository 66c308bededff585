import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { connect } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { fingerprint, selfSigned } from "../src/miner-side/certificate.ts";
import { ADDRESS, answer, bridgeTo, LOGIN, minerOf, poolThat, QUICK, requestOf } from "./bridge-fixture.ts";
import { ScriptedPool } from "./scripted-pool.ts";
import { TcpMiner } from "./tcp-miner.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const local = [{ host: "127.0.0.1", port: 0 }];

test("lets miners in by TLS, with a certificate of its own or the given one", async () => {
  const pool = await poolThat(answer);
  const given = await selfSigned();
  for (const tls of [given, undefined]) {
    const bridge = await bridgeTo([pool.url], { stratumTls: local, ...(tls === undefined ? {} : { tls }) });
    const socket = connect({ port: bridge.ports.stratumTls[0] ?? 0, host: "127.0.0.1", rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const seen = socket.getPeerX509Certificate()?.fingerprint256;
    if (tls === undefined) expect(seen).not.toBe(fingerprint(given.cert));
    else expect(seen).toBe(fingerprint(given.cert));
    const miner = new TcpMiner(socket);
    miner.say(LOGIN);
    await miner.untilLines(1);
    expect(miner.lines).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
    miner.close();
  }
});

test("speaks to a pool by TLS, and to none whose certificate nobody vouches for", async () => {
  const pair = await selfSigned();
  const pool = await ScriptedPool.start(answer, 0, createHttpsServer(pair));
  const url = `wss://localhost:${pool.port}`;
  const log: string[] = [];
  const keep = (fields: Readonly<Record<string, unknown>>): void => void log.push(String(fields["reason"]));
  const stranger = await bridgeTo([url], {
    allowInsecure: false,
    log: { debug: keep, info: keep, warn: keep, error: keep },
  });
  const miner = await minerOf(stranger);
  miner.say(LOGIN);
  while (!log.some((reason) => reason.includes("self-signed"))) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(pool.connections).toEqual([]);
  const acquainted = await minerOf(await bridgeTo([url], { allowInsecure: false, ca: pair.cert }));
  acquainted.say(LOGIN);
  await acquainted.untilLines(1);
  expect(pool.connections).toHaveLength(1);
  await pool.kill();
});

test("refuses TLS miners that speak plain stratum without harm to the others", async () => {
  const pool = await poolThat(answer);
  const bridge = await bridgeTo([pool.url], { stratumTls: local });
  const plain = await TcpMiner.connect(bridge.ports.stratumTls[0] ?? 0);
  plain.say(LOGIN);
  await plain.untilClosed();
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(1);
  expect(pool.lines).toHaveLength(1);
});

/** An HTTP proxy that only does CONNECT. */
async function httpProxy(seen: string[]): Promise<number> {
  const server = createHttpServer();
  server.on("connect", (request, near, head) => {
    seen.push(request.url ?? "");
    const [host, port] = (request.url ?? "").split(":");
    const far = connectTcp(Number(port), host, () => {
      near.write("HTTP/1.1 200 Connection established\r\n\r\n");
      far.write(head);
      near.pipe(far).pipe(near);
    });
    far.on("error", () => near.destroy());
    near.on("error", () => far.destroy());
  });
  return await listening(server);
}

/** A SOCKS5 proxy without authentication, for IPv4 addresses. */
async function socksProxy(seen: string[]): Promise<number> {
  return await listening(
    createServer((near) => {
      near.on("error", () => near.destroy());
      near.once("data", () => {
        near.write(Buffer.from([5, 0]));
        near.once("data", (request: Buffer) => {
          const host = request.subarray(4, 8).join(".");
          const port = request.readUInt16BE(8);
          seen.push(`${host}:${port}`);
          const far = connectTcp(port, host, () => {
            near.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
            near.pipe(far).pipe(near);
          });
          far.on("error", () => near.destroy());
        });
      });
    }),
  );
}

test.each([
  ["http", httpProxy],
  ["socks5", socksProxy],
])("reaches the pool through a proxy: %s", async (scheme, startProxy) => {
  const seen: string[] = [];
  const port = await startProxy(seen);
  const pool = await poolThat(answer);
  const bridge = await bridgeTo([pool.url], { proxy: `${scheme}://127.0.0.1:${port}` });
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(1);
  expect(seen).toEqual([`127.0.0.1:${pool.port}`]);
  miner.close();
  await pool.until(() => pool.connections.every(({ socket }) => socket.readyState === 3));
});

test("gives up on a proxy that takes connections and never answers", async () => {
  const ends: Socket[] = [];
  const port = await listening(createServer((socket) => void ends.push(socket)));
  const bridge = await bridgeTo(["ws://pool.example"], {
    proxy: `http://127.0.0.1:${port}`,
    timings: { ...QUICK, connectTimeoutMs: 50 },
  });
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  while (bridge.stats().pools[0]?.state !== "down") await new Promise((resolve) => setTimeout(resolve, 5));
  expect(bridge.stats().pools[0]?.lastError).toBe("the pool did not answer in time");
  expect(miner.closed).toBe(false);
  for (const end of ends) end.destroy();
});

test("takes getwork through the proxy, too", async () => {
  const seen: string[] = [];
  const port = await httpProxy(seen);
  const pool = createHttpServer((request, response) => {
    request.resume().on("end", () => response.end('{"id":1,"jsonrpc":"2.0","result":true}'));
  });
  const poolPort = await listening(pool);
  const bridge = await bridgeTo([`ws://127.0.0.1:${poolPort}`], { proxy: `http://127.0.0.1:${port}`, getwork: local });
  const body = JSON.stringify({ id: 1, method: "eth_getWork", params: [] });
  const reply = await fetch(`http://127.0.0.1:${bridge.ports.getwork[0]}/${ADDRESS}`, { method: "POST", body });
  expect(await reply.json()).toEqual({ id: 1, jsonrpc: "2.0", result: true });
  expect(seen).toEqual([`127.0.0.1:${poolPort}`]);
  pool.closeAllConnections();
});

test("finds the proxy in the environment", async () => {
  const seen: string[] = [];
  const port = await httpProxy(seen);
  const pool = await poolThat((line, connection) => requestOf(line) && answer(line, connection));
  process.env["http_proxy"] = `http://127.0.0.1:${port}`;
  try {
    const { proxy: _, ...fromEnvironment } = { proxy: null, stratum: local, allowInsecure: true };
    const { startBridge } = await import("../src/index.ts");
    const bridge = await startBridge({ pools: [pool.url], ...fromEnvironment });
    const miner = await minerOf(bridge);
    miner.say(LOGIN);
    await miner.untilLines(1);
    expect(seen).toEqual([`127.0.0.1:${pool.port}`]);
    await bridge.close();
  } finally {
    delete process.env["http_proxy"];
  }
});
