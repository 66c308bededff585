import { describe, expect, it } from "vitest";
import { PoolView, type PoolViewDeps } from "../../core/api/pool-view.ts";
import type { WorkHealth } from "../../core/health/judge.ts";
import { createLogger } from "../../core/log.ts";
import { emptyStatus } from "../../core/payouts/payer/payer-status.ts";
import { parseConfig } from "../../core/parse-config.ts";
import { VERSION } from "../../core/version.ts";
import type { VerdictReport } from "../../core/shares/verdict-tally.ts";
import { SHARD_HEALTH } from "../support/shard-health.ts";
import { MemoryRedis } from "../support/memory-redis.ts";
import type { SqlPort } from "../../core/sql-port.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";

const PARTS = ["template", "shard 0"] as const;
const NOW_MS = 1_700_000_000_000;
const IDLE: WorkHealth = {
  height: null,
  networkDifficulty: null,
  ageMs: null,
  subscribers: 0,
  polling: false,
  upstreams: [],
};

/** Of a block; another for each. */
const hashAt = (height: number) => `0x${height.toString(16).padStart(64, "0")}`;

const ends = (list: readonly { height: number }[]) => [list.length, list[0]?.height, list.at(-1)?.height];

const gone = () => Promise.reject(new Error("redis is away"));

/** A view over a ledger in memory that can go away, with its log and how often it was told that somebody mines. */
function open(work: WorkHealth = IDLE, solo?: () => Promise<WorkHealth>) {
  const memory = new MemoryRedis();
  const main = { name: "main", url: "https://geth.mypool.com" };
  const upstream = solo ? [main, { name: "alone", url: "https://solo.mypool.com", scheme: "solo" }] : [main];
  const reports: (VerdictReport | Error)[] = [];
  const seen: number[] = [];
  const state = { away: false, nowMs: NOW_MS, logs: [] as string[], commands: () => memory.log.length, reports, seen };
  const sql = nodeSql();
  const deps: PoolViewDeps = {
    config: parseConfig({ chain: "classic", upstream }),
    redis: {
      command: (command) =>
        state.away ? gone() : command[0] === "PING" ? Promise.resolve("PONG") : memory.command(command),
      pipeline: (commands) => (state.away ? gone() : memory.pipeline(commands)),
    },
    sql,
    log: createLogger({ level: "info", sink: (line) => state.logs.push(line), now: () => state.nowMs }),
    nowMs: () => state.nowMs,
    work: async () => work,
    parts: PARTS.map((name) => ({
      name,
      script: "verifiers",
      about: () => (state.away ? Promise.reject(new Error("away")) : Promise.resolve({ calls: 1, version: VERSION })),
      dataCentre: async () => "FRA",
    })),
    moved: async () => null,
    soloWork: solo ?? (() => Promise.reject(new Error("nobody mines solo here"))),
    shard: async () => SHARD_HEALTH,
    verdicts: async (_shard, last) => {
      seen.push(last);
      const report = reports.shift();
      if (report instanceof Error) throw report;
      return report ?? null;
    },
    unlocker: async () => null,
    payer: async (account) => emptyStatus(account),
    payouts: async () => null,
    notifications: async () => null,
  };
  return { view: new PoolView(deps), again: () => new PoolView(deps), state, memory };
}

describe("what the pool shows", () => {
  it("stays the last figures while the ledger cannot be read, and says so in the log", async () => {
    const { view, state, memory } = open();
    await memory.command(["HSET", "eth:stats", "roundShares", 12]);
    const before = await view.body("stats");
    expect(JSON.parse(before?.body ?? "")).toMatchObject({ stats: { roundShares: 12 }, now: NOW_MS });
    expect(before?.atMs).toBe(NOW_MS);
    state.away = true;
    state.nowMs += 60_000;
    // Figures of a minute ago say so: `now` is the time of the data.
    expect(await view.body("stats")).toEqual(before);
    expect(state.logs.map((line) => String(JSON.parse(line).error))).toEqual(["Error: redis is away"]);
  });

  it("is unknown, and not empty, where nothing has been read yet and nothing can be", async () => {
    const { view, state } = open();
    state.away = true;
    expect(await view.body("miners")).toBeNull();
    expect(await view.body("payments")).toBeNull();
    expect(await view.figures()).toMatchObject({ miners: 0, submits: { accepted: 0, blocks: 0 } });
  });

  it("gives open-etc-pool's charts in its statistics, and network and effort to its own page", async () => {
    const { view, state, memory } = open({ ...IDLE, subscribers: 1, networkDifficulty: "5000" });
    await memory.pipeline([
      ["HSET", "eth:nodes", "main:name", "main", "main:height", "23500000", "main:difficulty", "4000"],
      ["HSET", "eth:stats", "roundShares", "6000"],
      ["ZADD", "eth:hashrate", NOW_MS / 1000 - 10, `600:0x${"a".repeat(40)}:rig:1`],
    ]);
    await view.tick();
    state.nowMs += 60_000;
    const at = NOW_MS / 1000 - ((NOW_MS / 1000) % 600);
    expect(JSON.parse((await view.body("stats"))?.body ?? "").poolCharts).toEqual([
      { x: at, hashrate: 1, minersOnline: 1 },
    ]);
    const overview = JSON.parse((await view.body("overview"))?.body ?? "");
    expect(overview).toMatchObject({ effort: 1.5, network: { height: 23_500_000, blockTime: 13, hashrate: 308 } });
    expect(overview).not.toHaveProperty("poolCharts");
  });

  it("says who was credited what for a block that it lists, and asks nothing for any other", async () => {
    const { view, state, memory } = open();
    const hash = `0x${"4".repeat(64)}`;
    await memory.pipeline([
      ["ZADD", "eth:blocks:immature", 104, `0:0:0x02:${hash}:1699999600:2000:1000:5000000000000000000`],
      ["ZADD", "eth:blocks:matured", 99, `0:1:0x02:${hash}:1699999600:2000:1000:0`],
      ["HSET", `eth:credits:immature:104:${hash}`, "0xb", "10", "0xa", "4000000000"],
    ]);
    expect(JSON.parse((await view.credits(104, hash))?.body ?? "")).toMatchObject({
      height: 104,
      immature: true,
      effort: 0.5,
      reward: "5000000000000000000",
      creditsTotal: 2,
      credits: [
        { login: "0xa", amount: 4_000_000_000 },
        { login: "0xb", amount: 10 },
      ],
    });
    const before = state.commands();
    await view.credits(104, hash);
    for (const [height, other] of [
      [105, hash],
      [104, `0x${"5".repeat(64)}`],
      [99, hash],
    ] as const)
      expect(await view.credits(height, other)).toBeNull();
    expect(state.commands()).toBe(before);
    // It matures: the same block has other credits from now on.
    await memory.command(["ZREMRANGEBYSCORE", "eth:blocks:immature", 104, 104]);
    await memory.pipeline([
      ["ZADD", "eth:blocks:matured", 104, `0:0:0x02:${hash}:1699999600:2000:1000:5000000000000000000`],
      ["HSET", `eth:credits:104:${hash}`, "0xa", "4000000001"],
    ]);
    state.nowMs += 5000;
    expect(JSON.parse((await view.credits(104, hash))?.body ?? "")).toMatchObject({
      immature: false,
      credits: [{ amount: 4_000_000_001 }],
    });
  });

  it("remembers the credits of 32 blocks, and reads those of the one that was asked about first again", async () => {
    const { view, state, memory } = open();
    const heights = Array.from({ length: 33 }, (_, at) => 100 + at);
    await memory.pipeline(
      heights.flatMap((height) => [
        ["ZADD", "eth:blocks:immature", height, `0:0:0x02:${hashAt(height)}:1699999600:2000:1000:5000000000000000000`],
        ["HSET", `eth:credits:immature:${height}:${hashAt(height)}`, "0xa", height],
      ]),
    );
    const ask = async (height: number) => {
      const before = state.commands();
      const answer = JSON.parse((await view.credits(height, hashAt(height)))?.body ?? "");
      expect(answer.credits).toEqual([{ login: "0xa", amount: height }]);
      return state.commands() - before;
    };
    // The books, once.
    await view.body("blocks");
    for (const height of heights.slice(0, 32)) expect(await ask(height)).toBe(2);
    for (const height of heights.slice(0, 32)) expect(await ask(height)).toBe(0);
    expect(await ask(132)).toBe(2);
    for (const height of heights.slice(1)) expect(await ask(height)).toBe(0);
    expect(await ask(100)).toBe(2);
  });

  it("lists the newest 1,000 candidates and as many immature blocks, and counts all", async () => {
    const { view, memory } = open();
    const heights = Array.from({ length: 1_003 }, (_, at) => 1 + at);
    await memory.pipeline(
      heights.flatMap((height) => [
        ["ZADD", "eth:blocks:candidates", 5_000 + height, `${hashAt(height)}:0x2:0x3:1700000000:2000:1000`],
        ["ZADD", "eth:blocks:immature", height, `0:0:0x02:${hashAt(height)}:1699999600:2000:1000:5000000000000000000`],
      ]),
    );
    const blocks = JSON.parse((await view.body("blocks"))?.body ?? "");
    expect(blocks).toMatchObject({ candidatesTotal: 1_003, immatureTotal: 1_003 });
    expect(ends(blocks.candidates)).toEqual([1_000, 6_003, 5_004]);
    expect(ends(blocks.immature)).toEqual([1_000, 1_003, 4]);
    // A block that is beyond them is one of a stranger's numbers.
    expect(await view.credits(4, hashAt(4))).not.toBeNull();
    expect(await view.credits(3, hashAt(3))).toBeNull();
  });

  it("gives its lists as tables too", async () => {
    const { view, memory } = open();
    await memory.command(["ZADD", "eth:blocks:candidates", 105, "0x01:0x2:0x3:1700000000:2000:1000"]);
    expect((await view.body("blocks.csv"))?.body.split("\r\n")).toEqual([
      "height,state,uncleHeight,found,difficulty,shares,effort,rewardWei,fee,scheme,finder,hash",
      "105,candidate,0,2023-11-14T22:13:20Z,2000,1000,0.5,,,,,",
      "",
    ]);
    expect((await view.body("payments.csv"))?.body).toBe("paid,address,amountShannon,tx\r\n");
  });

  it("asks an idle pool's ledger nothing and writes nothing", async () => {
    const { view, state } = open();
    await view.tick();
    expect(state.commands()).toBe(0);
    expect(JSON.parse(view.history("3h"))).toMatchObject({ at: [] });
  });

  it("writes a minute of the history once submits were told, each of them once", async () => {
    const { view, state } = open();
    const logins = { invalid: {}, good: [] };
    state.reports.push(new Error("overloaded"), { number: 4, counts: { accepted: 3, blocks: 1 }, logins });
    expect([await view.gather(), await view.gather(), await view.gather()]).toEqual([false, true, false]);
    await view.tick();
    expect(state.seen).toEqual([0, 0, 4]);
    expect(JSON.parse(view.history("3h"))).toMatchObject({ accepted: [3], blocks: [1], stale: [0] });
    expect((await view.figures()).submits).toMatchObject({ accepted: 3, blocks: 1, stale: 0 });
    await view.tick();
    expect(JSON.parse(view.history("3h"))).toMatchObject({ accepted: [3] });
  });

  it("writes while sessions are subscribed, with the difficulty of their work", async () => {
    const { view } = open({ ...IDLE, subscribers: 1, networkDifficulty: "5000" });
    await view.tick();
    expect(JSON.parse(view.history("3h"))).toMatchObject({ difficulty: [5000], accepted: [0] });
  });

  it("tells when cron came last, and what version it is", async () => {
    const { view, state } = open();
    const sinceMs = state.nowMs;
    expect(await view.health()).toMatchObject({ version: VERSION, cron: { lastMs: null, sinceMs } });
    await view.tick();
    state.nowMs += 5000;
    expect(await view.health()).toMatchObject({ cron: { lastMs: sinceMs, sinceMs } });
  });

  it("remembers that over its object's absence, so that a trigger that is gone is not one about to come", async () => {
    const { view, state, again } = open();
    const sinceMs = state.nowMs;
    await view.tick();
    state.nowMs += 86_400_000;
    const report = await again().health();
    expect(report.cron).toEqual({ lastMs: sinceMs, sinceMs });
    expect(report.notices).toContainEqual(expect.stringContaining("the cron trigger has not come for 1 d"));
  });

  it("names every part that does not answer in its health", async () => {
    const { view, state } = open();
    state.away = true;
    expect(await view.health()).toMatchObject({
      healthy: false,
      ledger: { error: "Error: redis is away" },
      place: { home: null, roundTripsMs: { template: null, ledger: null, shards: [null] } },
    });
    state.away = false;
    expect(await view.health()).toMatchObject({ healthy: false });
    state.nowMs += 5000;
    expect(await view.health()).toMatchObject({ healthy: true });
    // Where the parts are is asked once a minute: it wakes some that sleep.
    state.nowMs += 60_000;
    const shard = { part: "shard 0", dataCentre: "FRA", roundTripMs: 0, version: VERSION };
    expect(await view.health()).toMatchObject({
      place: { roundTripsMs: { template: 0, ledger: 0, shards: [0] }, parts: [{ part: "template" }, shard] },
    });
  });
});

describe("solo work", () => {
  const well = { name: "main", healthy: true, height: 9, lastError: null, failingForMs: null, toDo: null, chainId: 61 };
  const common = { ...IDLE, height: 9, upstreams: [well] };

  it("is judged where there are nodes for it, and a dead one of them is named", async () => {
    const dead = { ...well, name: "alone", healthy: false, height: null, lastError: "connection refused" };
    const { view } = open(common, async () => ({ ...IDLE, upstreams: [dead] }));
    const { healthy, problems, soloWork } = await view.health();
    expect([healthy, problems, soloWork?.upstreams]).toEqual([
      false,
      ['solo work: no node has given work yet, so miners hear "Work not ready". alone: connection refused'],
      [dead],
    ]);
  });

  it("that does not answer is named, and where there is none nobody is asked", async () => {
    const { view } = open(common, () => Promise.reject(new Error("evicted")));
    expect((await view.health()).problems).toEqual(["solo work: the template does not answer: Error: evicted"]);
    expect(await open(common).view.health()).toMatchObject({ healthy: true, problems: [], soloWork: null });
  });
});

/** Case A11: a pool of seven shards is deployed with one. @param depths what waits in each */
function reopen(sql: SqlPort, shards: number, depths: readonly number[], state: { nowMs: number }) {
  const asked: number[] = [];
  const memory = new MemoryRedis();
  const view = new PoolView({
    config: parseConfig({
      chain: "classic",
      upstream: [{ name: "main", url: "https://geth.mypool.com" }],
      verifier: { shards },
    }),
    redis: { command: async () => "PONG", pipeline: (commands) => memory.pipeline(commands) },
    sql,
    log: createLogger({ level: "error", sink: () => undefined, now: () => state.nowMs }),
    nowMs: () => state.nowMs,
    work: async () => IDLE,
    parts: [],
    moved: async () => null,
    soloWork: () => Promise.reject(new Error("nobody mines solo here")),
    shard: async (number) => {
      asked.push(number);
      return { ...SHARD_HEALTH, outboxDepth: depths[number] ?? 0 };
    },
    verdicts: async () => null,
    unlocker: async () => null,
    payer: async (account) => emptyStatus(account),
    payouts: async () => null,
    notifications: async () => null,
  });
  return { view, asked };
}

describe("shards that are no longer configured", () => {
  it("are asked, drained and counted until they are empty, over restarts", async () => {
    const sql = nodeSql();
    const state = { nowMs: NOW_MS };
    const depths = [0, 0, 5, 0, 0, 104, 0];
    expect((await reopen(sql, 7, depths, state).view.health()).outbox.depth).toBe(109);
    expect(reopen(sql, 1, depths, state).view.formerShards()).toEqual([1, 2, 3, 4, 5, 6]);
    const { view } = reopen(sql, 1, depths, state);
    expect((await view.health()).outbox.depth).toBe(109);
    // A session of before may still send to them for a while: an empty one is believed later.
    expect(view.formerShards()).toEqual([1, 2, 3, 4, 5, 6]);
    state.nowMs += 700_000;
    expect((await view.health()).formerShards.filter(({ outboxDepth }) => outboxDepth)).toEqual([
      { shard: 2, outboxDepth: 5 },
      { shard: 5, outboxDepth: 104 },
    ]);
    expect(view.formerShards()).toEqual([2, 5]);
    depths.fill(0);
    state.nowMs += 10_000;
    await view.health();
    expect(view.formerShards()).toEqual([]);
    const { view: again, asked } = reopen(sql, 1, depths, state);
    await again.health();
    expect(asked).toEqual([0]);
  });

  it("are ordinary ones again when there are more of them", async () => {
    const sql = nodeSql();
    const state = { nowMs: NOW_MS };
    reopen(sql, 3, [], state);
    expect(reopen(sql, 1, [], state).view.formerShards()).toEqual([1, 2]);
    expect(reopen(sql, 4, [], state).view.formerShards()).toEqual([]);
  });
});
