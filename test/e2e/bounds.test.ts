import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startNode } from "../../devnet/node/node.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";

const LOGIN = `0x${"b1".repeat(20)}`;
/** Known as well, and nobody has been there before. */
const CROWDED = `0x${"d3".repeat(20)}`;
const STRANGER = `0x${"c2".repeat(20)}`;
const TOKEN = "bounds-redis-secret-0123";

/** A peer that may be refused, or closed. */
interface Visitor {
  readonly socket: WebSocket;
  /** Status of the answer: 101 where it was let in. */
  readonly status: Promise<number>;
  readonly closed: Promise<string>;
}

let stateDir: string;
let node: Awaited<ReturnType<typeof startNode>>;
let pool: PoolProcess;
const visitors: Visitor[] = [];

function visit(path: string, ip: string): Visitor {
  const socket = new WebSocket(`${pool.url.replace("http", "ws")}${path}`, { headers: { "CF-Connecting-IP": ip } });
  socket.on("error", () => undefined);
  const visitor: Visitor = {
    socket,
    status: new Promise((resolve) => {
      socket.once("open", () => resolve(101));
      socket.once("unexpected-response", (_request, { statusCode = 0 }) => resolve(statusCode));
    }),
    closed: new Promise((resolve) => socket.once("close", (_code, reason) => resolve(reason.toString()))),
  };
  visitors.push(visitor);
  return visitor;
}

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-bounds-"));
  node = await startNode({ difficulty: 1n << 40n });
  pool = await startPool({
    stateDir,
    cron: false,
    secrets: { REDIS_TOKEN: TOKEN },
    vars: {
      chain: "ethereum",
      difficulty: 1_000_000,
      upstream: [{ name: "node", url: node.url, timeout: "10s" }],
      stratum: { loginTimeout: "5m" },
      policy: { limits: { enabled: true, limit: 3, grace: "0s", limitJump: 0 } },
    },
  });
  for (const login of [LOGIN, CROWDED]) {
    const { status } = await fetch(`${pool.url}/redis`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(["HSET", `eth:miners:${login}`, "lastShare", "1"]),
    });
    expect(status).toBe(200);
  }
});
afterEach(() => {
  for (const { socket } of visitors.splice(0)) socket.terminate();
});
afterAll(async () => {
  await pool.close();
  await node.close();
  await rm(stateDir, { recursive: true, force: true });
});

// Defect 15: the reference never gives a place back.
describe("sockets of one address", () => {
  it.each([
    ["to a known login", `/stratum/${LOGIN}`, "198.51.100"],
    ["without a login", "/stratum", "198.51.101"],
    ["to a stranger's URL", `/stratum/${STRANGER}`, "198.51.102"],
  ])(
    "%s are as many as the limit says; a place comes back with a disconnect, and a neighbour has its own",
    async (_what, path, network) => {
      const ip = `${network}.1`;
      const held = [];
      for (let n = 0; n < 3; n++) {
        const one = visit(path, ip);
        expect(await one.status).toBe(101);
        held.push(one);
      }
      expect(await visit(path, ip).status).toBe(429);
      expect(await visit(path, `${network}.2`).status).toBe(101);
      held[0]?.socket.close();
      await held[0]?.closed;
      // The guard hears of it a moment later.
      for (let again = 0; again < 100; again++) {
        const late = visit(path, ip);
        if ((await late.status) === 101) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect.fail("its place has not come back");
    },
  );
});

describe("unfinished logins", () => {
  it("at a login's URL are 1,024: the oldest makes way for the next, and who has logged in stays", async () => {
    const miner = visit(`/stratum/${CROWDED}`, "192.0.2.1");
    await miner.status;
    miner.socket.send(`{"id":1,"method":"eth_submitLogin","params":["${CROWDED}","x"]}\n`);
    await new Promise((resolve) => miner.socket.once("message", resolve));
    const idlers: Visitor[] = [];
    for (let n = 0; n < 1_024; n++) {
      // Each from an address of its own: it is not the limit of one that is looked at.
      const idler = visit(`/stratum/${CROWDED}`, `203.0.${n >> 8}.${n & 255}`);
      idlers.push(idler);
      if (n % 32 === 31) await Promise.all(idlers.slice(-32).map(({ status }) => status));
    }
    expect(idlers[0]?.socket.readyState).toBe(WebSocket.OPEN);
    expect(await visit(`/stratum/${CROWDED}`, "203.0.4.0").status).toBe(101);
    const first = await Promise.race(
      idlers.map(async (idler, at) => await idler.closed.then((reason) => [at < 64, reason])),
    );
    expect(first).toEqual([true, "No login"]);
    expect(miner.socket.readyState).toBe(WebSocket.OPEN);
  });
});
