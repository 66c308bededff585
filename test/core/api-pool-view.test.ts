import { describe, expect, it } from "vitest";
import { PoolView } from "../../core/api/pool-view.ts";
import type { WorkHealth } from "../../core/health/judge.ts";
import { createLogger } from "../../core/log.ts";
import { parseConfig } from "../../core/parse-config.ts";
import { MemoryRedis } from "../support/memory-redis.ts";
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
    shards: () => [],
    unlocker: async () => null,
    onMining: () => (state.mining += 1),
  });
  return { view, state, memory };
}

describe("what the pool shows", () => {
  it("stays the last figures while the ledger cannot be read, and says so in the log", async () => {
    const { view, state, memory } = open();
    await memory.command(["HSET", "eth:stats", "roundShares", 12]);
    const before: unknown = JSON.parse(await view.body("stats"));
    expect(before).toMatchObject({ stats: { roundShares: 12 } });
    state.away = true;
    state.nowMs += 60_000;
    expect(JSON.parse(await view.body("stats"))).toEqual({ ...Object(before), now: state.nowMs });
    expect(state.logs.map((line) => String(JSON.parse(line).error))).toEqual(["Error: redis is away"]);
  });

  it("is empty where nothing has been read yet and nothing can be", async () => {
    const { view, state } = open();
    state.away = true;
    expect(JSON.parse(await view.body("miners"))).toMatchObject({ miners: {}, minersTotal: 0 });
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
