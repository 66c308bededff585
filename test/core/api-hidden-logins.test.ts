import { expect, it } from "vitest";
import { readCredits } from "../../core/api/block-credits.ts";
import { encodeJson } from "../../core/api/json.ts";
import { PoolStats } from "../../core/api/pool-stats.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { A, API_CONFIG, B, FIXED_LEDGER, NOW_MS } from "../support/api-ledger.ts";

it("names a hidden login in no list, and counts it everywhere", async () => {
  const redis = embeddedLedger();
  await redis.pipeline(FIXED_LEDGER);
  const open = await new PoolStats(API_CONFIG).read(redis, NOW_MS, 1000);
  expect(encodeJson([open.miners, open.payments, open.immature])).toContain(B);

  await redis.command(["SADD", "eth:hidden", B]);
  const { hidden, ...pool } = await new PoolStats(API_CONFIG).read(redis, NOW_MS, 1000);
  expect(encodeJson(pool)).not.toContain(B);
  expect(encodeJson(pool)).toContain(A);
  expect(pool.immature[0]).toMatchObject({ finder: null, scheme: "prop" });
  expect(pool).toMatchObject({ hashrate: open.hashrate, minersTotal: open.minersTotal, paymentsTotal: 3 });

  const [block] = open.immature;
  if (block === undefined) throw new Error("the fixed ledger has one");
  await redis.command(["HSET", `eth:credits:immature:${block.height}:${block.hash}`, A, "7", B, "8"]);
  const credits = await readCredits(redis, "eth", block, true, hidden);
  expect(credits).toMatchObject({ creditsTotal: 2, finder: null, credits: [{ login: A, amount: 7 }] });
});
