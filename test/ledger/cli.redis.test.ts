import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { startRedisServer, type RedisServer } from "../../devnet/gateway/redis-server.ts";
import { startLocalUpstash } from "../../devnet/gateway/upstash-gateway.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { connectRedis } from "../../scripts/ledger/node-redis.ts";
import { runLedgerCli as ledger } from "../support/ledger-cli.ts";
import { readBooks, recordMaker, START_MS } from "../support/ledger-records.ts";

// Each call starts a Node of its own.
vi.setConfig({ testTimeout: 120_000 });

let upstash: Awaited<ReturnType<typeof startLocalUpstash>>;
let plain: RedisServer;
let directory: string;

beforeAll(async () => {
  [upstash, plain] = await Promise.all([startLocalUpstash(), startRedisServer()]);
  directory = mkdtempSync(join(tmpdir(), "edgepool-cli-"));
});
afterAll(async () => {
  await upstash.close();
  await plain.stop();
  rmSync(directory, { recursive: true, force: true });
});

test("books go from Upstash to a real Redis and back, and add up everywhere", async () => {
  const { url, token } = upstash.gateway;
  const source = upstashPort({ url, token, timeoutMs: 120_000 });
  const { share, block } = recordMaker();
  const writer = createLedgerWriter({ redis: source, coin: "eth", hashrateExpirationMs: 1e9, nowMs: () => START_MS });
  await writer.recordShares([share(), share()], false);
  await writer.recordBlock(block(), false);
  await writer.recordShares([share()], false);

  const file = join(directory, "books.jsonl");
  expect(await ledger(["export", url, "--out", file], { token })).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(readdirSync(directory)).toEqual(["books.jsonl"]);
  const target = `unix:${plain.socketPath}`;
  expect(await ledger(["import", target, "--in", file])).toMatchObject({ code: 0, stderr: "" });
  const copy = await connectRedis(target);
  expect(await readBooks(copy)).toEqual(await readBooks(source));
  expect((await ledger(["export", target])).stdout).toBe(readFileSync(file, "utf8"));
  expect(await ledger(["import", url, "--replace"], { token, input: readFileSync(file, "utf8") })).toMatchObject({
    code: 0,
  });

  const fine = await ledger(["audit", target]);
  expect(fine).toMatchObject({ code: 0, stderr: "" });
  expect(fine.stdout).toMatch(/^ok {4}open round: the sum of shares:roundCurrent = stats roundShares = 2000000000$/m);
  await copy.command(["HINCRBY", "eth:stats", "roundShares", "1"]);
  const wrong = await ledger(["audit", target]);
  expect(wrong.code).toBe(1);
  expect(wrong.stdout).toMatch(
    /^WRONG open round: the sum of shares:roundCurrent is 2000000000, stats roundShares is 2000000001$/m,
  );
  const json = await ledger(["audit", target, "--json"]);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false });
  await copy.close();
});

test("what cannot be done is said in one line, without the token, with exit code 2", async () => {
  const { url } = upstash.gateway;
  const secret = "a-secret-that-nobody-sees";
  const cases: [string[], { token?: string; input?: string }, RegExp][] = [
    [["audit", url], {}, /^ledger: the environment variable LEDGER_TOKEN with the ledger's token is missing\n$/],
    [["audit", url], { token: secret }, /^ledger: .+\n$/],
    [
      ["audit", "http://127.0.0.1:1"],
      { token: secret },
      /^ledger: redis: (connection refused|the connection broke)\n$/,
    ],
    [["audit", "unix:/nowhere/redis.sock"], {}, /^ledger: redis: connection failed\n$/],
    [["audit", "ftp://x"], {}, /^ledger: "ftp:\/\/x" is no ledger; see --help\n$/],
    [["import", `unix:${plain.socketPath}`], { input: "nonsense\n" }, /^ledger: line 1 is no JSON\n$/],
    [["import", `unix:${plain.socketPath}`, "--in", "/nowhere/books"], {}, /^ledger: ENOENT.*\n$/],
  ];
  for (const [args, options, said] of cases) {
    const { code, stdout, stderr } = await ledger(args, options);
    expect(stderr).toMatch(said);
    expect(stdout + stderr).not.toContain(secret);
    expect(code).toBe(2);
  }
});

test("an export that fails leaves no file behind", async () => {
  const file = join(directory, "never.jsonl");
  const redis = await connectRedis(`unix:${plain.socketPath}`);
  await redis.command(["XADD", "eth:zzz", "*", "a", "stream is not part of the books"]);
  expect(await ledger(["export", `unix:${plain.socketPath}`, "--out", file])).toMatchObject({
    code: 2,
    stderr: "ledger: eth:zzz: a stream is not part of the books\n",
  });
  expect(readdirSync(directory)).not.toContain("never.jsonl");
  expect(readdirSync(directory)).not.toContain("never.jsonl.partial");
  await redis.close();
});

test("an export into a folder that does not exist is one line, and no stack trace", async () => {
  const out = join(directory, "nowhere", "books.jsonl");
  expect(await ledger(["export", `unix:${plain.socketPath}`, "--out", out])).toEqual({
    code: 2,
    stdout: "",
    stderr: `ledger: ENOENT: no such file or directory, open '${out}.partial'\n`,
  });
});
