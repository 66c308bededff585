/** Books of a pool that mines are copied while it is paused, restored into another pool's, and add up there. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { startFront } from "../support/http-front.ts";
import { runLedgerCli } from "../support/ledger-cli.ts";
import { readBooks, recordMaker } from "../support/ledger-records.ts";
import { Cleanups } from "../support/quiet-pool.ts";

const SECRETS = { REDIS_TOKEN: "books-of-this-test-only", ADMIN_TOKEN: "operator-of-this-test-only" };
const cleanups = new Cleanups();
let pool: PoolProcess;
let other: PoolProcess;
let folder: string;

beforeAll(async () => {
  folder = await cleanups.folder("backups");
  const start = async (): Promise<PoolProcess> => {
    const started = await startPool({ stateDir: await cleanups.folder("pool"), cron: false, secrets: SECRETS });
    cleanups.add(() => started.close());
    return started;
  };
  pool = await start();
  other = await start();
  const nowMs = Date.now();
  const { share, block } = recordMaker();
  const writer = createLedgerWriter({ redis: books(pool), coin: "eth", hashrateExpirationMs: 1e9, nowMs: () => nowMs });
  await writer.recordShares([share(), share()], false);
  await writer.recordBlock(block(), false);
  await writer.recordShares([share()], false);
});
afterAll(() => cleanups.run());

const books = ({ url }: PoolProcess) =>
  upstashPort({ url: `${url}/redis`, token: SECRETS.REDIS_TOKEN, timeoutMs: 120_000 });
const ledger = (...args: string[]) => runLedgerCli(args, { token: SECRETS.REDIS_TOKEN, admin: SECRETS.ADMIN_TOKEN });
const backup = (...args: string[]) =>
  ledger("backup", `${pool.url}/redis`, "--pool", pool.url, "--to", folder, ...args);

async function paused(): Promise<unknown> {
  const headers = { Authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
  return await (await fetch(`${pool.url}/admin/pause`, { headers })).json();
}

it("a backup is a file by the time, of a pool that is paused for it and goes on afterwards, and restores to the same books", async () => {
  const made = await backup();
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const file = made.stdout.trim();
  expect(file).toMatch(/eth-\d{8}T\d{6}Z\.jsonl\.gz$/);
  expect(await paused()).toMatchObject({ paused: false });
  const log = await ledgerLog();
  expect(log.filter((text) => text.includes("ledger backup"))).toHaveLength(2);

  const restored = await ledger("restore", `${other.url}/redis`, "--in", file);
  expect(restored).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/keys of eth .*\neverything in them adds up/),
  });
  expect(await readBooks(books(other))).toEqual(await readBooks(books(pool)));
  expect(await ledger("audit", `${other.url}/redis`)).toMatchObject({ code: 0 });
});

it("a restore that is killed in the middle goes on when it is run again, and no other file gets in between", async () => {
  const fresh = await startPool({ stateDir: await cleanups.folder("pool"), cron: false, secrets: SECRETS });
  cleanups.add(() => fresh.close());
  const front = await startFront(fresh.url);
  cleanups.add(() => front.close());
  const [name = ""] = await readdir(folder);
  const restore = ["restore", `${front.url}/redis`, "--in", join(folder, name)];
  const options = ["--disable-warning=ExperimentalWarning", "scripts/ledger/cli.ts", ...restore];
  const env = { PATH: process.env["PATH"], LEDGER_TOKEN: SECRETS.REDIS_TOKEN };
  const child = spawn(process.execPath, options, { env, stdio: "ignore" });
  const ended = once(child, "exit");
  let requests = 0;
  front.answer = () => {
    requests += 1;
    if (requests === 10) child.kill("SIGKILL");
    return null;
  };
  expect(await ended).toEqual([null, "SIGKILL"]);
  const left = Object.keys(await readBooks(books(fresh))).length;
  expect(left).toBeGreaterThan(1);
  expect(left).toBeLessThan(Object.keys(await readBooks(books(pool))).length);
  const audit = await ledger("audit", `${fresh.url}/redis`);
  expect(audit).toMatchObject({ code: 1, stdout: expect.stringContaining(`a restore of them was cut`) });

  const copy = join(folder, "other.jsonl.gz");
  await writeFile(copy, gzipSync(gunzipSync(await readFile(join(folder, name))), { level: 1 }));
  const refused = await ledger("restore", `${fresh.url}/redis`, "--in", copy);
  await rm(copy);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(name) });
  expect(await ledger(...restore)).toMatchObject({ code: 0, stderr: "" });
  expect(await readBooks(books(fresh))).toEqual(await readBooks(books(pool)));
});

it("nothing is restored over books, and of files only the newest are kept", async () => {
  const [file = ""] = await readdir(folder);
  const again = await ledger("restore", `${other.url}/redis`, "--in", join(folder, file));
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("nothing was written") });
  await writeFile(join(folder, "notes.txt"), "mine");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(await backup("--keep", "1")).toMatchObject({ code: 0 });
  const left = await readdir(folder);
  expect([left.length, left.includes("notes.txt"), left.includes(file)]).toEqual([2, true, false]);
});

it("books that do not add up get no file, and the pool goes on", async () => {
  await books(pool).command(["HINCRBY", "eth:stats", "roundShares", "1"]);
  const before = await readdir(folder);
  expect(await backup()).toMatchObject({ code: 2, stderr: expect.stringContaining("does not add up") });
  expect(await readdir(folder)).toEqual(before);
  expect(await paused()).toMatchObject({ paused: false });
});

it("goes on for ever with --every, over times at which the books do not add up, until it is ended", async () => {
  const args = ["backup", `${pool.url}/redis`, "--pool", pool.url, "--to", folder, "--every", "1s"];
  const env = { PATH: process.env["PATH"], LEDGER_TOKEN: SECRETS.REDIS_TOKEN, ADMIN_TOKEN: SECRETS.ADMIN_TOKEN };
  const options = ["--disable-warning=ExperimentalWarning", "scripts/ledger/cli.ts"];
  const child = spawn(process.execPath, [...options, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  expect(String(await once(child.stderr, "data"))).toMatch(/no backup: the copy does not add up/);
  await books(pool).command(["HINCRBY", "eth:stats", "roundShares", "-1"]);
  const made = createInterface(child.stdout)[Symbol.asyncIterator]();
  const files = [await made.next(), await made.next()].map(({ value }) => basename(String(value)));
  child.kill("SIGTERM");
  await ended;
  expect(await readdir(folder)).toEqual(expect.arrayContaining(files));
  expect(new Set(files).size).toBe(2);
  expect(await paused()).toMatchObject({ paused: false });
});

it("a file that is put into R2 is restored from there to the same books", async () => {
  const bucket = await cleanups.folder("r2");
  const made = await backup("--r2", "backups", "--r2-local", bucket);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  // As docs/OPERATING.md has it.
  const [name, back] = [basename(made.stdout.trim()), join(folder, "from-r2.jsonl.gz")];
  const wrangler = join(import.meta.dirname, "../../node_modules/wrangler/bin/wrangler.js");
  const get = ["r2", "object", "get", `backups/${name}`, "--file", back, "--local", "--persist-to", bucket];
  await promisify(execFile)(process.execPath, [wrangler, ...get]);
  const third = await startPool({ stateDir: await cleanups.folder("pool"), cron: false, secrets: SECRETS });
  cleanups.add(() => third.close());
  expect(await ledger("restore", `${third.url}/redis`, "--in", back)).toMatchObject({ code: 0, stderr: "" });
  expect(await readBooks(books(third))).toEqual(await readBooks(books(pool)));
});

/** What the operator's log says, as text. */
async function ledgerLog(): Promise<string[]> {
  const headers = { Authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
  const answer: unknown = await (await fetch(`${pool.url}/admin/audit`, { headers })).json();
  const entries: unknown = Object(answer).entries;
  return Array.isArray(entries) ? entries.map((entry) => JSON.stringify(entry)) : [];
}
