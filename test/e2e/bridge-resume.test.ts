import { setTimeout as pause } from "node:timers/promises";
import type { Ethash } from "@edgepool/ethash-wasm";
import { afterEach, beforeAll, expect, test } from "vitest";
import { startBridge, type Bridge } from "../../bridge/src/index.ts";
import { elementsOf, parseObject, textOf } from "../../bridge/src/json.ts";
import { TcpMiner } from "../../bridge/test/tcp-miner.ts";
import type { DevNode } from "../../devnet/node/node.ts";
import type { PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN, meets, solutions } from "../support/proofs.ts";
import {
  Cleanups,
  makeKnown,
  QUIET_DIFFICULTY as DIFFICULTY,
  QUIET_HEIGHT as HEIGHT,
  quietNode as nodeOf,
  quietPool,
  recorded,
} from "../support/quiet-pool.ts";

// The whole way with real proofs of work: TCP miner, bridge, WebSocket, workerd, ledger. The pool dies with shares in flight.

const ADDRESS = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const SHARES = 24;
/** Of an epoch whose light cache of 48 MiB takes so long that shares are accepted before it is there. */
const LARGE_HEIGHT = 256 * 30_000;
const HASTE = {
  backOff: { firstMs: 250, longestMs: 500 },
  probeIntervalMs: 200,
  returnAfterMs: 500,
  returnSpreadMs: 50,
  sharePatienceMs: 600_000,
};
const HOST = { host: "127.0.0.1", port: 0 };

let ethash: Ethash;
const cleanups = new Cleanups();

beforeAll(() => {
  ethash = kernelAt(LONG_CHAIN, HEIGHT);
});
afterEach(() => cleanups.run());

const quietNode = (): Promise<DevNode> => nodeOf(cleanups);
const poolOn = (node: DevNode): Promise<PoolProcess> => quietPool(cleanups, node);
const books = (pool: PoolProcess): ReturnType<typeof recorded> => recorded(pool, ADDRESS);

/** Until the shares, and no others, are in the ledgers: on a busy machine some go there by the outbox, after their answers. */
async function untilRecorded(shares: readonly { readonly nonce: string }[], ...pools: PoolProcess[]): Promise<void> {
  const recordedNow = async (): Promise<string[]> => {
    const ledgers = await Promise.all(pools.map(books));
    return [...new Set(ledgers.flatMap(({ nonces }) => nonces))].toSorted();
  };
  await expect.poll(recordedNow, { timeout: 300_000 }).toEqual(shares.map(({ nonce }) => nonce).toSorted());
}

async function bridgeTo(...pools: PoolProcess[]): Promise<Bridge> {
  const bridge = await startBridge({
    pools: pools.map(({ url }) => url),
    stratum: [HOST],
    getwork: [HOST],
    allowInsecure: true,
    proxy: null,
    timings: HASTE,
  });
  cleanups.add(() => bridge.close());
  return bridge;
}

async function minerOf(bridge: Bridge): Promise<TcpMiner> {
  const miner = await TcpMiner.connect(bridge.ports.stratum[0] ?? 0);
  cleanups.add(() => miner.close());
  return miner;
}

/** Proofs for a header, all different. */
function proofs(
  header: string,
  count: number,
  firstNonce = 0n,
  kernel = ethash,
): { nonce: string; mixDigest: string }[] {
  const found: { nonce: string; mixDigest: string }[] = [];
  for (const proof of solutions(kernel, { header }, firstNonce, meets(BigInt(DIFFICULTY)))) {
    found.push(proof);
    if (found.length === count) break;
  }
  return found;
}

/** The header of the newest job that an eth-proxy miner has. */
function headerOf(miner: TcpMiner): string | null {
  const jobs = miner.lines.map(parseObject).map((body) => textOf(elementsOf(body?.["result"])[0]));
  return jobs.findLast((header) => header.startsWith("0x")) ?? null;
}

async function loggedIn(miner: TcpMiner): Promise<string> {
  miner.say({ id: 1, jsonrpc: "2.0", method: "eth_submitLogin", params: [ADDRESS, "x"], worker: "rig-1" });
  await miner.until(() => headerOf(miner) !== null);
  return headerOf(miner) ?? "";
}

const submitLine = (id: number, header: string, { nonce, mixDigest }: { nonce: string; mixDigest: string }) => ({
  id,
  jsonrpc: "2.0",
  method: "eth_submitWork",
  params: [nonce, header, mixDigest],
  worker: "rig-1",
});

const results = (miner: TcpMiner, ids: readonly number[]): unknown[] =>
  ids.flatMap((id) => miner.answers(id).map((body) => body["result"] ?? body["error"]));

test("workerd is killed again and again with shares in flight: each is answered true once, and recorded once", async () => {
  const pool = await poolOn(await quietNode());
  const bridge = await bridgeTo(pool);
  const miner = await minerOf(bridge);
  const header = await loggedIn(miner);
  const found = proofs(header, 2 * SHARES);
  // ethminer's way: one id for all shares of a GPU.
  const ids = [40, 41, 42];
  // Killed before anything is answered, and after half of the answers.
  for (const [round, wanted] of [0, SHARES / 2].entries()) {
    const batch = found.slice(round * SHARES, (round + 1) * SHARES);
    miner.say(...batch.map((proof, n) => submitLine(ids[n % ids.length] ?? 0, header, proof)));
    await miner.until(() => results(miner, ids).length >= round * SHARES + wanted);
    await pool.kill();
    await pool.restart();
    await miner.until(() => results(miner, ids).length >= (round + 1) * SHARES);
  }
  expect(results(miner, ids)).toEqual(found.map(() => true));
  expect(miner.closed).toBe(false);
  expect(miner.answers(1)).toHaveLength(1);
  await untilRecorded(found, pool);
  const { nonces, credited } = await books(pool);
  expect(nonces).toHaveLength(found.length);
  expect(credited).toBe(found.length * DIFFICULTY);
  expect(bridge.stats().totals).toMatchObject({ accepted: found.length, rejected: 0 });
});

test("an EthereumStratum/1 miner keeps its nonces over a restart, and its shares in flight", async () => {
  const pool = await poolOn(await quietNode());
  await makeKnown(pool, ADDRESS);
  const bridge = await bridgeTo(pool);
  const miner = await minerOf(bridge);
  miner.say({ id: 1, method: "mining.subscribe", params: ["ethminer/0.19", "EthereumStratum/1.0.0"] });
  await miner.untilLines(1);
  miner.say({ id: 2, method: "mining.extranonce.subscribe", params: [] });
  miner.say({ id: 3, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] });
  await miner.until((lines) => lines.some((line) => line.includes('mining.notify","params":')));
  const extranonce = textOf(elementsOf(miner.answers(1)[0]?.["result"])[1]);
  const [job, , bare] = elementsOf(parseObject(miner.lines.at(-1) ?? "")?.["params"]);
  const found = proofs(`0x${textOf(bare)}`, SHARES, BigInt(`0x${extranonce.padEnd(16, "0")}`));
  const ids = found.map((_, n) => 100 + n);
  miner.say(
    ...found.map(({ nonce }, n) => ({
      id: ids[n],
      method: "mining.submit",
      params: [`${ADDRESS}.rig`, job, nonce.slice(2 + extranonce.length)],
    })),
  );
  await miner.until(() => results(miner, ids).length >= 1);
  await pool.kill();
  await pool.restart();
  await miner.until(() => results(miner, ids).length >= SHARES);
  expect(results(miner, ids)).toEqual(found.map(() => true));
  expect(miner.lines.filter((line) => line.includes("set_extranonce"))).toEqual([]);
  await untilRecorded(found, pool);
});

test("another pool takes over with shares in flight, and the miner returns when the first is back", async () => {
  const node = await quietNode();
  const [first, backup] = await Promise.all([poolOn(node), poolOn(node)]);
  const bridge = await bridgeTo(first, backup);
  const miner = await minerOf(bridge);
  const header = await loggedIn(miner);
  const found = proofs(header, 2 * SHARES);
  const ids = found.map((_, n) => 100 + n);
  miner.say(...found.slice(0, SHARES).map((proof, n) => submitLine(ids[n] ?? 0, header, proof)));
  await miner.until(() => results(miner, ids).length >= 1);
  await first.kill();
  await miner.until(() => results(miner, ids).length >= SHARES);
  expect(bridge.stats().pools.map(({ miners }) => miners)).toEqual([0, 1]);
  await first.restart();
  while (bridge.stats().pools[0]?.miners !== 1) await new Promise((resolve) => setTimeout(resolve, 50));
  miner.say(...found.slice(SHARES).map((proof, n) => submitLine(ids[SHARES + n] ?? 0, header, proof)));
  await miner.until(() => results(miner, ids).length >= 2 * SHARES);
  expect(results(miner, ids)).toEqual(found.map(() => true));
  expect(miner.closed).toBe(false);
  await untilRecorded(found, first, backup);
  expect((await books(first)).nonces).toEqual(expect.arrayContaining(found.slice(SHARES).map(({ nonce }) => nonce)));
});

/** A miner of HTTP getwork that has work. @returns shares of it, and what sends one: the pool's verdict */
async function getworkMiner(bridge: Bridge, shares: number, kernel = ethash) {
  const url = `http://127.0.0.1:${bridge.ports.getwork[0]}/${ADDRESS}/rig-1`;
  const call = async (method: string, params: readonly string[]): Promise<unknown> => {
    const reply = await fetch(url, { method: "POST", body: JSON.stringify({ id: 1, jsonrpc: "2.0", method, params }) });
    expect(reply.status).toBe(200);
    return parseObject(await reply.text())?.["result"];
  };
  let work: unknown = null;
  while (work === null) work = await call("eth_getWork", []);
  const header = textOf(elementsOf(work)[0]);
  const send = ({ nonce, mixDigest }: { nonce: string; mixDigest: string }) =>
    call("eth_submitWork", [nonce, header, mixDigest]);
  return { found: proofs(header, shares, 0n, kernel), send };
}

test("an HTTP getwork miner gets work and has its share counted over a restart of the pool", async () => {
  const pool = await poolOn(await quietNode());
  const { found, send } = await getworkMiner(await bridgeTo(pool), 8);
  const answered = found.map(send);
  await Promise.race(answered);
  await pool.kill();
  await pool.restart();
  expect(await Promise.all(answered)).toEqual(found.map(() => true));
  // The bridge may have answered by itself for a pool that was long to come back; the shares get there all the same.
  await untilRecorded(found, pool);
});

test("what a pool has said true for it brings into its books itself, also where it is killed on the way and nobody asks it afterwards", async () => {
  const node = await nodeOf(cleanups, LARGE_HEIGHT);
  const pool = await quietPool(cleanups, node, { ledgerCommitInterval: "500ms" });
  const bridge = await bridgeTo(pool);
  const { found, send } = await getworkMiner(bridge, 8, kernelAt(LONG_CHAIN, LARGE_HEIGHT));
  // All at once, so that some come in one millisecond; the first that is recorded is mostly alone.
  const answered = found.map(send);
  while ((await books(pool)).nonces.length === 0) await pause(5);
  await pool.kill();
  await pool.restart();
  expect(await Promise.all(answered)).toEqual(found.map(() => true));
  await bridge.close();
  await untilRecorded(found, pool);
  expect((await books(pool)).credited).toBe(found.length * DIFFICULTY);
});
