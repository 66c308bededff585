/** What the differential test cannot compare: chance, time, cursors, transactions, scripts, and what is refused on purpose. */
import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { Reply } from "../../core/ledger/engine/command.ts";
import { COMMANDS } from "../../core/ledger/engine/commands.ts";
import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import { answerRest } from "../../core/ledger/engine/rest.ts";
import type { SqlPort } from "../../core/sql-port.ts";
import { RECORD_SHARES } from "../../core/ledger/contract/scripts/embedded.ts";
import { restPort } from "../../core/ledger/contract/rest-port.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";
import { loginOf, recordMaker } from "../support/ledger-records.ts";

let nowMs: number;
let sql: SqlPort;
let engine: EmbeddedEngine;
const open = () => new EmbeddedEngine({ sql, nowMs: () => nowMs });
const run = (...command: string[]): Reply => engine.execute(command);
const rows = (table: string) => Number(sql.exec(`SELECT COUNT(*) AS n FROM ${table}`)[0]?.["n"]);

beforeEach(() => {
  nowMs = 1_795_334_381_000;
  sql = nodeSql();
  engine = open();
});

describe("time", () => {
  test("a key is there until its time has passed, and then for no command", () => {
    run("SET", "k", "v", "PX", "1000");
    run("HSET", "h", "f", "v");
    run("EXPIRE", "h", "1");
    nowMs += 1000;
    expect([run("GET", "k"), run("TTL", "k"), run("HGET", "h", "f")]).toEqual(["v", 0, "v"]);
    nowMs += 1;
    expect([run("GET", "k"), run("TTL", "k"), run("EXISTS", "k", "h")]).toEqual([null, -2, 0]);
    expect([run("HLEN", "h"), run("SCAN", "0"), run("TYPE", "h")]).toEqual([0, ["0", []], "none"]);
  });

  test("expired keys that nobody asks for leave the storage within a minute", () => {
    run("PING");
    for (let i = 0; i < 5; i++) run("ZADD", `z${i}`, "1", "a");
    for (let i = 0; i < 5; i++) run("EXPIRE", `z${i}`, "10");
    nowMs += 61_000;
    run("PING");
    expect([rows("keys"), rows("entries")]).toEqual([0, 0]);
  });

  test("a batch of shares finds nothing in a key whose time has passed, and leaves nothing of it", async () => {
    const logins = [0, 1, 2].map(loginOf);
    const { share } = recordMaker();
    const redis = restPort(async (path, body) => JSON.parse(answerRest(engine, path.join("/"), body, false).body));
    const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs: () => nowMs });
    const record = () =>
      writer.recordShares(
        logins.map((login) => share({ login, timestampMs: nowMs })),
        false,
      );
    await record();
    run("EXPIRE", `eth:hashrate:${logins[1]}`, "10");
    run("EXPIRE", "eth:shares:roundCurrent", "10");
    const written = rows("entries");
    nowMs += 10_001;
    await record();
    expect(logins.map((login) => run("ZCARD", `eth:hashrate:${login}`))).toEqual([2, 1, 2]);
    expect(run("HVALS", "eth:shares:roundCurrent")).toEqual(logins.map(() => "2000000000"));
    expect(run("TTL", `eth:hashrate:${logins[1]}`)).toBe(-1);
    // Three a share; the round, the sum and lastShare are there.
    expect(rows("entries")).toBe(written - 1 + 9);
  });

  test("an expiration goes with the key through RENAME, and a rewrite ends it", () => {
    run("SET", "k", "v", "PX", "5000");
    run("RENAME", "k", "l");
    expect([run("TTL", "l"), run("PEXPIRETIME", "l")]).toEqual([5, nowMs + 5000]);
    run("SET", "l", "w");
    expect(run("TTL", "l")).toBe(-1);
  });
});

describe("storage", () => {
  test("what is written outlives the object that wrote it", () => {
    run("HSET", "h", "f", "v");
    run("ZADD", "z", "1.5", "m", "-inf", "n");
    run("SET", "s", "x", "PX", "9000");
    engine = open();
    run("SADD", "t", "a");
    expect([
      run("HGETALL", "h"),
      run("ZRANGE", "z", "0", "-1", "WITHSCORES"),
      run("TTL", "s"),
      run("SMEMBERS", "t"),
    ]).toEqual([["f", "v"], ["n", "-inf", "m", "1.5"], 9, ["a"]]);
  });

  test("a batch of shares writes scores as doubles and sums as text", async () => {
    const { share } = recordMaker();
    const redis = restPort(async (path, body) => JSON.parse(answerRest(engine, path.join("/"), body, false).body));
    const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs: () => nowMs });
    await writer.recordShares(
      [1, 2, 3].map((login) => share({ login: loginOf(login) })),
      false,
    );
    const types = sql.exec(
      "SELECT type, typeof(e.value) AS kept, COUNT(*) AS n FROM keys JOIN entries e USING (id) GROUP BY 1, 2",
    );
    expect(types).toEqual([
      { type: "hash", kept: "text", n: 7 },
      { type: "zset", kept: "real", n: 9 },
    ]);
  });

  test("a collection whose last element goes leaves nothing", () => {
    run("HSET", "h", "f", "v");
    run("HDEL", "h", "f");
    run("SADD", "s", "a");
    run("SREM", "s", "a");
    run("ZADD", "z", "1", "a");
    run("ZREMRANGEBYSCORE", "z", "-inf", "+inf");
    run("ZADD", "u", "1", "a");
    run("ZREM", "u", "a");
    expect([rows("keys"), rows("entries")]).toEqual([0, 0]);
  });

  test("a rename of a round with many logins writes two rows, not two a login", () => {
    run("HSET", "round", ...Array.from({ length: 500 }, (_, i) => [`login${i}`, "1"]).flat());
    const before = Number(sql.exec("SELECT total_changes() AS n")[0]?.["n"]);
    run("RENAME", "round", "closed");
    expect(Number(sql.exec("SELECT total_changes() AS n")[0]?.["n"]) - before).toBeLessThanOrEqual(2);
    expect(run("HLEN", "closed")).toBe(500);
  });

  test("a command that fails in its middle leaves nothing behind", () => {
    let writes = 0;
    const failing: SqlPort = {
      ...sql,
      exec: (statement, ...parameters) => {
        if (statement.startsWith("INSERT INTO entries") && ++writes === 3) throw new Error("disk full");
        return sql.exec(statement, ...parameters);
      },
    };
    engine = new EmbeddedEngine({ sql: failing, nowMs: () => nowMs });
    expect(() => run("HSET", "h", "a", "1", "b", "2", "c", "3")).toThrow("disk full");
    expect([rows("keys"), rows("entries")]).toEqual([0, 0]);
  });
});

/** Everything a whole scan returns, with a change after each page. */
function scanAll(command: (cursor: string) => string[], between: () => void): string[] {
  const found: string[] = [];
  let cursor = "0";
  do {
    const [next, page] = run(...command(cursor)) as [string, string[]];
    found.push(...page);
    cursor = next;
    between();
  } while (cursor !== "0");
  return found;
}

describe("scans", () => {
  test("an element that is there all the time is returned exactly once, whatever comes and goes meanwhile, also over a restart", () => {
    const name = fc.string({ unit: "binary", minLength: 0, maxLength: 6 }).map((text) => text.toWellFormed());
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { maxLength: 30 }),
        fc.array(name, { maxLength: 30 }),
        fc.integer({ min: 1, max: 7 }),
        (stay, others, count) => {
          sql = nodeSql();
          engine = open();
          const come = others.filter((other) => !stay.includes(other));
          if (stay.length > 0) run("SADD", "s", ...stay);
          if (come.length > 0) run("SADD", "s", ...come);
          const found = scanAll(
            (cursor) => ["SSCAN", "s", cursor, "COUNT", String(count)],
            () => {
              const leaving = come.pop();
              if (leaving !== undefined) run("SREM", "s", leaving);
              run("SADD", "s", `new${come.length}`);
              run("SREM", "s", `new${come.length}`);
              engine = open();
            },
          );
          expect(found.filter((element) => stay.includes(element)).toSorted()).toEqual(stay.toSorted());
        },
      ),
      { seed: 8, numRuns: 60 },
    );
  });

  test("keys are scanned by pattern, hashes and sorted sets with their values", () => {
    for (let i = 0; i < 25; i++) run("HSET", `h${i}`, "f", "v");
    run("ZADD", "z", "1.5", "m");
    expect(
      scanAll(
        (cursor) => ["SCAN", cursor, "MATCH", "h1*", "COUNT", "4"],
        () => undefined,
      ),
    ).toHaveLength(11);
    expect(run("ZSCAN", "z", "0")).toEqual(["0", ["m", "1.5"]]);
    expect(run("HSCAN", "h1", "0")).toEqual(["0", ["f", "v"]]);
  });

  test.each(["x", "", "-1", "1.5"])("the cursor %o is refused", (cursor) => {
    expect(() => run("SCAN", cursor)).toThrow("ERR invalid cursor");
  });
});

const rest = (path: string, body: unknown, base64 = false) => {
  const { status, body: text } = answerRest(engine, path, body, base64);
  return { status, reply: JSON.parse(text) as unknown };
};

describe("transactions and pipelines over REST", () => {
  test("multi-exec runs all commands, and one that fails while running fails alone", () => {
    expect(
      rest("multi-exec", [
        ["SET", "k", "v"],
        ["HINCRBY", "k", "f", "1"],
        ["GET", "k"],
      ]),
    ).toEqual({
      status: 200,
      reply: [
        { result: "OK" },
        { error: "WRONGTYPE Operation against a key holding the wrong kind of value" },
        { result: "v" },
      ],
    });
  });

  test("multi-exec with a command that is unknown or misses arguments runs nothing", () => {
    for (const wrong of [["NOSUCH"], ["GET"]])
      expect(rest("multi-exec", [["SET", "k", "v"], wrong])).toEqual({
        status: 400,
        reply: { error: "EXECABORT Transaction discarded because of previous errors." },
      });
    expect(run("EXISTS", "k")).toBe(0);
  });

  test("a pipeline runs what it can", () => {
    expect(rest("pipeline", [["NOSUCH"], ["SET", "k", 5], ["GET", "k"]])).toEqual({
      status: 200,
      reply: [{ error: "ERR unknown command 'NOSUCH', with args beginning with: " }, { result: "OK" }, { result: "5" }],
    });
  });

  test("base64 encodes every string but a lone OK", () => {
    run("HSET", "h", "OK", "ü");
    expect(rest("", ["HGETALL", "h"], true).reply).toEqual({ result: ["T0s=", "w7w="] });
    expect(rest("", ["SET", "k", "v"], true).reply).toEqual({ result: "OK" });
    expect(rest("", ["HLEN", "h"], true).reply).toEqual({ result: 1 });
  });

  test("64-bit integers stand in the body with all their digits", () => {
    run("HSET", "k", "f", "9223372036854775806");
    expect(answerRest(engine, "", ["HINCRBY", "k", "f", "1"], false)).toEqual({
      status: 200,
      body: '{"result":9223372036854775807}',
    });
  });

  test.each<[unknown]>([[null], [{}], ["GET"], [[]], [[null]], [[["GET"]]], [["GET", {}]]])(
    "%o is no command",
    (body) => {
      expect(rest("", body)).toEqual({
        status: 400,
        reply: { error: expect.stringMatching(/^ERR failed to parse command/) },
      });
    },
  );

  test("a path that is not one of the protocol's is not found", () => {
    expect(rest("monitor", []).status).toBe(404);
  });
});

describe("scripts", () => {
  test("the pool's own scripts are there without being loaded; others are refused with the reason", () => {
    expect(() => run("EVALSHA", "0".repeat(40), "0")).toThrow("NOSCRIPT No matching script. Please use EVAL.");
    expect(() => run("EVAL", "return 1", "0")).toThrow("ERR the embedded ledger runs only the pool's own scripts");
    expect(() => run("EVALSHA", RECORD_SHARES.sha1, "5", "k")).toThrow(
      "ERR Number of keys can't be greater than number of args",
    );
    expect(() => run("EVALSHA", RECORD_SHARES.sha1, "-1")).toThrow("ERR Number of keys can't be negative");
    expect(() => run("EVALSHA", RECORD_SHARES.sha1, "x")).toThrow("ERR value is not an integer or out of range");
  });
});

test("the embedded ledger carries what is sent to it and nothing more; the rest is unknown in Redis' own words", () => {
  const carried =
    "get set setnx del exists type rename expire pexpireat pexpiretime ttl scan flushall hset hsetnx hget hmget hgetall hvals hdel hincrby " +
    "hlen hscan rpush lrange llen sadd srem sismember smembers sscan zadd zincrby zrem zscore zmscore zcard zcount zrange zrevrange zrangebyscore zrevrangebyscore " +
    "zremrangebyscore zscan eval evalsha ping";
  expect([...COMMANDS.keys()].toSorted()).toEqual(carried.split(" ").toSorted());
  expect(() => run("INCR", "k")).toThrow("ERR unknown command 'INCR', with args beginning with: 'k' ");
});
