import { describe, expect, it } from "vitest";
import { PoolView } from "../../core/api/pool-view.ts";
import type { WorkHealth } from "../../core/health/judge.ts";
import { createLogger } from "../../core/log.ts";
import { parseConfig } from "../../core/parse-config.ts";
import { SHARD_HEALTH } from "../support/shard-health.ts";
import { MemoryRedis } from "../support/memory-redis.ts";
import type { SqlPort } from "../../core/sql-port.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";

const NOW_MS = 1_700_000_000_000;
const IDLE: WorkHealth = {
  height: null,
  networkDifficulty: null,
  ageMs: null,
  subscribers: 0,
  polling: false,
  upstreams: [],
};

const gone = () => Promise.reject(new Error("redis is away"));

/** A view over a ledger in memory that can go away, with its log and how often it was told that somebody mines. */
function open(work: WorkHealth = IDLE) {
  const memory = new MemoryRedis();
  const state = { away: false, nowMs: NOW_MS, mining: 0, logs: [] as string[], commands: () => memory.log.length };
  const view = new PoolView({
    config: parseConfig({ chain: "classic", upstream: [{ name: "main", url: "https://geth.mypool.com" }] }),
    redis: {
      command: (command) =>
        state.away ? gone() : command[0] === "PING" ? Promise.resolve("PONG") : memory.command(command),
      pipeline: (commands) => (state.away ? gone() : memory.pipeline(commands)),
    },
    sql: nodeSql(),
    log: createLogger({ level: "info", sink: (line) => state.logs.push(line), now: () => state.nowMs }),
    nowMs: () => state.nowMs,
    work: async () => work,
    shard: async () => SHARD_HEALTH,
    unlocker: async () => null,
    onMining: () => (state.mining += 1),
  });
  return { view, state, memory };
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

  it("asks an idle pool's ledger nothing and writes nothing", async () => {
    const { view, state } = open();
    await view.tick();
    expect([state.commands(), state.mining]).toEqual([0, 0]);
    expect(JSON.parse(view.history("3h"))).toMatchObject({ at: [] });
  });

  it("writes a minute of the history once submits were told, each of them once", async () => {
    const { view, state } = open();
    view.report({ accepted: 3, blocks: 1 });
    await view.tick();
    expect(JSON.parse(view.history("3h"))).toMatchObject({ accepted: [3], blocks: [1], stale: [0] });
    expect((await view.figures()).submits).toMatchObject({ accepted: 3, blocks: 1, stale: 0 });
    expect(state.mining).toBe(2);
    await view.tick();
    expect(JSON.parse(view.history("3h"))).toMatchObject({ accepted: [3] });
  });

  it("writes while sessions are subscribed, with the difficulty of their work", async () => {
    const { view } = open({ ...IDLE, subscribers: 1, networkDifficulty: "5000" });
    await view.tick();
    expect(JSON.parse(view.history("3h"))).toMatchObject({ difficulty: [5000], accepted: [0] });
  });

  it("names every part that does not answer in its health", async () => {
    const { view, state } = open();
    state.away = true;
    expect(await view.health()).toMatchObject({ healthy: false, ledger: { error: "Error: redis is away" } });
    state.away = false;
    expect(await view.health()).toMatchObject({ healthy: false });
    state.nowMs += 5000;
    expect(await view.health()).toMatchObject({ healthy: true });
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
    shard: async (number) => {
      asked.push(number);
      return { ...SHARD_HEALTH, outboxDepth: depths[number] ?? 0 };
    },
    unlocker: async () => null,
    onMining: () => undefined,
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
