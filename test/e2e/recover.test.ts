/**
 * `ledger recover` against a pool whose embedded ledger has a past, which no workerd on this machine has: the pool's answers and the books are
 * played here, by the real engine, and the command line is the real one. What the Worker does of it is in test/workerd/recovery.test.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { runLedgerCli } from "../support/ledger-cli.ts";
import { recordMaker } from "../support/ledger-records.ts";
import { booksInMemory, PlayedPool } from "../support/played-pool.ts";
import { Cleanups } from "../support/quiet-pool.ts";

const SECRETS = { token: "books-of-this-test-only", admin: "operator-of-this-test-only" };
const UNDO = PlayedPool.UNDO;

const cleanups = new Cleanups();
afterEach(() => cleanups.run());

let pool: PlayedPool;
let folder = "";
const recover = (...args: string[]) =>
  runLedgerCli(["recover", pool.url, "--note", "a test", "--to", folder, ...args], SECRETS);

beforeEach(async () => {
  folder = await cleanups.folder("recover");
  pool = await PlayedPool.start();
  cleanups.add(() => pool.close());
  const { share } = recordMaker();
  const [first, second] = [share(), share()];
  for (const { redis } of [pool.now, pool.past]) {
    const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 1e9, nowMs: Date.now });
    await writer.recordShares(redis === pool.now.redis ? [first, second] : [first], false);
  }
});

const backup = () => runLedgerCli(["backup", `${pool.url}/redis`, "--pool", pool.url, "--to", folder], SECRETS);
/** How a command ends that does not know what the pool has done. */
const notKnown = (why: string) => ({
  code: 2,
  stderr: expect.stringMatching(
    new RegExp(`${why}[^]*not known whether the books went back[^]*admin -- ${pool.url} audit: .recovering.`),
  ),
});

const roundShares = async (): Promise<unknown> => await pool.now.redis.command(["HGET", "eth:stats", "roundShares"]);

it("pauses the pool, keeps a copy of the books as they are, restores a moment, audits that, and leaves the pool paused with what is to be done", async () => {
  const [before, at] = [await roundShares(), "2026-11-27T01:30:00Z"];
  const ended = await recover("--at", at);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(ended.stdout).toMatch(
    new RegExp(`before-recovery-eth-.*\\nrestored: b\\neverything in them adds up\\n[^]*--bookmark ${UNDO}`),
  );
  expect(pool.asked).toEqual([[true, { at, note: "a test" }]]);
  expect([pool.paused, (await roundShares()) === before]).toEqual([true, false]);
  // The copy is a file like any other: what has gone can be looked up in it.
  const [copy = ""] = await readdir(folder);
  pool.now = booksInMemory();
  expect(await runLedgerCli(["restore", `${pool.url}/redis`, "--in", join(folder, copy)], SECRETS)).toMatchObject({
    code: 0,
  });
  expect(await roundShares()).toBe(before);
});

it("goes back by the bookmark that it has named", async () => {
  expect(await recover("--bookmark", UNDO)).toMatchObject({ code: 0 });
  expect(pool.asked).toEqual([[true, { bookmark: UNDO, note: "a test" }]]);
});

it("says what does not add up there, with exit code 1", async () => {
  await pool.past.redis.command(["HINCRBY", "eth:stats", "roundShares", 1]);
  expect(await recover("--at", "2026-11-27T01:30:00Z")).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("WRONG open round"),
  });
  expect(pool.paused).toBe(true);
});

it("lets the pool go on where nothing can be restored, and a paused one stay so", async () => {
  pool.refusal = "This Durable Object's storage back-end does not implement point-in-time recovery.";
  for (const paused of [false, true]) {
    pool.paused = paused;
    expect(await recover("--at", "2026-11-27T01:30:00Z")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(pool.refusal),
    });
    expect(pool.paused).toBe(paused);
  }
  expect(await recover()).toMatchObject({ code: 2, stderr: expect.stringContaining("--at") });
});

describe("a recovery whose end is not known leaves the pool paused and says where to look", () => {
  it("where its answer is lost", async () => {
    const before = await roundShares();
    pool.loses = (asked) => asked === "POST /admin/recover";
    expect(await recover("--at", "2026-11-27T01:30:00Z")).toMatchObject(notKnown("the pool does not answer"));
    expect([pool.paused, (await roundShares()) === before]).toEqual([true, false]);
  });

  it("where somebody else answers in the pool's place", async () => {
    pool.unable = (asked) => asked === "POST /admin/recover";
    expect(await recover("--at", "2026-11-27T01:30:00Z")).toMatchObject(notKnown("error code: 1101"));
    expect(pool.paused).toBe(true);
  });

  it("where the pool says that the object of the ledger has not begun anew", async () => {
    [pool.refusal, pool.refusedWith] = ["has not begun anew", 503];
    expect(await recover("--at", "2026-11-27T01:30:00Z")).toMatchObject(notKnown("has not begun anew"));
    expect(pool.paused).toBe(true);
  });
});

describe("a pool that is paused for a copy", () => {
  it("goes on also where the answers to that are lost", async () => {
    pool.loses = (asked) => asked === "POST /admin/pause";
    expect(await backup()).toMatchObject({ code: 0, stderr: "" });
    expect([pool.paused, await readdir(folder)]).toEqual([false, [expect.stringMatching(/^eth-.*gz$/)]]);
  });

  it("is asked again to go on where that did nothing", async () => {
    let times = 0;
    pool.unable = (asked) => asked === "POST /admin/pause" && pool.paused && (times += 1) <= 2;
    expect(await backup()).toMatchObject({ code: 0 });
    expect(pool.paused).toBe(false);
  });

  it("is named, with what to do, where it cannot be asked to go on", async () => {
    pool.unable = (asked) => asked === "POST /admin/pause" && pool.paused;
    expect(await backup()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`npm run -s admin -- ${pool.url} resume`),
    });
    expect(pool.paused).toBe(true);
  });

  it("is copied only once it says that it is paused", async () => {
    pool.unable = (asked) => asked === "POST /admin/pause";
    expect(await backup()).toMatchObject({ code: 2, stderr: expect.stringContaining("500") });
    expect(await readdir(folder)).toEqual([]);
  });

  it("has no copy where somebody let it go on meanwhile", async () => {
    // A second backup that ends first, for one.
    pool.unable = (asked) => {
      if (asked === "POST /redis/pipeline" || asked === "POST /redis") pool.paused = false;
      return false;
    };
    expect(await backup()).toMatchObject({ code: 2, stderr: expect.stringContaining("let the pool go on meanwhile") });
    expect(await readdir(folder)).toEqual([]);
  });
});

it("a copy that breaks off before a recovery lets the pool go on, and leaves no file that looks whole", async () => {
  pool.unable = (asked) => asked.startsWith("POST /redis") && pool.paused;
  expect(await recover("--at", "2026-11-27T01:30:00Z")).toMatchObject({ code: 2 });
  expect([pool.paused, pool.asked, await readdir(folder)]).toEqual([false, [], []]);
});

it("a backup that is stopped in the middle of a copy lets the pool go on", async () => {
  const asked = new Promise<void>((resolve) => (pool.hang = resolve));
  const args = ["scripts/ledger/cli.ts", "backup", `${pool.url}/redis`, "--pool", pool.url, "--to", folder];
  const env = { PATH: process.env["PATH"], LEDGER_TOKEN: SECRETS.token, ADMIN_TOKEN: SECRETS.admin };
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], { env, stdio: "inherit" });
  const ended = once(child, "exit");
  await asked;
  expect(pool.paused).toBe(true);
  child.kill("SIGTERM");
  await ended;
  expect(pool.paused).toBe(false);
});
