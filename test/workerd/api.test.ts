import { createScheduledController, reset, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import type { VerdictReport } from "../../core/shares/verdict-tally.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { scheduled } from "../../worker/cron.ts";
import { answersFrom } from "../support/api-golden.ts";
import { A, B, GOLDEN } from "../support/api-ledger.ts";
import { eventually } from "../support/eventually.ts";

afterEach(async () => {
  await reset();
});

/** A new stub each time: that of a lost object stays broken. */
const accountObject = () => env.ACCOUNT_API.getByName(A);
const ledger = () => ledgerClient(env, loadConfig(env));

async function get(path: string, init?: RequestInit) {
  const response = await exports.default.fetch(`https://pool.example${path}`, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

/** A ledger that is alive now: two shares of a login's two workers, and a candidate. */
async function seedLiveLedger(): Promise<number> {
  const nowS = Math.floor(Date.now() / 1000);
  await ledger().pipeline([
    ["ZADD", "eth:hashrate", nowS - 20, `6000000000:${A}:rig1:1`, nowS - 10, `6000000000:${A}:rig2:2`],
    ["ZADD", `eth:hashrate:${A}`, nowS - 20, "6000000000:rig1:1", nowS - 10, "6000000000:rig2:2"],
    ["HSET", `eth:miners:${A}`, "lastShare", nowS - 10],
    ["HSET", "eth:stats", "roundShares", 12_000_000_000],
    ["ZADD", "eth:blocks:candidates", 9, `0x1:0x2:0x3:${nowS}:1000:500`],
  ]);
  return nowS;
}

describe("the API", () => {
  it("answers from the fixed ledger in the embedded Redis what the reference answers, to the byte", async () => {
    expect(await answersFrom(ledger())).toEqual(GOLDEN);
  });

  it("gives empty structures while there is no data, and never a 500", async () => {
    for (const [path, expected] of [
      ["/api/stats", { hashrate: 0, minersTotal: 0, nodes: [], stats: {}, candidatesTotal: 0 }],
      ["/api/miners", { hashrate: 0, miners: {}, minersTotal: 0 }],
      ["/api/blocks", { candidates: [], immature: [], matured: [], maturedTotal: 0 }],
      ["/api/payments", { payments: [], paymentsTotal: 0 }],
    ] as const) {
      const { status, text } = await get(path);
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject(expected);
    }
  });

  it("serves live figures with the reference's headers, and `now` in milliseconds", async () => {
    await seedLiveLedger();
    const before = Date.now();
    const { status, headers, text } = await get("/api/stats");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/json; charset=UTF-8");
    expect(headers.get("access-control-allow-origin")).toBe("*");
    expect(headers.get("cache-control")).toBe("no-cache");
    const stats = JSON.parse(text) as { now: number };
    expect(stats).toMatchObject({
      hashrate: 20_000_000,
      minersTotal: 1,
      candidatesTotal: 1,
      stats: { roundShares: 12_000_000_000 },
    });
    expect(stats.now).toBeGreaterThanOrEqual(before);
    expect(stats.now).toBeLessThanOrEqual(Date.now());
    // The age of the figures, which the page shows.
    expect(headers.get("last-modified")).toBe(new Date(stats.now).toUTCString());
  });

  it("finds an account in any case, and answers 404 for one that the ledger does not know and for what is no address", async () => {
    await seedLiveLedger();
    const upper = `0x${A.slice(2).toUpperCase()}`;
    for (const login of [A, upper]) {
      const { status, text } = await get(`/api/accounts/${login}`);
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject({ currentHashrate: 20_000_000, workersOnline: 2, workersTotal: 2 });
    }
    for (const path of [`/api/accounts/${B}`, "/api/accounts/0x12", "/api/accounts/%2e%2e", "/api/nothing", "/api/"]) {
      const { status, headers } = await get(path);
      expect(status, path).toBe(404);
      expect(headers.get("access-control-allow-origin")).toBe("*");
    }
  });

  it("reads the ledger once per statsCollectInterval, however many ask", async () => {
    await seedLiveLedger();
    await Promise.all([get("/api/stats"), get("/api/miners"), get("/api/blocks")]);
    await ledger().command(["HSET", "eth:stats", "roundShares", "1"]);
    expect(JSON.parse((await get("/api/stats")).text)).toMatchObject({ stats: { roundShares: 12_000_000_000 } });
  });

  it("tells the page what it needs of the configuration, and nothing secret", async () => {
    const { text } = await get("/api/pool");
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      "name",
      "coin",
      "chain",
      "shareDifficulty",
      "vardiff",
      "statsCollectInterval",
      "hashrateWindow",
      "hashrateLargeWindow",
      "poolFee",
      "scheme",
      "pplnsWindow",
      "soloFee",
      "payoutThreshold",
      "explorer",
      "epochLength",
      "ecip1099Block",
    ]);
  });
});

describe("what the API says beyond the reference", () => {
  const hash = `0x${"4".repeat(64)}`;

  it("gives a block's credits, and 404 for what is no block of the lists", async () => {
    await ledger().pipeline([
      ["ZADD", "eth:blocks:matured", 104, `0:0:0x02:${hash}:1699999600:2000:1000:5000000000000000000`],
      ["HSET", `eth:credits:104:${hash}`, A, "4950000000"],
    ]);
    const { status, text } = await get(`/api/blocks/104/${hash}`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ creditsTotal: 1, credits: [{ login: A, amount: 4_950_000_000 }] });
    for (const path of [
      `105/${hash}`,
      `104/0x${"5".repeat(64)}`,
      "104/0x12",
      `1e2/${hash}`,
      `${"9".repeat(40)}/${hash}`,
    ])
      expect((await get(`/api/blocks/${path}`)).status, path).toBe(404);
  });

  it("gives an account's rewards, charts and tables, and none of them to a stranger", async () => {
    const nowS = await seedLiveLedger();
    await ledger().pipeline([
      ["ZADD", "eth:blocks:matured", 104, `0:0:0x02:${hash}:${nowS - 100}:2000:1000:5000000000000000000`],
      ["HSET", `eth:credits:104:${hash}`, A, "4950000000"],
      ["ZADD", `eth:payments:${A}`, nowS, `${hash}:500000000`],
    ]);
    const { text } = await get(`/api/accounts/${A}`);
    expect(JSON.parse(text)).toMatchObject({ rewards: { "24h": 4_950_000_000 }, charts: [], reportedHashrate: null });
    expect(JSON.parse((await get(`/api/accounts/${A}/rewards`)).text)).toMatchObject({ blocks: [{ height: 104 }] });
    for (const table of [`accounts/${A}/rewards.csv`, `accounts/${A}/payments.csv`, "blocks.csv", "payments.csv"]) {
      const { status, headers, text: lines } = await get(`/api/${table}`);
      expect([status, headers.get("content-type")], table).toEqual([200, "text/csv; charset=utf-8"]);
      expect(lines, table).toMatch(/^[\w,]+\r\n/);
    }
    for (const route of ["rewards", "rewards.csv", "payments.csv"])
      expect((await get(`/api/accounts/${B}/${route}`)).status, route).toBe(404);
  });

  it("keeps what it looked up of an account over the loss of its object", async () => {
    const nowS = await seedLiveLedger();
    await ledger().pipeline([
      ["ZADD", "eth:blocks:matured", 104, `0:0:0x02:${hash}:${nowS - 100}:2000:1000:5000000000000000000`],
      ["HSET", `eth:credits:104:${hash}`, A, "4950000000"],
    ]);
    await get(`/api/accounts/${A}`);
    await runInDurableObject(accountObject(), (_instance, state) => state.abort("test")).catch(() => undefined);
    expect(await runInDurableObject(accountObject(), (_instance, { storage }) => storage.kv.get("credits"))).toEqual({
      v: 1,
      credits: [["m1044444444444", "4950000000"]],
    });
    expect(JSON.parse((await get(`/api/accounts/${A}`)).text)).toMatchObject({ rewards: { "7d": 4_950_000_000 } });
  });

  it("tells one worker's history apart, for a day", async () => {
    await seedLiveLedger();
    const { status, text } = await get(`/api/accounts/${A}/history?range=1d&worker=rig1`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ range: "1d", resolution: 600, at: [], workers: {} });
    for (const query of ["range=7d&worker=rig1", `range=1d&worker=${"w".repeat(33)}`])
      expect((await get(`/api/accounts/${A}/history?${query}`)).status, query).toBe(404);
  });
});

/** What the verifier tells, one report after the other. */
function verifierSaw(...counts: readonly VerdictReport["counts"][]): void {
  const asked = vi.spyOn(ShareVerifier.prototype, "verdicts");
  for (const [at, count] of counts.entries())
    asked.mockResolvedValueOnce({ number: at + 1, counts: count, logins: { invalid: {}, good: [] } });
}

describe("the pool's history", () => {
  it("gets a point by cron while somebody mines, with the submits that the verifiers reported", async () => {
    const pool = env.POOL_API.getByName("main");
    verifierSaw({ accepted: 7, stale: 1 }, { accepted: 3, blocks: 1 });
    await pool.totals();
    await seedLiveLedger();
    await pool.tick();
    const history = JSON.parse((await get("/api/history?range=3h")).text) as Record<string, number[]>;
    expect(history).toMatchObject({
      range: "3h",
      resolution: 60,
      hashrate: [20_000_000],
      miners: [1],
      accepted: [10],
      stale: [1],
      invalid: [0],
      blocks: [1],
    });
    expect(history["at"]?.[0]).toBe(Math.floor((history["at"]?.[0] ?? 0) / 60) * 60);
  });

  it("costs nothing while nobody mines: no command to Redis, no row", async () => {
    const pool = env.POOL_API.getByName("main");
    await pool.tick();
    const rows = await runInDurableObject(pool, (_instance, state) =>
      state.storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'pool_history'").toArray(),
    );
    expect(rows).toEqual([]);
  });

  it("survives the loss of the object", async () => {
    const pool = env.POOL_API.getByName("main");
    verifierSaw({ accepted: 7 });
    await pool.tick();
    await runInDurableObject(pool, (_instance, state) => state.abort("test")).catch(() => undefined);
    const history = JSON.parse((await get("/api/history?range=3h")).text) as Record<string, number[]>;
    expect(history["accepted"]).toEqual([7]);
  });

  it("does not know other ranges", async () => {
    expect((await get("/api/history?range=toString")).status).toBe(404);
  });
});

describe("cron", () => {
  it("purges what left the hashrate window", async () => {
    const nowS = await seedLiveLedger();
    await ledger().command(["ZADD", "eth:hashrate", nowS - 3000, `1:${A}:rig1:0`]);
    await env.POOL_ADMIN.getByName("main").bans();
    await eventually(async () => expect(await env.POOL_MARKS?.get("started")).toBe("1"));
    const interval = loadConfig(env).api.purgeIntervalMs;
    const scheduledTime = new Date(Math.floor(Date.now() / interval) * interval);
    await scheduled(createScheduledController({ scheduledTime, cron: "* * * * *" }), env).catch(() => undefined);
    expect(await ledger().command(["ZCARD", "eth:hashrate"])).toBe(2);
  });
});

describe("/metrics", () => {
  it("is not there without a configured token", async () => {
    expect((await get("/metrics")).status).toBe(404);
  });
});
