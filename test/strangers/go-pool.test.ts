/**
 * Go's Redis client on the pool's own books: what open-etc-pool's unlocker, payouts and API ask for, over `npm run ledger -- serve` in front of
 * the embedded ledger. Needs Go; the module is built where it stands.
 */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { runLedgerCli } from "../support/ledger-cli.ts";
import { loginOf, recordMaker } from "../support/ledger-records.ts";
import { buildGo } from "./support/programs.ts";

const TOKEN = "books-of-this-test-only";
const HASH = `0x${"b1".repeat(32)}`;
const PAYMENT = `0x${"c2".repeat(32)}`;
const WINDOW_S = 1_800;

let folder: string;
let pool: PoolProcess;
let serve: ChildProcessWithoutNullStreams;
let go: ChildProcessWithoutNullStreams;
let answers: AsyncIterator<string>;

/** Asks the Go program for one thing. */
async function ask(request: Record<string, unknown>): Promise<{ answer: unknown; error?: string }> {
  go.stdin.write(`${JSON.stringify(request)}\n`);
  const line = await answers.next();
  if (line.done === true) throw new Error("the Go program has ended");
  return JSON.parse(line.value);
}

const firstLine = async (child: ChildProcessWithoutNullStreams): Promise<string> => {
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error("the program ended without a word");
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-go-"));
  const program = await buildGo("go-pool");
  pool = await startPool({
    stateDir: folder,
    cron: false,
    secrets: { REDIS_TOKEN: TOKEN },
    vars: { api: { statsCollectInterval: "1s", hashrateWindow: `${WINDOW_S}s` } },
  });
  serve = spawn(process.execPath, ["scripts/ledger/cli.ts", "serve", `${pool.url}/redis`, "--port", "0", "--write"], {
    env: { ...process.env, LEDGER_TOKEN: TOKEN },
  });
  const address = /^redis:\/\/(\S+) /.exec(await firstLine(serve))?.[1] ?? "";
  go = spawn(program, [address, "eth", String(WINDOW_S)]);
  answers = createInterface({ input: go.stdout })[Symbol.asyncIterator]();
}, 600_000);

afterAll(async () => {
  for (const child of [go, serve]) {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  await pool.close();
  await rm(folder, { recursive: true, force: true });
});

it("pays a block that the pool has found to its last Shannon, under WATCH, and shows what the pool's own API shows", async () => {
  const redis = upstashPort({ url: `${pool.url}/redis`, token: TOKEN, timeoutMs: 60_000 });
  const { share, block } = recordMaker();
  const nowMs = Date.now();
  const now = Math.floor(nowMs / 1000);
  const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 1e9, nowMs: () => nowMs });
  const at = (i: number) => ({ timestampMs: nowMs - 1_000 - i });
  // More logins than one page of a scan has.
  const shares = Array.from({ length: 450 }, (_, i) => share({ login: loginOf(i % 225), ...at(i) }));
  await writer.recordShares(shares, false);
  const found = block({ login: loginOf(0), ...at(999) });
  await writer.recordBlock(found, false);
  await writer.recordShares([share({ login: loginOf(1), ...at(2_000) })], false);

  expect(await ask({ do: "check" })).toEqual({ answer: "PONG" });
  expect(await ask({ do: "payees" })).toEqual({ answer: 225 });
  const { answer: candidates } = await ask({ do: "candidates", height: found.height });
  expect(candidates).toMatchObject([{ Score: found.height, Member: expect.stringContaining(found.nonce) }]);
  const { answer: round } = await ask({ do: "round", height: found.height, hash: found.nonce });
  expect(Object.keys(Object(round))).toHaveLength(225);

  const rewards = Object.fromEntries(Object.keys(Object(round)).map((login, i) => [login, 1_000_000 + i]));
  const total = Object.values(rewards).reduce((sum, amount) => sum + amount, 0);
  const moved = { height: found.height, hash: HASH, reward: `${total}000000000`, now };
  expect(await ask({ do: "immature", ...moved, shares: rewards })).toEqual({ answer: null });
  // Somebody else touched the credits between WATCH and EXEC: nothing is done, and the next try does it.
  expect(await ask({ do: "matured", ...moved, meddle: true })).toEqual({
    answer: null,
    error: "redis: transaction failed",
  });
  expect(await redis.command(["ZCARD", "eth:blocks:immature"])).toBe(1);
  expect(await ask({ do: "matured", ...moved })).toEqual({ answer: null });
  const payee = loginOf(1);
  const amount = rewards[payee] ?? 0;
  expect(await ask({ do: "balance", login: payee })).toEqual({ answer: amount });
  expect(await ask({ do: "pay", login: payee, amount, hash: PAYMENT, now })).toEqual({ answer: null });
  expect(await ask({ do: "save" })).toEqual({ answer: "Background saving started" });
  expect(await runLedgerCli(["audit", `${pool.url}/redis`], { token: TOKEN })).toMatchObject({ code: 0, stderr: "" });

  const { answer: stats } = await ask({ do: "stats", now });
  const ours = await (await fetch(`${pool.url}/api/stats`)).json();
  const blocks = await (await fetch(`${pool.url}/api/blocks`)).json();
  expect(stats).toMatchObject({
    minersTotal: ours.minersTotal,
    candidatesTotal: blocks.candidatesTotal,
    immatureTotal: blocks.immatureTotal,
    maturedTotal: blocks.maturedTotal,
    paymentsTotal: 1,
    payments: [{ Score: now, Member: `${PAYMENT}:${payee}:${amount}` }],
  });
  expect(blocks).toMatchObject({ candidatesTotal: 0, immatureTotal: 0, maturedTotal: 1 });
  const { answer: account } = await ask({ do: "workers", login: payee });
  const own = await (await fetch(`${pool.url}/api/accounts/${payee}`)).json();
  const text = Object.fromEntries(Object.entries(own.stats).map(([name, value]) => [name, String(value)]));
  expect(account).toEqual({ stats: expect.objectContaining(text), roundShares: String(own.roundShares) });
  expect(text).toMatchObject({ balance: "0", paid: String(amount), immature: "0" });
}, 120_000);
