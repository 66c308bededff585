import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBridge, type Bridge } from "../../bridge/src/index.ts";
import { TcpMiner } from "../../bridge/test/tcp-miner.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { CLIENT_FAMILIES, type ClientFamily } from "../support/client-families.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN, makeJob, meets, solutions } from "../support/proofs.ts";
import { StratumClient } from "../support/stratum-client.ts";
import { eventually } from "../support/eventually.ts";

// Every mining program of docs/protocol.md, byte for byte in both directions, with real proofs of work: through TCP and the bridge,
// and over a WebSocket straight into the pool.

const WALLET = "b85150eb365e7df0941f0cf08235f987ba91506a";
const TOKEN = "books-of-this-test-only";
const DIFFICULTY = 4;
const HEIGHT = 1_000;
const HOST = { host: "127.0.0.1", port: 0 };

/** One end of a connection, whatever carries it. */
interface Carrier {
  send(line: string): void;
  next(): Promise<string>;
  close(): void;
}

let [node, pool, bridge]: [DevNode | null, PoolProcess | null, Bridge | null] = [null, null, null];
let stateDir = "";
const ethash = kernelAt(LONG_CHAIN, HEIGHT);
let nextNonce = 0n;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-families-"));
  node = await startNode({
    spec: LONG_CHAIN,
    startHeight: HEIGHT,
    difficulty: 1n << 50n,
    blockTimeMs: null,
    recommitMs: null,
  });
  pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "long", epochLength: 30_000 },
      difficulty: DIFFICULTY,
      blockRefreshInterval: "200ms",
      recommitInterval: "0s",
      upstream: [{ name: "main", url: node.url, timeout: "2s" }],
    },
    secrets: { REDIS_TOKEN: TOKEN },
  });
  bridge = await startBridge({ pools: [pool.url], stratum: [HOST], getwork: [HOST], allowInsecure: true, proxy: null });
}, 180_000);

afterAll(async () => {
  await bridge?.close();
  await pool?.close();
  await node?.close();
  await rm(stateDir, { recursive: true, force: true });
});

async function overTcp(): Promise<Carrier> {
  const miner = await TcpMiner.connect(bridge?.ports.stratum[0] ?? 0);
  let read = 0;
  return {
    send: (line) => miner.socket.write(`${line}\n`),
    async next() {
      await miner.until((lines) => lines.length > read || miner.closed);
      return miner.lines[read++] ?? "(closed)";
    },
    close: () => miner.close(),
  };
}

async function overWebSocket(): Promise<Carrier> {
  const client = await StratumClient.open(`${pool?.url.replace("http", "ws")}/stratum`);
  return {
    send: (line) => client.send(line),
    next: async () => (await client.next()) ?? "(closed)",
    close: () => client.close(),
  };
}

/** What the node has now. */
async function nodeWork(): Promise<{ header: string; seed: string }> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_getWork", params: [] });
  const response = await fetch(node?.url ?? "", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const [, header = "", seed = ""] =
    /"result":\["0x([0-9a-f]{64})","0x([0-9a-f]{64})"/.exec(await response.text()) ?? [];
  return { header, seed };
}

/** A proof of work that nobody has submitted, whose nonce begins with the extranonce. */
function freshProof(header: string, extranonce: string): { nonce: string; mix: string } {
  const from = (BigInt(`0x${extranonce || "0"}`) << 40n) + nextNonce;
  const [proof] = solutions(ethash, { ...makeJob(HEIGHT), header: `0x${header}` }, from, meets(BigInt(DIFFICULTY)));
  if (!proof) throw new Error("no proof");
  nextNonce = (BigInt(proof.nonce) & 0xff_ffff_ffffn) + 1n;
  return { nonce: proof.nonce.slice(2), mix: proof.mixDigest.slice(2) };
}

const fill = (line: string, values: Record<string, string>) =>
  line.replaceAll(/\{([A-Z]+)\}/g, (whole, name: string) => values[name] ?? whole);

/** Speaks one transcript; what the pool says differently fails it. */
async function speak({ transcript }: ClientFamily, carrier: Carrier): Promise<void> {
  const { header, seed } = await nodeWork();
  const values: Record<string, string> = {
    WALLET,
    SEED: seed,
    TARGET: (2n ** 256n / BigInt(DIFFICULTY)).toString(16).padStart(64, "0"),
    SCALED: String(DIFFICULTY / 4_295_032_833),
    HEIGHT: HEIGHT.toString(16),
    UNKNOWN: "d".repeat(64),
  };
  const jobIs = (current: string) => Object.assign(values, { HEADER: current, JOB: current.slice(0, 16) });
  jobIs(header);
  for (const step of transcript) {
    const line = step.slice(2);
    if (step.startsWith("!")) {
      node?.recommit();
      jobIs((await nodeWork()).header);
    } else if (step.startsWith(">")) {
      if (/\{(?:NONCE|TAIL)\}/.test(line)) {
        const extranonce = values["EXTRANONCE"] ?? "";
        const { nonce, mix } = freshProof(values["HEADER"] ?? "", extranonce);
        Object.assign(values, { NONCE: nonce, MIX: mix, TAIL: nonce.slice(extranonce.length) });
      }
      carrier.send(fill(line, values));
    } else {
      const said = await carrier.next();
      learn(fill(line, values), said, values);
      expect(said).toBe(fill(line, values));
    }
  }
}

/** Takes over what only the pool can know: the names in the line that have no value yet. */
function learn(expected: string, said: string, values: Record<string, string>): void {
  const names = [...expected.matchAll(/\{([A-Z]+)\}/g)].map(([, name = ""]) => name);
  const pattern = expected.replaceAll(/[.*+?^$()[\]\\|]/g, String.raw`\$&`).replaceAll(/\{[A-Z]+\}/g, "([0-9a-f-]+)");
  const found = new RegExp(`^${pattern.replaceAll(/\{(?!\d)/g, String.raw`\{`)}$`).exec(said);
  for (const [index, name] of names.entries()) values[name] = found?.[index + 1] ?? values[name] ?? "?";
}

/** Shares that the books have for a worker. */
async function sharesOf(worker: string): Promise<number> {
  const redis = new Redis({
    url: `${pool?.url}/redis`,
    token: TOKEN,
    automaticDeserialization: false,
    enableTelemetry: false,
  });
  const members = await redis.zrange<string[]>(`eth:hashrate:0x${WALLET}`, 0, -1);
  return members.filter((member) => member.split(":")[1] === worker).length;
}

describe.each([
  ["TCP and the bridge", overTcp],
  ["a WebSocket", overWebSocket],
])("mining programs over %s", (_way, open) => {
  it.each(CLIENT_FAMILIES.map((family) => [family.program, family] as const))("%s", async (_program, family) => {
    const before = await sharesOf(family.worker);
    const carrier = await open();
    try {
      await speak(family, carrier);
    } finally {
      carrier.close();
    }
    // An accepted share may wait in the outbox for a moment.
    await eventually(async () => expect(await sharesOf(family.worker)).toBeGreaterThan(before));
  });

  it.each(["mining.configure", "login", "getwork"])(
    "a program that begins with %s hears an error and is closed",
    async (method) => {
      const carrier = await open();
      carrier.send(`{"id":1,"method":"${method}","params":[]}`);
      expect(await carrier.next()).toBe(
        '{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-3,"message":"Method not found"}}',
      );
      expect(await carrier.next()).toBe("(closed)");
    },
  );
});

const post = async (port: number, body: string): Promise<string> => {
  const socket = connect({ port, host: "127.0.0.1" });
  const head = `POST /0x${WALLET}/http-rig HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.write(head + body);
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
  await once(socket, "close");
  return answer;
};

function expectAnswer(answer: string, body: string): void {
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  expect(head).toMatch(/^HTTP\/1\.[01] 200 /);
  expect(head.toLowerCase()).toContain(`content-length: ${body.length}`);
  expect(head.toLowerCase()).not.toContain("chunked");
  expect(rest.join("\r\n\r\n")).toBe(body);
}

describe("ethminer over HTTP getwork, raw bytes", () => {
  it.each(["the bridge", "the pool itself"])("mines through %s", async (way) => {
    const port = (way === "the bridge" ? bridge?.ports.getwork[0] : pool?.port) ?? 0;
    const { header, seed } = await nodeWork();
    const target = (2n ** 256n / BigInt(DIFFICULTY)).toString(16).padStart(64, "0");
    const work = await post(port, '{"id":1,"jsonrpc":"2.0","method":"eth_getWork","params":[]}');
    expectAnswer(work, `{"id":1,"jsonrpc":"2.0","result":["0x${header}","0x${seed}","0x${target}"]}`);
    const { nonce, mix } = freshProof(header, "");
    const submit = `{"id":1,"jsonrpc":"2.0","method":"eth_submitWork","params":["0x${nonce}","0x${header}","0x${mix}"]}`;
    expectAnswer(await post(port, submit), '{"id":1,"jsonrpc":"2.0","result":true}');
    expectAnswer(
      await post(port, submit),
      '{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":22,"message":"Duplicate share"}}',
    );
  });
});
