import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startNode } from "../../devnet/node/node.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN, meets, solutions } from "../support/proofs.ts";
import { StratumClient } from "../support/stratum-client.ts";
import { eventually } from "../support/eventually.ts";

// What a share is worth, in real workerd and over real sockets: classes, variable difficulty, and the cheats that chose a share's worth afterwards.

const TOKEN = "books-of-this-test-only";
const HEIGHT = 1_000;
const POOL = 64n;

let pool: Awaited<ReturnType<typeof startPool>>;
let node: Awaited<ReturnType<typeof startNode>>;
let redis: Redis;
const cleanups: (() => Promise<unknown> | void)[] = [];

beforeAll(async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-share-worth-"));
  cleanups.push(() => rm(stateDir, { recursive: true, force: true }));
  node = await startNode({
    spec: LONG_CHAIN,
    startHeight: HEIGHT,
    difficulty: 1n << 50n,
    blockTimeMs: null,
    recommitMs: null,
  });
  cleanups.push(() => node.close());
  pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "long", epochLength: 30_000 },
      difficulty: Number(POOL),
      blockRefreshInterval: "200ms",
      recommitInterval: "0s",
      stratum: { vardiff: { targetTime: "1s", retargetTime: "2s", variancePercent: 10, minDiff: 4, maxDiff: 100_000 } },
      upstream: [{ name: "main", url: node.url, timeout: "2s" }],
    },
    secrets: { REDIS_TOKEN: TOKEN },
  });
  cleanups.push(() => pool.close());
  redis = new Redis({
    url: `${pool.url}/redis`,
    token: TOKEN,
    automaticDeserialization: false,
    enableTelemetry: false,
  });
});

afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

const open = (login: string) => StratumClient.open(`${pool.url.replace("http", "ws")}/stratum/${login}/rig`);
const credited = async (login: string) => Number((await redis.hget<string>("eth:shares:roundCurrent", login)) ?? 0);
const loginOf = (digit: string) => `0x${digit.repeat(40)}`;
const subscribe = (more = "") => `{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"${more}]}`;
const targetOf = (difficulty: bigint) => (2n ** 256n / difficulty).toString(16).padStart(64, "0");

/** The next line that matches; lines before it are dropped. */
async function nextLine(miner: StratumClient, pattern: RegExp): Promise<string> {
  for (;;) {
    const line = (await miner.next()) ?? "";
    if (pattern.test(line)) return line;
    if (line === "") throw new Error("the pool closed the connection");
  }
}

async function logIn(login: string, password: string) {
  const miner = await open(login);
  miner.send(`{"id":1,"method":"eth_submitLogin","params":["${login}","${password}"]}`);
  const line = await nextLine(miner, /"id":0,/);
  const [, header = "", target = ""] = /\["0x([0-9a-f]{64})","0x[0-9a-f]{64}","0x([0-9a-f]{64})"\]/.exec(line) ?? [];
  return { miner, header: `0x${header}`, target };
}

const submit = async (miner: StratumClient, header: string, proof: { nonce: string; mixDigest: string }) => {
  miner.send(`{"id":2,"method":"eth_submitWork","params":["${proof.nonce}","${header}","${proof.mixDigest}"]}`);
  return await nextLine(miner, /"id":2,/);
};

function proofs(header: string, first: bigint, count: number, difficulty: bigint, misses?: bigint) {
  const found: { nonce: string; mixDigest: string }[] = [];
  for (const proof of solutions(kernelAt(LONG_CHAIN, HEIGHT), { header }, first, meets(difficulty, misses))) {
    found.push(proof);
    if (found.length === count) break;
  }
  return found;
}

it("is the same on six connections with difficulties of their own, and is paid once", async () => {
  const login = loginOf("1");
  const sessions = [];
  for (const d of [50, 100, 200, 400, 800, 1_600]) sessions.push(await logIn(login, `d=${d}`));
  // Miners that choose their nonces themselves all have the pool's difficulty.
  expect(new Set(sessions.map(({ target }) => target))).toEqual(new Set([targetOf(POOL)]));
  const header = sessions[0]?.header ?? "";
  const found = proofs(header, 1n << 20n, 12, POOL);
  for (const proof of found) {
    // The hardest first, as the cheat would.
    const answers = [];
    for (const { miner } of sessions.toReversed()) answers.push(await submit(miner, header, proof));
    expect(answers.filter((answer) => answer.includes('"result":true'))).toHaveLength(1);
    expect(answers.filter((answer) => answer.includes('"code":22'))).toHaveLength(5);
  }
  await eventually(async () => expect(await credited(login)).toBe(found.length * Number(POOL)));
  for (const { miner } of sessions) miner.close();
});

it("is its class's for a rig that begins inside a class, which is told so with its next job", async () => {
  const login = loginOf("2");
  const { miner, header } = await logIn(login, "x");
  const inside = 0x60_0000n << 40n;
  const [low] = proofs(header, inside, 1, POOL, POOL * 4n);
  if (!low) throw new Error("no proof");
  expect(await submit(miner, header, low)).toBe('{"id":2,"jsonrpc":"2.0","result":false}');
  const [good] = proofs(header, inside, 1, POOL * 4n);
  if (!good) throw new Error("no proof");
  expect(await submit(miner, header, good)).toBe('{"id":2,"jsonrpc":"2.0","result":true}');
  await eventually(async () => expect(await credited(login)).toBe(Number(POOL) * 4));
  node.recommit();
  expect(await nextLine(miner, /"id":0,/)).toContain(targetOf(POOL * 4n));
  miner.close();
});

it("changes with the extranonce that vardiff gives, and a share of the job before keeps its own", async () => {
  const login = loginOf("3");
  const miner = await open(login);
  miner.send('{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}');
  const [, first = ""] = /\],"([0-9a-f]{6})"/.exec(await nextLine(miner, /"id":1,/)) ?? [];
  miner.send('{"id":2,"method":"mining.extranonce.subscribe","params":[]}');
  miner.send(`{"id":3,"method":"mining.authorize","params":["${login}.rig","x"]}`);
  const jobs: string[] = [];
  let extranonce = "";
  while (extranonce === "") {
    const line = await nextLine(miner, /mining.notify|mining.set_extranonce/);
    extranonce = /set_extranonce","params":\["([0-9a-f]{6})"/.exec(line)?.[1] ?? "";
    const job = /mining.notify","params":\["[0-9a-f]{16}","[0-9a-f]{64}","([0-9a-f]{64})"/.exec(line)?.[1];
    if (job !== undefined) jobs.push(job);
    await new Promise((resolve) => void setTimeout(resolve, 100));
    node.recommit();
  }
  const line = await nextLine(miner, /mining.notify/);
  const [, job = ""] = /mining.notify","params":\["[0-9a-f]{16}","[0-9a-f]{64}","([0-9a-f]{64})"/.exec(line) ?? [];
  const before = jobs.at(-1) ?? "";
  const shareOf = async (header: string, prefix: string, difficulty: bigint) => {
    const [proof] = proofs(`0x${header}`, BigInt(`0x${prefix}`) << 40n, 1, difficulty);
    const tail = proof?.nonce.slice(8) ?? "";
    miner.send(`{"id":4,"method":"mining.submit","params":["${login}.rig","${header.slice(0, 16)}","${tail}"]}`);
    return await nextLine(miner, /"id":4,/);
  };
  expect(await shareOf(before, first, POOL)).toBe('{"id":4,"result":true,"error":null}');
  expect(await shareOf(job, extranonce, POOL / 4n)).toBe('{"id":4,"result":true,"error":null}');
  await eventually(async () => expect(await credited(login)).toBe(Number(POOL + POOL / 4n)));
  miner.close();
});

it("cannot be shared out over connections that resume one session: one of them lives", async () => {
  const login = loginOf("4");
  // Of a stranger's live session nobody else gets the nonces.
  await redis.hset(`eth:miners:${login}`, { lastShare: 1 });
  const first = await open(login);
  const authorize = `{"id":3,"method":"mining.authorize","params":["${login}.rig","x"]}`;
  first.send(subscribe());
  const [, id = ""] = /"mining.notify","([^"]+)"/.exec(await nextLine(first, /"id":1,/)) ?? [];
  first.send(authorize);
  await nextLine(first, /"id":3,/);
  const others = [];
  for (let i = 0; i < 5; i++) {
    const miner = await open(login);
    miner.send(subscribe(`,"${id}"`));
    expect(await nextLine(miner, /"id":1,/)).toContain(id);
    miner.send(authorize);
    expect(await nextLine(miner, /"id":3,/)).toContain("true");
    others.push(miner);
  }
  for (const miner of [first, ...others.slice(0, -1)]) await expect(nextLine(miner, /never/)).rejects.toThrow();
  expect(others.at(-1)?.closed).toBe(false);
  others.at(-1)?.close();
});
