import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { readBooks, recordMaker, START_MS } from "../support/ledger-records.ts";

test("the books are there after an eviction, and a share sent again is known", async () => {
  const stub = env.EMBEDDED_REDIS.getByName("evicted");
  const redis = embeddedPort(stub, 120_000);
  const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs: () => START_MS });
  const { share, block } = recordMaker();
  const first = share();
  await writer.recordShares([first, share()], false);
  const before = await readBooks(redis);
  await evictDurableObject(stub);
  const again = embeddedPort(env.EMBEDDED_REDIS.getByName("evicted"), 120_000);
  expect(await readBooks(again)).toEqual(before);
  const later = createLedgerWriter({
    redis: again,
    coin: "eth",
    hashrateExpirationMs: 10_800_000,
    nowMs: () => START_MS,
  });
  expect(await later.recordShares([first], true)).toEqual(["recorded"]);
  expect(await later.recordShares([share()], false)).toEqual(["recorded"]);
  expect(await later.recordBlock(block(), false)).toBe("recorded");
  expect(await again.command(["ZCARD", "eth:blocks:candidates"])).toBe(1);
});

test("an object that fails gives an error that leaves open what happened, without its text", async () => {
  const secret = "an-argument-that-nobody-sees";
  const failing = { rest: () => Promise.reject(new Error(`failed on ${secret}`)) };
  const failure = await embeddedPort(failing, 1_000)
    .command(["SET", "k", secret])
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "RedisUnreachableError", executed: "unknown" });
  expect(String(failure)).not.toContain(secret);
  const silent = { rest: () => new Promise<never>(() => undefined) };
  await expect(embeddedPort(silent, 20).command(["PING"])).rejects.toThrow("embedded ledger: no answer in time");
});
