import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Ethash } from "@edgepool/ethash-wasm";
import { startBridge, type Bridge } from "../../bridge/src/index.ts";
import { elementsOf, parseObject, textOf, type JsonObject } from "../../bridge/src/json.ts";
import { TcpMiner } from "../../bridge/test/tcp-miner.ts";
import type { PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN, meets, solutions } from "../support/proofs.ts";
import { Cleanups, QUIET_DIFFICULTY, QUIET_HEIGHT, quietNode, quietPool, recorded } from "../support/quiet-pool.ts";

// What the real pool says to a share, in every dialect, and what the bridge makes of it.

const HOST = { host: "127.0.0.1", port: 0 };
const cleanups = new Cleanups();
let ethash: Ethash;
let pool: PoolProcess;

beforeAll(async () => {
  ethash = kernelAt(LONG_CHAIN, QUIET_HEIGHT);
  pool = await quietPool(cleanups, await quietNode(cleanups));
}, 120_000);
afterAll(() => cleanups.run());

async function newBridge(): Promise<Bridge> {
  const bridge = await startBridge({
    pools: [pool.url],
    stratum: [HOST],
    getwork: [HOST],
    allowInsecure: true,
    proxy: null,
  });
  cleanups.add(() => bridge.close());
  return bridge;
}

async function minerOf(bridge: Bridge): Promise<TcpMiner> {
  const miner = await TcpMiner.connect(bridge.ports.stratum[0] ?? 0);
  cleanups.add(() => miner.close());
  return miner;
}

const addressOf = (n: number): string => `0x${"ab".repeat(19)}${n.toString(16).padStart(2, "0")}`;

/** A share for a header whose nonce begins with these digits. */
function proof(header: string, prefix = ""): { nonce: string; mixDigest: string } {
  const first = BigInt(`0x${prefix.padEnd(16, "0")}`) + BigInt(Math.floor(Math.random() * 1e9));
  const work = { header, seed: "", height: QUIET_HEIGHT, networkDifficulty: 1n };
  for (const found of solutions(ethash, work, first, meets(BigInt(QUIET_DIFFICULTY)))) return found;
  throw new Error("there is no share");
}

interface Rig {
  readonly login: string;
  /** Says the logins and waits for work. @returns what a submit looks like */
  open(miner: TcpMiner, login: string): Promise<(id: number) => JsonObject>;
}

const ask = async (miner: TcpMiner, body: JsonObject): Promise<JsonObject> => {
  miner.say(body);
  await miner.until(() => miner.answers(body["id"]).length === 1);
  return miner.answers(body["id"])[0] ?? {};
};

const notified = async (miner: TcpMiner): Promise<readonly unknown[]> => {
  const notice = (): JsonObject | undefined =>
    miner.lines.map((line) => parseObject(line) ?? {}).findLast(({ method }) => method === "mining.notify");
  await miner.until(() => notice() !== undefined);
  return elementsOf(notice()?.["params"]);
};

const DIALECTS: Readonly<Record<string, Rig["open"]>> = {
  "eth-proxy": async (miner, login) => {
    await ask(miner, { id: 1, method: "eth_submitLogin", params: [login, "x"], worker: null });
    const header = textOf(elementsOf((await ask(miner, { id: 2, method: "eth_getWork", params: [] }))["result"])[0]);
    const { nonce, mixDigest } = proof(header);
    return (id) => ({ id, method: "eth_submitWork", params: [nonce, header, mixDigest], worker: null });
  },
  "EthereumStratum/1": async (miner, login) => {
    const subscribed = await ask(miner, { id: 1, method: "mining.subscribe", params: ["x", "EthereumStratum/1.0.0"] });
    await ask(miner, { id: 2, method: "mining.authorize", params: [`${login}.rig`, "x"] });
    const extranonce = textOf(elementsOf(subscribed["result"])[1]);
    const [job, , header] = await notified(miner);
    const { nonce } = proof(`0x${textOf(header)}`, extranonce);
    return (id) => ({ id, method: "mining.submit", params: [`${login}.rig`, job, nonce.slice(2 + extranonce.length)] });
  },
  "EthereumStratum/2": async (miner, login) => {
    const version = { agent: "x", host: "pool", port: "8008", proto: "EthereumStratum/2.0.0" };
    await ask(miner, { id: 1, method: "mining.hello", params: version });
    await ask(miner, { id: 2, method: "mining.subscribe", params: [] });
    const token = textOf(
      (await ask(miner, { id: 3, method: "mining.authorize", params: [`${login}.rig`, "x"] }))["result"],
    );
    const [job, , header] = await notified(miner);
    const set = miner.lines.map((line) => parseObject(line) ?? {}).find(({ method }) => method === "mining.set");
    const extranonce = textOf(Object(set?.["params"])["extranonce"]);
    const { nonce } = proof(`0x${textOf(header)}`, extranonce);
    return (id) => ({ id, method: "mining.submit", params: [job, nonce.slice(2 + extranonce.length), token] });
  },
  "plain stratum": async (miner, login) => {
    await ask(miner, { id: 1, method: "mining.subscribe", params: [] });
    await ask(miner, { id: 2, method: "mining.authorize", params: [`${login}.rig`, "x"] });
    const [job, header] = await notified(miner);
    const { nonce, mixDigest } = proof(textOf(header));
    return (id) => ({ id, method: "mining.submit", params: [`${login}.rig`, job, nonce, header, mixDigest] });
  },
};

test.each(Object.entries(DIALECTS).map(([dialect, open], n) => ({ dialect, open, login: addressOf(n + 1) })))(
  "a share in $dialect is counted as accepted, and the same one again as a duplicate",
  async ({ open, login }) => {
    const bridge = await newBridge();
    const miner = await minerOf(bridge);
    const submit = await open(miner, login);
    await ask(miner, submit(40));
    await ask(miner, submit(41));
    const counts = { accepted: 1, rejected: 1, reasons: { "Duplicate share": 1 } };
    expect(bridge.stats().miners).toMatchObject([{ login, ...counts }]);
    expect((await recorded(pool, login)).credited).toBe(QUIET_DIFFICULTY);
  },
);

test("a worker that is no text names nobody, in the bridge as without it", async () => {
  const bridge = await newBridge();
  const miner = await minerOf(bridge);
  await ask(miner, { id: 1, method: "eth_submitLogin", params: [addressOf(9), "x"], worker: null });
  expect(bridge.stats().miners).toMatchObject([{ login: addressOf(9), worker: null }]);
});

const indented = (method: string, params: readonly string[]): string =>
  JSON.stringify({ id: 1, jsonrpc: "2.0", method, params }, null, 4);

test("an indented getwork submit goes through, and one that no pool takes says nothing about the pool", async () => {
  const bridge = await newBridge();
  const url = `http://127.0.0.1:${bridge.ports.getwork[0]}/${addressOf(8)}/rig`;
  const post = async (body: string): Promise<JsonObject> => {
    const reply = await fetch(url, { method: "POST", body });
    expect(reply.status).toBe(200);
    return parseObject(await reply.text()) ?? {};
  };
  const header = textOf(elementsOf((await post(indented("eth_getWork", [])))["result"])[0]);
  const { nonce, mixDigest } = proof(header);
  expect(await post(indented("eth_submitWork", [nonce, header, mixDigest]))).toMatchObject({ result: true });
  const long = indented("eth_submitWork", [nonce, header, mixDigest]).padEnd(3_000);
  expect(await post(long)).toMatchObject({ error: { message: "The pool answered with status 413" } });
  expect(bridge.stats().pools).toMatchObject([{ state: "up", lastError: null }]);
});

test("the pool serves its own bridge: one file of its version with its checksum, that runs without anything installed", async () => {
  const [file, sums] = await Promise.all(["/bridge.mjs", "/bridge.mjs.sha256"].map((path) => fetch(pool.url + path)));
  const text = (await file?.text()) ?? "";
  expect(await sums?.text()).toBe(`${createHash("sha256").update(text).digest("hex")}  bridge.mjs\n`);
  const folder = await cleanups.folder("served");
  const path = join(folder, "bridge.mjs");
  await writeFile(path, text);
  const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
  expect(execFileSync(process.execPath, [path, "--version"], { cwd: folder, encoding: "utf8" })).toBe(`${version}\n`);
  const args = [path, pool.url, "--allow-insecure", "--listen", "127.0.0.1:0", "--display", "json", "--state", folder];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  cleanups.add(() => void child.kill("SIGKILL"));
  const [line] = (await once(createInterface(child.stdout), "line")) as string[];
  const miner = await TcpMiner.connect(Number(parseObject(line ?? "")?.["port"]));
  cleanups.add(() => miner.close());
  expect(await ask(miner, { id: 1, method: "eth_submitLogin", params: [addressOf(7), "x"] })).toMatchObject({
    result: true,
  });
});
