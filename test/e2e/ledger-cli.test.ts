import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { encodeRecords } from "../../core/ledger/contract/record-codec.ts";
import { onVerifiers } from "../support/verifier-rows.ts";
import { connectRedis } from "../../scripts/ledger/node-redis.ts";
import { runLedgerCli, servingLedgerCli as serving } from "../support/ledger-cli.ts";
import { loginOf, readBooks, recordMaker, START_MS } from "../support/ledger-records.ts";

const token = "books-of-this-test-only";
const readToken = "reader-of-this-test-only";
const admin = "operator-of-this-test-only";
let stateDir: string;
let pool: PoolProcess;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-test-"));
  pool = await startPool({
    stateDir,
    cron: false,
    secrets: { REDIS_TOKEN: token, REDIS_READ_TOKEN: readToken, ADMIN_TOKEN: admin },
  });
}, 120_000);
afterAll(async () => {
  await pool.close();
  await rm(stateDir, { recursive: true, force: true });
});

it("writes both scripts' books over /redis, moves them out and in again, and finds a share that does not add up", async () => {
  const ledger = `${pool.url}/redis`;
  const redis = upstashPort({ url: ledger, token, timeoutMs: 60_000 });
  const { share, block } = recordMaker();
  const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 1e9, nowMs: () => START_MS });
  expect(await writer.recordShares([share(), share()], false)).toEqual(["recorded", "recorded"]);
  expect(await writer.recordBlock(block(), false)).toBe("recorded");
  expect(await writer.recordShares([share()], false)).toEqual(["recorded"]);
  const before = await readBooks(redis);

  const { stdout: dump, code } = await runLedgerCli(["export", ledger], { token });
  expect(code).toBe(0);
  const nowhere = await runLedgerCli(["export", ledger, "--out", join(stateDir, "nowhere", "dump")], { token });
  expect(nowhere).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^ledger: ENOENT: .*\n$/) });
  await expect(redis.command(["FLUSHALL"])).rejects.toThrow("NOPERM");
  await redis.command(["DEL", ...Object.keys(before)]);
  expect(await runLedgerCli(["import", ledger], { token, input: dump })).toMatchObject({ code: 0, stderr: "" });
  expect(await readBooks(redis)).toEqual(before);
  expect(await runLedgerCli(["import", ledger], { token, input: dump })).toMatchObject({ code: 2 });

  expect(await runLedgerCli(["audit", ledger], { token })).toMatchObject({ code: 0, stderr: "" });
  await redis.command(["HINCRBY", "eth:shares:roundCurrent", share().login, 1]);
  expect(await runLedgerCli(["audit", ledger], { token })).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("WRONG open round: "),
  });
});

const serve = (more: string[], secret = token) =>
  serving(["serve", `${pool.url}/redis`, "--port", "0", ...more], secret);

it("serves the books as a Redis: to read by the token that reads, to write with --write", async () => {
  const reader = await serve([], readToken);
  expect(reader.said).toMatch(/^redis:\/\/127\.0\.0\.1:\d+ {2}to read; --write lets clients write; no password/);
  const redis = await connectRedis(reader.url);
  expect(await redis.command(["TYPE", "eth:stats"])).toBe("hash");
  expect(await redis.transaction([["EXISTS", "eth:stats"]])).toEqual([1]);
  await expect(redis.command(["SET", "eth:x", "1"])).rejects.toThrow("NOPERM this port only reads");
  await redis.close();
  await reader.stop();
  const writer = await serve(["--write"]);
  const other = await connectRedis(writer.url);
  expect(await other.command(["SET", "eth:x", "1"])).toBe("OK");
  expect(await other.command(["DEL", "eth:x"])).toBe(1);
  await other.close();
  await writer.stop();
  // The token that reads cannot write, whatever the port was told.
  const wrong = await serve(["--write"], readToken);
  const third = await connectRedis(wrong.url);
  await expect(third.command(["SET", "eth:x", "1"])).rejects.toThrow("NOPERM");
  await third.close();
  await wrong.stop();
});

it.each<[what: string, args: (url: string) => string[], said: RegExp]>([
  ["a wrong token", (url) => ["serve", `${url}/redis`], /^ledger: WRONGPASS invalid or missing auth token\n$/],
  [
    "a host of the network",
    (url) => ["serve", `${url}/redis`, "--host", "0.0.0.0"],
    /^ledger: "0\.0\.0\.0" is no loopback address: /,
  ],
  ["no port", (url) => ["serve", `${url}/redis`, "--port", "x"], /^ledger: "x" is no port\n$/],
  [
    "a miner's URL",
    (url) => ["audit", `${url}/0x0123/rig1`],
    /^ledger: "\S+\/0x0123\/rig1" is an address of a pool, but not of its ledger: that is http:\/\/127\.0\.0\.1:\d+\/redis\n$/,
  ],
  ["a pool's URL", (url) => ["audit", url], /^ledger: .*; a pool's ledger is http:\/\/127\.0\.0\.1:\d+\/redis\n$/],
])("%s in the place of a ledger is told in one line, with what is right", async (_, args, said) => {
  expect(await runLedgerCli(args(pool.url), { token: "some-other-token-of-nobody" })).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(said),
  });
});

const run = (args: string[], over = admin) => runLedgerCli(args, { admin: over });

it("lists what an outage left to the operator, credits and drops it with a reason, and tells what was decided", async () => {
  await fetch(`${pool.url}/health`);
  await pool.kill();
  const { share } = recordMaker();
  const header = `0x${"77".repeat(32)}`;
  const records = [7, 8, 9].map((login) => share({ login: loginOf(login), header }));
  onVerifiers(
    stateDir,
    records.map((one) => `INSERT INTO unresolved (reason, at, body) VALUES ('too old', 1, '${encodeRecords(one)}')`),
    1,
  );
  await pool.restart();

  const listed = await run(["unresolved", "list", pool.url]);
  expect(listed).toMatchObject({ code: 0, stderr: "" });
  const ids = [...listed.stdout.matchAll(/^(\d+:\d+)  share of (0x\w+) /gm)].map(([, id = "", login]) => ({
    id,
    login,
  }));
  expect(ids.map(({ login }) => login)).toEqual(records.map(({ login }) => login));
  const [first = { id: "" }, ...others] = ids;
  expect(await run(["unresolved", "credit", pool.url, first.id, "--note", "outage of the 3rd"])).toMatchObject({
    code: 0,
    stdout: `${first.id}  on its way into the ledger\n`,
  });
  expect(await run(["unresolved", "credit", pool.url, first.id, "--note", "again"])).toMatchObject({ code: 1 });
  expect(await run(["unresolved", "drop", pool.url, "--note", "test rigs", "--all"])).toMatchObject({
    code: 0,
    stdout: others.map(({ id }) => `${id}  dropped\n`).join(""),
  });
  expect((await run(["unresolved", "list", pool.url])).stdout).toBe("nothing waits for a decision\n");
  const log = (await run(["unresolved", "list", pool.url, "--log"])).stdout.split("\n").filter((line) => line !== "");
  expect(log.map((line) => line.replace(/^.*  (credit|drop): .*: /, "$1: "))).toEqual([
    "drop: test rigs",
    "drop: test rigs",
    "credit: outage of the 3rd",
  ]);
  const redis = upstashPort({ url: `${pool.url}/redis`, token, timeoutMs: 60_000 });
  await expect
    .poll(async () => await redis.command(["HGET", "eth:shares:roundCurrent", loginOf(7)]), { timeout: 120_000 })
    .toBe("2000000000");
  expect((await run(["reconcile", pool.url])).stdout).toMatch(/^1 records of the last minute are sent/);
  expect(await run(["unresolved", "list", pool.url], "not-the-token-of-this-pool")).toMatchObject({
    code: 2,
    stderr: "ledger: ADMIN_TOKEN is not the pool's\n",
  });
});
