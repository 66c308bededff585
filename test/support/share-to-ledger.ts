import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm/chain-spec";
import { expect } from "vitest";
import { startNode } from "../../devnet/node/node.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { dumpLedger, restReader, type LedgerDump } from "./ledger-dump.ts";
import { ALICE, BOB, compareWithLedgerDocument, HEIGHT, NETWORK, SHARE, type Sent } from "./walk-expectation.ts";
import { kernelAt } from "./pow.ts";
import { meets, solutions } from "./proofs.ts";
import { StratumClient } from "./stratum-client.ts";

const REDIS_TOKEN = "a-token-for-the-books";
/**
 * Mines three shares for two logins and a block over real sockets, and compares every key, type, field and member of the
 * ledger with docs/ledger.md. Then everything that must not be credited, after which the ledger must be the same.
 * @param upstash where the pool keeps its books; null: the embedded ledger
 */
export async function walkShareToLedger(
  upstash: { readonly url: string; readonly token: string } | null,
): Promise<void> {
  const chain = chainByName("classic");
  if (!chain) throw new Error("no chain");
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-walk-"));
  const node = await startNode({
    spec: chain,
    startHeight: HEIGHT,
    difficulty: NETWORK,
    blockTimeMs: null,
    recommitMs: null,
  });
  const pool = await startPool({
    stateDir,
    vars: { name: "walk", chain: "classic", difficulty: Number(SHARE), upstream: [{ name: "node", url: node.url }] },
    secrets: upstash
      ? { UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: upstash.token }
      : { REDIS_TOKEN },
  });
  const rest = restReader(upstash ?? { url: `${pool.url}/redis`, token: REDIS_TOKEN });
  try {
    await walk(pool.url, rest, node);
  } finally {
    await pool.close();
    await node.close();
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function logIn(poolUrl: string, address: string, worker: string): Promise<StratumClient> {
  const client = await StratumClient.open(`${poolUrl.replace("http", "ws")}/stratum/${address}/${worker}`);
  const reply = await client.ask({ id: 1, jsonrpc: "2.0", method: "eth_submitLogin", params: [address, "x"], worker });
  expect(reply).toEqual({ id: 1, jsonrpc: "2.0", result: true });
  return client;
}

/** The header of the job of now. @param not one that it is not to be: waits for newer work */
async function jobHeader(client: StratumClient, not?: string): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const reply = await client.ask({ id: 5, jsonrpc: "2.0", method: "eth_getWork" });
    if (Array.isArray(reply["result"]) && reply["result"][0] !== not) return String(reply["result"][0]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the pool has no work");
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 300) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type Rest = ReturnType<typeof restReader>;
type Node = Awaited<ReturnType<typeof startNode>>;

async function walk(poolUrl: string, rest: Rest, node: Node): Promise<void> {
  const startedS = Math.floor(Date.now() / 1000);
  const alice = await logIn(poolUrl, ALICE, "rig-1");
  // An all-digit worker name: a client that guesses types would make a number of it.
  const bob = await logIn(poolUrl, BOB, "007");
  const header = await jobHeader(alice);
  expect(await jobHeader(bob)).toBe(header);
  const job = { header, seed: "", height: HEIGHT, networkDifficulty: NETWORK };
  const chain = chainByName("classic");
  if (!chain) throw new Error("no chain");
  const kernel = kernelAt(chain, HEIGHT);
  const shares = solutions(kernel, job, 1n, meets(SHARE, NETWORK));
  const next = (source: typeof shares) => {
    const { value } = source.next();
    if (!value) throw new Error("no solution");
    return value;
  };
  const submit = (client: StratumClient, worker: string, nonce: string, mix: string, named = header) =>
    client.ask({ id: 40, jsonrpc: "2.0", method: "eth_submitWork", params: [nonce, named, mix], worker });
  const accepted = { id: 40, jsonrpc: "2.0", result: true };
  const sent: Sent[] = [];
  for (const [client, address, worker] of [
    [alice, ALICE, "rig-1"],
    [alice, ALICE, "rig-1"],
    [bob, BOB, "007"],
  ] as const) {
    const { nonce, mixDigest } = next(shares);
    // Upper case is accepted, and lowered in the books.
    const reply = await submit(client, worker, nonce.toUpperCase().replace("0X", "0x"), mixDigest);
    expect(reply).toEqual(accepted);
    sent.push({ login: address, worker, pow: `${nonce}:${header}:${mixDigest}`, height: HEIGHT });
  }
  const block = next(solutions(kernel, job, 1n << 40n, meets(NETWORK)));
  expect(await submit(bob, "007", block.nonce, block.mixDigest)).toEqual(accepted);
  sent.push({ login: BOB, worker: "007", pow: `${block.nonce}:${header}:${block.mixDigest}`, height: HEIGHT });
  // The miner's answer waits for the durable intent only; node and candidate follow.
  await until("the candidate", async () => Number(await rest(["ZCARD", "eth:blocks:candidates"])) === 1);
  expect(node.chain.accepted.map(({ nonce, height }) => ({ nonce, height }))).toEqual([
    { nonce: block.nonce, height: HEIGHT },
  ]);

  // The open round takes shares of newer headers only.
  const newer = await jobHeader(alice, header);
  const newerJob = { ...job, header: newer, height: HEIGHT + 1 };
  const after = next(solutions(kernel, newerJob, 1n, meets(SHARE, NETWORK)));
  expect(await submit(alice, "rig-1", after.nonce, after.mixDigest, newer)).toEqual(accepted);
  sent.push({ login: ALICE, worker: "rig-1", pow: `${after.nonce}:${newer}:${after.mixDigest}`, height: HEIGHT + 1 });

  const dump = await dumpLedger(rest);
  compareWithLedgerDocument(dump, sent, block.nonce, startedS);
  // EXPIRE of a login's hashrate key: the hashrate expiration, 3 h.
  expect(Number(await rest(["TTL", `eth:hashrate:${ALICE}`]))).toSatisfy(
    (ttl: number) => ttl > 10_700 && ttl <= 10_800,
  );
  await expectNothingCredited({ alice, rest, dump, newer, known: after, fresh: next(shares), submit });
  alice.close();
  bob.close();
}

/** Duplicate, wrong mix, unknown job, a share of the round that is closed: the documented replies, and not a byte in the books. */
async function expectNothingCredited(at: {
  alice: StratumClient;
  rest: Rest;
  dump: LedgerDump;
  newer: string;
  known: { nonce: string; mixDigest: string };
  fresh: { nonce: string; mixDigest: string };
  submit: (client: StratumClient, worker: string, nonce: string, mix: string, named?: string) => Promise<unknown>;
}): Promise<void> {
  const { alice, newer, known, fresh, submit } = at;
  const refused = { id: 40, jsonrpc: "2.0", result: false };
  expect(await submit(alice, "rig-1", known.nonce, known.mixDigest, newer)).toEqual({
    id: 40,
    jsonrpc: "2.0",
    result: null,
    error: { code: 22, message: "Duplicate share" },
  });
  expect(await submit(alice, "rig-1", fresh.nonce, `0x${"00".repeat(32)}`)).toEqual(refused);
  expect(await submit(alice, "rig-1", fresh.nonce, fresh.mixDigest)).toEqual(refused);
  expect(await submit(alice, "rig-1", fresh.nonce, fresh.mixDigest, `0x${"11".repeat(32)}`)).toEqual(refused);
  expect(withoutNodes(await dumpLedger(at.rest))).toEqual(withoutNodes(at.dump));
}

/** Node state goes on being written whatever miners do. */
function withoutNodes(dump: LedgerDump): LedgerDump {
  return Object.fromEntries(Object.entries(dump).filter(([key]) => key !== "eth:nodes"));
}
