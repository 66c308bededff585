import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { PoolScript } from "../../core/deploy/pool-scripts.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { LedgerAudit } from "../support/ledger-audit.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN } from "../support/proofs.ts";
import { ShareRigs } from "../support/share-rigs.ts";
import { QuietMiners } from "./quiet-miners.ts";
import { startSplitPool, type SplitPool } from "./split-pool.ts";

const TOKEN = "deploy-ledger-token-0123456789";
const LOGINS = Array.from({ length: 98 }, (_, at) => `0x${at.toString(16).padStart(40, "b")}`);
/** A login of the page's has 10 rigs, and 20 rigs of two logins submit shares all the time: 1,000 sockets. */
const QUIET_RIGS = 10;
const BUSY = { logins: 2, rigs: 10, window: 1 } as const;
const SOCKETS = LOGINS.length * QUIET_RIGS + BUSY.logins * BUSY.rigs;

let node: DevNode;
let pool: SplitPool;
let quiet: QuietMiners;
let rigs: ShareRigs;
let mining: Promise<void>;
const said: string[] = [];

beforeAll(async () => {
  node = await startNode({ recommitMs: null, blockTimeMs: null, difficulty: 1n << 60n });
  pool = await startSplitPool({
    vars: {
      chain: { name: "devnet", epochLength: 30_000 },
      difficulty: 1,
      upstream: [{ name: "main", url: node.url, timeout: "5s" }],
      ledgerTimeout: "30s",
      policy: { banning: { enabled: false }, limits: { enabled: false } },
      log: { level: "warn" },
    },
    secrets: { REDIS_TOKEN: TOKEN },
    onLog: (script, message) => said.push(`${script}: ${message}`),
  });
  const kernel = kernelAt(LONG_CHAIN, 0);
  rigs = new ShareRigs(() => pool.url, { ...BUSY, kernelFor: () => kernel });
  await credited([...LOGINS, ...rigs.logins]);
  quiet = new QuietMiners(pool.url, LOGINS, QUIET_RIGS);
  await quiet.connect();
  mining = rigs.run();
  await until("shares before the first deployment", () => rigs.acknowledged.size > 100);
}, 900_000);

afterAll(async () => {
  quiet?.end();
  rigs?.close();
  await pool?.close();
  await node?.close();
}, 120_000);

/** The pool knows them, so that their sockets are their objects'. */
async function credited(logins: readonly string[]): Promise<void> {
  const commands = logins.map((login) => ["HSET", `eth:miners:${login}`, "lastShare", 1]);
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  // A connection of its own: `fetch` keeps it open for seconds, and a rig that took it over for its WebSocket would go through the page.
  const asked = request(`${pool.url}/redis/pipeline`, { method: "POST", headers, agent: false });
  const [answer]: IncomingMessage[] = await once(asked.end(JSON.stringify(commands)), "response");
  const body = answer === undefined ? "" : await text(answer);
  if (answer?.statusCode !== 200)
    throw new Error(`the ledger answered ${answer?.statusCode}: ${body}\n${said.join("\n")}`);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 20) {
    if (waitedMs > 300_000) throw new Error(`never happened: ${what}\n${said.slice(-20).join("\n")}`);
    await sleep(20);
  }
}

const seconds = (ms: number) => (ms / 1_000).toFixed(1);

/** One script is replaced while all mine. */
async function replaced(entry: PoolScript["entry"]) {
  const [quietBefore, busyBefore, startedAtMs] = [quiet.cuts.length, rigs.cuts.length, performance.now()];
  await pool.replace(entry);
  const answersMs = performance.now() - startedAtMs;
  const told = rigs.acknowledged.size;
  await until(`99 % with work after ${entry}`, () => quiet.withWork >= LOGINS.length * QUIET_RIGS * 0.99);
  const workMs = performance.now() - startedAtMs;
  await until(`shares after ${entry}`, () => rigs.acknowledged.size > told + 50);
  const sharesMs = performance.now() - startedAtMs;
  const cuts = [...quiet.cuts.slice(quietBefore), ...rigs.cuts.slice(busyBefore)];
  console.log(
    `${entry} replaced: ${cuts.length} of ${SOCKETS} sockets closed; the new process answers after ${seconds(answersMs)} s, 99 % have work after ${seconds(workMs)} s, 50 more shares are told true after ${seconds(sharesMs)} s`,
  );
  if (entry !== "sessions") for (const cut of cuts) console.log(`cut off: ${cut}`);
  return cuts.length;
}

it("a new page closes no miner's socket", async () => {
  expect(await replaced("page")).toBe(0);
});

it("new verifiers close no miner's socket", async () => {
  expect(await replaced("verifiers")).toBe(0);
});

it("new payouts close no miner's socket", async () => {
  expect(await replaced("payouts")).toBe(0);
});

it("new sessions close every socket, and all have work again", async () => {
  expect(await replaced("sessions")).toBeGreaterThanOrEqual(SOCKETS);
});

it("no share is lost in any of it, and none is credited twice", async () => {
  rigs.stop();
  await mining;
  await until("an answer to every share", () => rigs.waiting === 0);
  const audit = new LedgerAudit({ url: `${pool.url}/redis`, token: TOKEN });
  const witnesses = { sent: rigs.sent, acknowledged: rigs.acknowledged, blocks: [], together: new Set<string>() };
  for (let tries = 0; tries < 120 && (await audit.missing(witnesses)) > 0; tries += 1) await sleep(1_000);
  const { findings, recorded } = await audit.findings(witnesses);
  console.log(
    `${rigs.acknowledged.size} shares told true, ${recorded} in the books; answers: ${JSON.stringify([...rigs.answers])}`,
  );
  expect(findings.slice(0, 10)).toEqual([]);
  expect(recorded).toBeGreaterThanOrEqual(rigs.acknowledged.size);
});
