import { describe, expect, it } from "vitest";
import { AccountStats } from "../../core/api/account-stats.ts";
import { EncodedRoutes } from "../../core/api/pool-routes.ts";
import { UNKNOWN_NETWORK } from "../../core/api/network.ts";
import { PoolStats } from "../../core/api/pool-stats.ts";
import { answersFrom } from "../support/api-golden.ts";
import { API_CONFIG, B, FIXED_LEDGER, GOLDEN, NOW_MS } from "../support/api-ledger.ts";
import { MemoryRedis } from "../support/memory-redis.ts";

describe("the API", () => {
  it("answers from a fixed ledger what the reference answers, to the byte", async () => {
    expect(await answersFrom(new MemoryRedis())).toEqual(GOLDEN);
  });

  it("gives empty structures from an empty ledger", async () => {
    const pool = await new PoolStats(API_CONFIG).read(new MemoryRedis(), NOW_MS, 1000);
    const routes = new EncodedRoutes(pool, { network: UNKNOWN_NETWORK, poolCharts: [] });
    expect(routes.body("stats")).toBe(
      '{"candidatesTotal":0,"hashrate":0,"immatureTotal":0,"maturedTotal":0,"minersTotal":0,"nodes":[],"now":1700000000500,"stats":{},"poolCharts":[]}',
    );
    expect(routes.body("miners")).toBe('{"hashrate":0,"miners":{},"minersTotal":0,"now":1700000000500,"firstShare":0}');
    expect(routes.body("blocks")).toBe(
      '{"candidates":[],"candidatesTotal":0,"immature":[],"immatureTotal":0,"luck":{"0":{"luck":0,"orphanRate":0,"uncleRate":0}},"matured":[],"maturedTotal":0}',
    );
    expect(routes.body("payments")).toBe('{"payments":[],"paymentsTotal":0}');
  });

  it("takes a key of the wrong type and members of a foreign format for missing data", async () => {
    const redis = new MemoryRedis();
    await redis.pipeline([
      ["ZADD", "eth:stats", 1, "what"],
      ["ZADD", "eth:nodes", 1, "what"],
      ["ZADD", "eth:hashrate", 1_699_999_990, "junk", 1_699_999_991, "1:2", 1_699_999_992, ":::"],
      ["ZADD", "eth:blocks:matured", 5, "1:2:3"],
      ["ZADD", "eth:payments:all", 5, "nothing"],
    ]);
    const pool = await new PoolStats(API_CONFIG).read(redis, NOW_MS, 1000);
    expect(pool).toMatchObject({ stats: {}, nodes: [], miners: {}, matured: [], maturedTotal: 1, payments: [] });
  });

  it("does not know a login without an account", async () => {
    const redis = new MemoryRedis();
    await redis.pipeline(FIXED_LEDGER);
    expect(await new AccountStats(API_CONFIG, B).read(redis, NOW_MS, 1000)).toMatchObject({ account: null });
  });

  it("reads the lists of blocks and payments again only when one of them has changed", async () => {
    const redis = new MemoryRedis();
    await redis.pipeline(FIXED_LEDGER);
    const stats = new PoolStats(API_CONFIG);
    expect((await stats.read(redis, NOW_MS, 1000)).commands).toBe(13);
    expect((await stats.read(redis, NOW_MS + 5000, 1000)).commands).toBe(9);
    await redis.command(["ZADD", "eth:blocks:candidates", 107, "0x9:0x9:0x9:9:9:9"]);
    const after = await stats.read(redis, NOW_MS + 10_000, 1000);
    expect(after.candidates.map(({ height }) => height)).toEqual([107, 105]);
    expect(after.candidatesTotal).toBe(3);
  });
});
