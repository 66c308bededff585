import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import { wrapBundle } from "../../bench/pool/wrapped-bundle.ts";
import { ROOM } from "../../core/session/isolate-room.ts";
import { IN_FLIGHT } from "../../core/session/share-gate.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { LOCAL_NAME } from "../../devnet/pool-host/pool-messages.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { bundlePool } from "../../devnet/pool-host/worker-bundle.ts";

/** Together they may have eight times as many shares in flight as an isolate has room for: far more than its heap. */
const CLIENTS = (8 * ROOM.shares) / IN_FLIGHT.proven;
const LOGINS = 16;
const TOKEN = "books-of-this-test-only";

const loginOf = (client: number) => `0x${(client % LOGINS).toString(16).padStart(40, "a")}`;

let node: DevNode;
let directory: string;
let pool: PoolProcess;
const logged: string[] = [];

beforeAll(async () => {
  node = await startNode({ recommitMs: null, blockTimeMs: null, difficulty: 1n << 60n });
  directory = await mkdtemp(join(tmpdir(), "edgepool-room-"));
  const entry = join(import.meta.dirname, "silent-verifiers", "worker.ts");
  const wrapped = async (bundle: Awaited<ReturnType<typeof bundlePool>>[number]) =>
    bundle.name === `${LOCAL_NAME}-verifiers` ? await wrapBundle(bundle, entry, join(directory, "verifiers")) : bundle;
  pool = await startPool({
    stateDir: join(directory, "state"),
    cron: false,
    bundles: await Promise.all((await bundlePool()).map(wrapped)),
    vars: {
      chain: { name: "devnet", epochLength: 30_000 },
      difficulty: 1,
      upstream: [{ name: "main", url: node.url, timeout: "5s" }],
      log: { level: "warn" },
    },
    secrets: { REDIS_TOKEN: TOKEN },
    onLog: ({ message }) => logged.push(message),
  });
  const known = Array.from({ length: LOGINS }, (_, at) => ["HSET", `eth:miners:${loginOf(at)}`, "lastShare", "1"]);
  const headers = { authorization: `Bearer ${TOKEN}` };
  await fetch(`${pool.url}/redis/pipeline`, { method: "POST", headers, body: JSON.stringify(known) });
});
afterAll(async () => {
  await pool.close();
  await node.close();
  await rm(directory, { recursive: true, force: true });
}, 120_000);

interface Miner {
  readonly socket: WebSocket;
  /** By request id. */
  readonly answers: Map<number, string>;
}

const submit = (id: number, nonce: number): string => {
  const params = [`0x${nonce.toString(16).padStart(16, "0")}`, node.chain.current.header, `0x${"e".repeat(64)}`];
  return `${JSON.stringify({ id, method: "eth_submitWork", params })}\n`;
};

/** One with an address of its own, whose first share was taken. */
async function connect(client: number): Promise<Miner> {
  const url = `${pool.url.replace(/^http/, "ws")}/stratum/${loginOf(client)}/rig-${client}`;
  const socket = new WebSocket(url, { headers: { "CF-Connecting-IP": `198.51.100.${client + 1}` } });
  const answers = new Map<number, string>();
  socket.on("error", () => undefined);
  socket.on("message", (data: Buffer) => {
    for (const line of data.toString().split("\n")) {
      const id = Number(/^\{"id":(\d+),/.exec(line)?.[1]);
      if (!Number.isNaN(id)) answers.set(id, line);
    }
  });
  await new Promise((resolve) => socket.once("open", resolve));
  socket.send(`{"id":1,"method":"eth_submitLogin","params":["${loginOf(client)}"]}\n${submit(3, 0)}`);
  while (!answers.has(3)) await sleep(20);
  return { socket, answers };
}

it("a verifier that answers nothing costs no heap without end: what has no room is refused at once, and the pool lives", async () => {
  const miners: Miner[] = [];
  for (let client = 0; client < CLIENTS; client += 1) miners.push(await connect(client));
  const shares = Array.from({ length: IN_FLIGHT.proven }, (_, at) => submit(10 + at, 1 + at)).join("");
  for (const { socket } of miners) socket.send(shares);
  const refused = () =>
    miners.flatMap(({ answers }) => [...answers.values()].filter((line) => line.includes("Work not ready"))).length;
  const isOpen = () => miners.every(({ socket }) => socket.readyState === WebSocket.OPEN);
  while (refused() < CLIENTS * IN_FLIGHT.proven - ROOM.shares && isOpen()) await sleep(100);
  expect(logged.filter((line) => line.includes("heap limit"))).toEqual([]);
  expect([isOpen(), refused()]).toEqual([true, CLIENTS * IN_FLIGHT.proven - ROOM.shares]);
  // Nobody who asks something else waits for it.
  const [first] = miners;
  first?.socket.send('{"id":900,"method":"eth_getWork"}\n');
  while (first?.answers.has(900) === false && isOpen()) await sleep(20);
  expect(isOpen()).toBe(true);
  for (const { socket } of miners) socket.terminate();
});
