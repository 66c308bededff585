/**
 * Byte pipes of others in the place of the bridge (websocat from crates.io, websockify from PyPI), and Upstash's Python client on `/redis`. A test whose program cannot
 * be had here fails with its reason, and is left out, loudly, where there is no Rust or Python at all.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { customChain } from "@edgepool/ethash-wasm/chain-spec";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startMiner } from "../../devnet/miner/miner.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { buildWebsocat, freePort, onPath, pythonWith } from "./support/programs.ts";

const TOKEN = "books-of-this-test-only";
const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const CHAIN = { name: "stranger", epochLength: 30_000 };
const INSTALL = 900_000;

let folder: string;
let node: DevNode;
let pool: PoolProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-bridges-"));
  node = await startNode({ spec: customChain(CHAIN), difficulty: 100_000n });
  pool = await startPool({
    stateDir: folder,
    vars: { chain: CHAIN, difficulty: 100, upstream: [{ name: "node", url: node.url, timeout: "5s" }] },
    secrets: { REDIS_TOKEN: TOKEN },
  });
});
afterAll(async () => {
  await pool.close();
  await node.close();
  await rm(folder, { recursive: true, force: true });
});

const left = (program: string): boolean => {
  const missing = !onPath(program);
  if (missing) process.stderr.write(`\nLEFT OUT: a test of strangers needs ${program}, which is not on this machine\n`);
  return missing;
};

/** Mines over a pipe until three shares were accepted. @returns how many were not */
async function mineOver(port: number, worker: string): Promise<number> {
  const miner = startMiner({ host: "127.0.0.1", port, login: LOGIN, worker, threads: 1, chain: customChain(CHAIN) });
  try {
    await expect.poll(() => miner.stats.accepted, { timeout: 120_000, interval: 200 }).toBeGreaterThanOrEqual(3);
    return miner.stats.invalid + miner.stats.rejected + miner.stats.duplicate;
  } finally {
    await miner.close();
  }
}

const stratum = (login = `/${LOGIN}`): string => `${pool.url.replace("http", "ws")}/stratum${login}`;

/** Runs a pipe for as long as a miner needs to have shares accepted over it. */
async function over(pipe: ChildProcess, worker: string, port: number): Promise<void> {
  const ended = once(pipe, "exit").then(([code]: unknown[]) => {
    throw new Error(`the pipe has ended with ${String(code)}`);
  });
  ended.catch(() => undefined);
  try {
    expect(await Promise.race([mineOver(port, worker), ended])).toBe(0);
  } finally {
    pipe.kill("SIGKILL");
    await ended.catch(() => undefined);
  }
}

it.skipIf(left("cargo"))("websocat carries a miner", { timeout: INSTALL }, async () => {
  const websocat = await buildWebsocat();
  const port = await freePort();
  const pipe = spawn(websocat, ["-b", `tcp-l:127.0.0.1:${port}`, stratum()], { stdio: "ignore" });
  await over(pipe, "websocat", port);
});

const LOGINS = [
  ["named by the URL", `/${LOGIN}`],
  ["that comes in band", ""],
] as const;
it.skipIf(left("python3")).each(LOGINS)(
  "websockify, which takes no text frame, carries a miner with a login %s",
  { timeout: INSTALL },
  async (_, login) => {
    const python = await pythonWith(["websockify"]);
    const port = await freePort();
    const script = join(import.meta.dirname, "python", "websockify_pipe.py");
    const pipe = spawn(python, [script, String(port), stratum(login)], { stdio: ["ignore", "ignore", "inherit"] });
    await over(pipe, `websockify${login === "" ? "-in-band" : ""}`, port);
  },
);

it.skipIf(left("python3"))(
  "Upstash's Python client reads and writes the books on /redis",
  { timeout: INSTALL },
  async () => {
    const python = await pythonWith(["upstash-redis"]);
    const script = join(import.meta.dirname, "python", "upstash_books.py");
    const { stdout } = await promisify(execFile)(python, [script, `${pool.url}/redis`, TOKEN]);
    const seen = JSON.parse(stdout);
    expect(seen).toMatchObject({
      ping: "PONG",
      pipeline: [
        true,
        "n\u00e9",
        2,
        [
          ["a", 1.5],
          ["b", 2],
        ],
      ],
      transaction: [41, 42, 3],
      flushall: expect.stringContaining("NOPERM"),
    });
    expect(seen.keys).toContain("eth:nodes");
    expect(new Set(seen.keys).size).toBe(seen.keys.length);
  },
);
