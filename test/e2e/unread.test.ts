import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import { MOST_SENT_BYTES } from "../../core/session/output-bound.ts";
import { startNode } from "../../devnet/node/node.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";

const KNOWN = `0x${"b1".repeat(20)}`;
const STRANGER = `0x${"c2".repeat(20)}`;
const TOKEN = "unread-redis-secret-0123";
const GET_WORK = '{"id":2,"method":"eth_getWork"}\n';
const LINES_A_FRAME = 2_000;

let stateDir: string;
let node: Awaited<ReturnType<typeof startNode>>;
let pool: PoolProcess;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-unread-"));
  node = await startNode({ difficulty: 1n << 40n });
  pool = await startPool({
    stateDir,
    cron: false,
    secrets: { REDIS_TOKEN: TOKEN },
    vars: { chain: "ethereum", difficulty: 1_000_000, upstream: [{ name: "node", url: node.url, timeout: "10s" }] },
  });
  const { status } = await fetch(`${pool.url}/redis`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(["HSET", `eth:miners:${KNOWN}`, "lastShare", "1"]),
  });
  expect(status).toBe(200);
});
afterEach(async () => {
  await pool.close();
  await node.close();
  await rm(stateDir, { recursive: true, force: true });
});

it.each([
  ["of a known login", KNOWN],
  ["of a stranger", STRANGER],
])(
  "a peer %s that asks and reads nothing is owed a megabyte at most, and hears why it has ended when it reads again",
  async (_whose, login) => {
    const socket = new WebSocket(`${pool.url.replace("http", "ws")}/stratum`, {
      headers: { "CF-Connecting-IP": "198.51.100.1" },
    });
    let owed = 0;
    const closed = new Promise<string>((resolve) =>
      socket.once("close", (code, reason) => resolve(`${code} ${reason.toString()}`)),
    );
    await new Promise((resolve) => socket.once("open", resolve));
    socket.send(`{"id":1,"method":"eth_submitLogin","params":["${login}","x"]}\n`);
    await new Promise((resolve) => socket.once("message", resolve));
    socket.pause();
    socket.on("message", (data: Buffer) => (owed += data.length));
    // Twice as many as are answered. Each frame is taken when the one before it has been.
    for (let frame = 0; frame < 4; frame++) socket.send(GET_WORK.repeat(LINES_A_FRAME));
    const other = new WebSocket(`${pool.url.replace("http", "ws")}/stratum`, {
      headers: { "CF-Connecting-IP": "198.51.100.2" },
    });
    await new Promise((resolve) => other.once("open", resolve));
    other.send(GET_WORK);
    // Another one's question and answer: time in which more than what is read could have come.
    await new Promise((resolve) => other.once("message", resolve));
    other.terminate();
    socket.resume();
    expect(await closed).toBe("1012 Sent too much without a share");
    expect(owed).toBeGreaterThan(MOST_SENT_BYTES / 2);
    expect(owed).toBeLessThanOrEqual(MOST_SENT_BYTES * 1.01);
  },
);
