import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { runLedgerCli } from "../support/ledger-cli.ts";
import { readBooks, recordMaker, START_MS } from "../support/ledger-records.ts";

const token = "books-of-this-test-only";
let stateDir: string;
let pool: PoolProcess;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "edgepool-test-"));
  pool = await startPool({ stateDir, cron: false, secrets: { REDIS_TOKEN: token } });
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
