import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import { ScoreIndexes } from "../../core/ledger/engine/score-indexes.ts";
import { answerRest } from "../../core/ledger/engine/rest.ts";
import { restPort } from "../../core/ledger/contract/rest-port.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import type { SqlPort } from "../../core/sql-port.ts";
import { makeRecord } from "../core/shares/make-record.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";

const NOW_MS = 1_795_334_400_000;
const name = fc.constantFrom("a", "b", "ä", "z", "\u{1F600}", "\uFFFD", "10:0xa:rig:5");
const score = fc.constantFrom("1", "2", "2.5", "-inf", "inf", "-3");
const write = fc.oneof(
  fc.tuple(fc.constant("ZADD"), fc.constantFrom("s", "t"), score, name).map((parts) => parts.slice()),
  fc.tuple(fc.constant("ZINCRBY"), fc.constant("s"), fc.constantFrom("1", "-2"), name).map((parts) => parts.slice()),
  fc.tuple(fc.constant("ZREM"), fc.constant("s"), name).map((parts) => parts.slice()),
  fc.tuple(fc.constant("ZREMRANGEBYSCORE"), fc.constant("s"), score, score).map((parts) => parts.slice()),
  fc.constantFrom(["RENAME", "s", "t"], ["DEL", "s"], ["HSET", "s", "field", "1"], ["FLUSHALL"]),
);
const QUERIES = [
  ["ZRANGE", "s", "0", "-1", "WITHSCORES"],
  ["ZREVRANGE", "s", "1", "2", "WITHSCORES"],
  ["ZRANGEBYSCORE", "s", "(1", "inf", "WITHSCORES", "LIMIT", "1", "2"],
  ["ZREVRANGEBYSCORE", "s", "(inf", "-inf"],
  ["ZCOUNT", "s", "(-3", "2"],
  ["ZCARD", "s"],
  ["ZCARD", "t"],
];

function answers(engine: EmbeddedEngine): unknown[] {
  return QUERIES.map((query) => {
    try {
      return engine.execute(query);
    } catch (error) {
      return String(error);
    }
  });
}

describe("an embedded ledger that has its sets by score in memory", () => {
  it("answers as one that has just started, after whatever was written and refused", () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 30 }), (commands) => {
        const sql = nodeSql();
        const options = { sql, nowMs: () => 1_000 };
        const lives = new EmbeddedEngine(options);
        answers(lives);
        for (const command of commands) {
          try {
            lives.execute(command);
          } catch {
            // Refused: nothing of it may be seen.
          }
          expect(answers(lives)).toEqual(answers(new EmbeddedEngine(options)));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("answers as one that has just started after batches of shares", async () => {
    const share = fc.record({ login: fc.nat(2), serial: fc.nat(90), seconds: fc.nat(3) });
    const batch = fc.record({ shares: fc.array(share, { minLength: 1, maxLength: 120 }), retry: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 4 }), async (batches) => {
        const { engine, sql, writer } = ledger();
        for (const { shares, retry } of batches) {
          counts(engine);
          // Some have login, difficulty, rig and moment in common: one entry in the sets of the hashrate, and several in pow.
          const records = shares.map(({ login, serial, seconds }) =>
            makeRecord(login, NOW_MS - seconds * 1_000, serial),
          );
          await writer.recordShares(records, retry);
          expect(counts(engine)).toEqual(counts(new EmbeddedEngine({ sql, nowMs: () => NOW_MS })));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("forgets what a script wrote before it was refused", async () => {
    const { engine, writer } = ledger();
    await writer.recordShares([makeRecord(1, NOW_MS, 1)], false);
    const before = counts(engine);
    const record = makeRecord(1, NOW_MS, 2);
    engine.execute(["DEL", `eth:miners:${record.login}`]);
    engine.execute(["SET", `eth:miners:${record.login}`, "not a hash"]);
    await expect(writer.recordShares([record], false)).rejects.toThrow();
    expect(counts(engine)).toEqual(before);
  });

  it("forgets what a batch put there before storage failed", async () => {
    let writes = 0;
    const { engine, writer } = ledger((statement) => {
      if (statement.startsWith("INSERT INTO entries") && (writes += 1) === 3) throw new Error("disk full");
    });
    await writer.recordShares([makeRecord(1, NOW_MS, 1)], false);
    const before = counts(engine);
    const records = Array.from({ length: 50 }, (_, at) => makeRecord(1, NOW_MS + at, at + 2));
    await expect(writer.recordShares(records, false)).rejects.toThrow("redis:");
    expect(writes).toBe(3);
    expect(counts(engine)).toEqual(before);
    expect(await writer.recordShares(records, true)).toEqual(records.map(() => "recorded"));
    expect(counts(engine)).not.toEqual(before);
  });
});

/** A ledger with the writer of its shares. @param onStatement is told of each before it runs */
function ledger(onStatement: (statement: string) => void = () => undefined) {
  const storage = nodeSql();
  const sql: SqlPort = {
    ...storage,
    exec(statement, ...parameters) {
      onStatement(statement);
      return storage.exec(statement, ...parameters);
    },
  };
  const engine = new EmbeddedEngine({ sql, nowMs: () => NOW_MS });
  const redis = restPort(async (path, body) => JSON.parse(answerRest(engine, path.join("/"), body, false).body));
  const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs: () => NOW_MS });
  return { engine, sql, writer };
}

/** What there is by score of each set that shares are written to. */
function counts(engine: EmbeddedEngine): unknown[] {
  const sets = ["eth:pow", "eth:hashrate", `eth:hashrate:${makeRecord(1, NOW_MS, 1).login}`];
  return sets.flatMap((set) => [
    engine.execute(["ZCOUNT", set, "-inf", "+inf"]),
    engine.execute(["ZRANGE", set, "0", "-1", "WITHSCORES"]),
  ]);
}

const setOf = (members: number) => (after: string | null, limit: number) =>
  Array.from({ length: members }, (_, at) => ({ name: String(at).padStart(6, "0"), value: at }))
    .filter((entry) => after === null || entry.name > after)
    .slice(0, limit);

describe("indexes by score", () => {
  it("hold so many members and no more: the set that was used longest ago makes way", () => {
    const indexes = new ScoreIndexes(100);
    for (const id of [1, 2, 3]) expect(indexes.get(id, setOf(40), 0)?.size).toBe(40);
    expect([1, 2, 3].map((id) => indexes.peek(id)?.size)).toEqual([undefined, 40, 40]);
    for (let member = 0; member < 21; member += 1) indexes.add(3, `new ${member}`, member, 0);
    expect([2, 3].map((id) => indexes.peek(id)?.size)).toEqual([undefined, 61]);
  });

  it("are none for a set that is too large, and are tried again ten minutes later", () => {
    const indexes = new ScoreIndexes(100);
    let read = 0;
    const counted = (members: number) => (after: string | null, limit: number) => {
      read += 1;
      return setOf(members)(after, limit);
    };
    expect(indexes.get(1, counted(101), 0)).toBeNull();
    expect(indexes.get(1, counted(101), 599_999)).toBeNull();
    expect(read).toBe(1);
    expect(indexes.get(1, counted(99), 600_000)?.size).toBe(99);
    indexes.add(1, "one", 1, 600_000);
    indexes.add(1, "two", 1, 600_000);
    expect(indexes.peek(1)).toBeUndefined();
    expect(indexes.get(1, counted(99), 600_001)).toBeNull();
  });
});
