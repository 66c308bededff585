import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { purgeStale } from "../../core/api/purge.ts";
import { PoolStats } from "../../core/api/pool-stats.ts";
import { restPort } from "../../core/ledger/contract/rest-port.ts";
import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import { answerRest } from "../../core/ledger/engine/rest.ts";
import type { SqlRow } from "../../core/sql-port.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";

const NOW_MS = 1_795_334_400_000;
const ENTRIES = 90_000;
const WINDOW_S = 1_800;
const LOGINS = 500;

test("a reading of the pool's figures reads what is new and not the ninety thousand shares that are kept", async () => {
  const read = await runInDurableObject(env.EMBEDDED_REDIS.getByName("size"), async (_, state) => {
    let rows = 0;
    let nowMs = NOW_MS;
    const engine = new EmbeddedEngine({
      sql: {
        exec(statement, ...parameters) {
          const cursor = state.storage.sql.exec<SqlRow>(statement, ...parameters);
          const result = cursor.toArray();
          rows += cursor.rowsRead;
          return result;
        },
        transaction: (work) => state.storage.transactionSync(work),
        durable: () => state.storage.sync(),
      },
      nowMs: () => nowMs,
    });
    const redis = restPort(async (path, body) => JSON.parse(answerRest(engine, path.join("/"), body, false).body));
    let serial = 0;
    const shares = (count: number, fromMs: number, everyMs: number) =>
      Array.from({ length: count }, (_share, at) => {
        const login = `0x${((serial += 1) % LOGINS).toString(16).padStart(40, "0")}`;
        const ms = fromMs + at * everyMs;
        return [Math.floor(ms / 1_000), `8000000000:${login}:rig:${ms}`];
      }).flat();
    const everyMs = (WINDOW_S * 1_000) / ENTRIES;
    for (let at = 0; at < ENTRIES; at += 5_000)
      engine.execute([
        "ZADD",
        "eth:hashrate",
        ...shares(5_000, NOW_MS - WINDOW_S * 1_000 + at * everyMs, everyMs).map(String),
      ]);
    const config = loadConfig(env);
    const stats = new PoolStats(config);
    await stats.read(redis, nowMs, 240_000);
    const readings: number[] = [];
    for (let reading = 0; reading < 12; reading += 1) {
      const written = shares(250, nowMs, everyMs).map(String);
      nowMs += 5_000;
      engine.execute(["ZADD", "eth:hashrate", ...written]);
      rows = 0;
      const pool = await stats.read(redis, nowMs, 40_000);
      readings.push(rows);
      expect(pool.minersTotal).toBe(LOGINS);
    }
    nowMs += 3_600_000 - (nowMs % 600_000);
    rows = 0;
    const { removed } = await purgeStale(redis, config, nowMs);
    return { most: Math.max(...readings), removed, perRemoved: rows / removed };
  });
  // Without an index 180,307 (docs/decisions/0005-no-index-by-score.md).
  expect(read.most).toBeLessThan(50);
  expect(read.removed).toBe(ENTRIES + 12 * 250);
  expect(read.perRemoved).toBeLessThan(3);
});
