/** What every ledger must do with both scripts: embedded (Node and workerd), a real Redis, and a Redis behind the REST gateway. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LedgerRecordError } from "../../core/ledger/contract/record-check.ts";
import { createLedgerWriter, MAX_BATCH } from "../../core/ledger/write-path/ledger-writer.ts";
import type { BlockRecord, LedgerWriter, RefusalCause, ShareRecord } from "../../core/ledger/contract/records.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { foldConformance } from "./fold-conformance.ts";
import { HOUR_MS, loginOf, powOf, readBooks, recordMaker, START_MS, writerOf } from "./ledger-records.ts";
import { retryConformance } from "./retry-conformance.ts";

/** A ledger that the suite may empty. */
export interface LedgerUnderTest {
  readonly redis: RedisPort;
  close(): Promise<void>;
}

/** A block's member of the lists of an unlocker. */
const listed = (uncle: number, nonce: string) => `${uncle}:0:${nonce}:0x${"ab".repeat(32)}:1795334386:5:7:9`;

export function ledgerConformance(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(name, () => {
    let ledger: LedgerUnderTest;
    let redis: RedisPort;
    let nowMs: number;
    let writer: LedgerWriter;
    const { share, block } = recordMaker();
    const newWriter = () => writerOf(redis, () => nowMs);
    const record = (...shares: ShareRecord[]) => writer.recordShares(shares, false);
    const retry = (...shares: ShareRecord[]) => newWriter().recordShares(shares, true);
    const late = (...shares: ShareRecord[]) => writer.recordShares(shares, false, new Set(shares));
    const closeRound = (found: BlockRecord) => writer.recordBlock(found, false);

    beforeAll(async () => {
      ledger = await open();
      redis = ledger.redis;
    });
    afterAll(() => ledger.close());
    beforeEach(async () => {
      await redis.command(["FLUSHALL"]);
      nowMs = START_MS;
      writer = newWriter();
    });

    test("a share writes the six keys of the reference, member for member", async () => {
      const one = share({ timestampMs: START_MS + 123 });
      expect(await record(one)).toEqual(["recorded"]);
      expect(await readBooks(redis)).toEqual({
        "eth:pow": { type: "zset", contents: [powOf(one), "100"], expires: false },
        "eth:shares:roundCurrent": { type: "hash", contents: [one.login, "2000000000"], expires: false },
        "eth:hashrate": {
          type: "zset",
          contents: [`2000000000:${one.login}:1234:${START_MS + 123}`, "1795334381"],
          expires: false,
        },
        [`eth:hashrate:${one.login}`]: {
          type: "zset",
          contents: [`2000000000:1234:${START_MS + 123}`, "1795334381"],
          expires: true,
        },
        [`eth:miners:${one.login}`]: { type: "hash", contents: ["lastShare", "1795334381"], expires: false },
        "eth:stats": { type: "hash", contents: ["roundShares", "2000000000"], expires: false },
      });
    });

    test("a batch of many logins writes what its shares one by one would write", async () => {
      const shares = Array.from({ length: 60 }, (_, i) => share({ login: loginOf(i % 7), worker: `rig-${i % 3}` }));
      await writer.recordShares(shares, false);
      const together = await readBooks(redis);
      await redis.command(["FLUSHALL"]);
      writer = newWriter();
      for (const one of shares) await record(one);
      expect(await readBooks(redis)).toEqual(together);
      expect(together["eth:stats"]?.contents).toEqual(["roundShares", "120000000000"]);
    });

    test("a nonce with header and mix that was there before is a duplicate from anyone, and nothing is written", async () => {
      const one = share();
      await record(one);
      const before = await readBooks(redis);
      expect(await record({ ...one, timestampMs: one.timestampMs + 5 })).toEqual(["duplicate"]);
      const stolen = { ...one, login: loginOf(2) };
      expect(await record(stolen, { ...stolen, login: loginOf(3) })).toEqual(["duplicate", "duplicate"]);
      expect(await readBooks(redis)).toEqual(before);
    });

    test("of equal shares in one batch the first counts", async () => {
      const one = share();
      expect(await record(one, { ...one, login: loginOf(2) }, share())).toEqual(["recorded", "duplicate", "recorded"]);
      expect(await redis.command(["HGETALL", "eth:shares:roundCurrent"])).toEqual([loginOf(1), "4000000000"]);
    });

    test("a first attempt is written however old the share is", async () => {
      nowMs += 4 * HOUR_MS;
      expect(await record(share())).toEqual(["recorded"]);
    });

    test("two shares of a worker a millisecond apart are two entries (defect 7)", async () => {
      const one = share();
      await record(one, share({ timestampMs: one.timestampMs + 1 }));
      expect(await redis.command(["ZCARD", "eth:hashrate"])).toBe(2);
      expect(await redis.command(["ZCARD", `eth:hashrate:${one.login}`])).toBe(2);
    });

    test("below height 8 nothing is swept (defect 6)", async () => {
      for (const height of [0, 1, 3, 7, 8]) await record(share({ height }));
      expect(await redis.command(["ZCARD", "eth:pow"])).toBe(5);
    });

    test("what is more than eight heights old is swept, and no more", async () => {
      for (const height of [100, 101, 107, 108]) await record(share({ height }));
      await record(share({ height: 109 }), share({ height: 107 }));
      expect(await redis.command(["ZCOUNT", "eth:pow", "-inf", 99])).toBe(0);
      expect(await redis.command(["ZCARD", "eth:pow"])).toBe(6);
      await record(share({ height: 109 }));
      expect(await redis.command(["ZRANGEBYSCORE", "eth:pow", "-inf", 100])).toEqual([]);
      expect(await redis.command(["ZCARD", "eth:pow"])).toBe(6);
    });

    test("what is refused sweeps nothing: then nothing would be as high as what it went by", async () => {
      const one = share({ height: 100 });
      await record(one);
      await redis.command(["SET", `eth:hashrate:${loginOf(2)}`, "not what it should be"]);
      const before = await readBooks(redis);
      const refused = { login: loginOf(2), height: 120 };
      await expect(record(share(refused), share(refused))).rejects.toThrow("WRONGTYPE");
      await expect(closeRound(block(refused))).rejects.toThrow("WRONGTYPE");
      expect(await readBooks(redis)).toEqual(before);
    });

    test("sums beyond 2^53 are exact, for few and for many logins", async () => {
      const big = { shareDifficulty: 2n ** 53n + 1n };
      await record(share(big));
      await record(share(big), share({ ...big, login: loginOf(2) }), share({ ...big, login: loginOf(3) }), share(big));
      await record(share({ ...big, login: loginOf(2) }), share(big));
      expect(await redis.command(["HMGET", "eth:shares:roundCurrent", loginOf(1), loginOf(2), loginOf(3)])).toEqual([
        String(4n * (2n ** 53n + 1n)),
        String(2n * (2n ** 53n + 1n)),
        String(2n ** 53n + 1n),
      ]);
      expect(await redis.command(["HGET", "eth:stats", "roundShares"])).toBe(String(7n * (2n ** 53n + 1n)));
    });

    test.each([1, 2, 3])(
      "a sum beyond 64 bits is refused and nothing of the batch is written (%i logins)",
      async (logins) => {
        const huge = { shareDifficulty: 2n ** 62n };
        const batch = () => Array.from({ length: logins }, (_, i) => share({ ...huge, login: loginOf(i) }));
        await record(share({ ...huge, login: loginOf(0), shareDifficulty: 2n ** 62n + 2n ** 61n }));
        const before = await readBooks(redis);
        await expect(writer.recordShares(batch(), false)).rejects.toThrow(
          /^ERR (increment or decrement would overflow|value is not an integer or out of range)$/,
        );
        expect(await readBooks(redis)).toEqual(before);
      },
    );

    test.each([
      "eth:pow",
      "eth:shares:roundCurrent",
      "eth:hashrate",
      `eth:hashrate:${loginOf(1)}`,
      "eth:stats",
      `eth:miners:${loginOf(1)}`,
    ])("a key of the wrong type (%s) leaves nothing half written", async (key) => {
      await redis.command(["SET", key, "not what it should be"]);
      const before = await readBooks(redis);
      const wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
      await expect(record(share())).rejects.toThrow(wrong);
      await expect(record(share(), share())).rejects.toThrow(wrong);
      await expect(closeRound(block())).rejects.toThrow(wrong);
      expect(await readBooks(redis)).toEqual(before);
    });

    test("the hashrate key's expiration is set by the first share and renewed after ten minutes, not by each", async () => {
      const key = `eth:hashrate:${loginOf(1)}`;
      await record(share());
      // An expiration that no renewal gives.
      await redis.command(["EXPIRE", key, 100_000]);
      nowMs += 9 * 60_000;
      await record(share());
      expect(Number(await redis.command(["TTL", key]))).toBeGreaterThan(90_000);
      nowMs += 2 * 60_000;
      await record(share());
      expect(Number(await redis.command(["TTL", key]))).toBeLessThanOrEqual(10_800);
    });

    test("a block writes its share, closes the round with its sum and adds the candidate, all at once (defect 5)", async () => {
      await record(share(), share({ login: loginOf(2), shareDifficulty: 2n ** 53n + 1n }));
      await redis.command(["HSET", "eth:stats", "kept", "as it is"]);
      const found = block({ height: 101, timestampMs: START_MS + 5_000 });
      expect(await closeRound(found)).toBe("recorded");
      const books = await readBooks(redis);
      const total = 2n ** 53n + 1n + 4_000_000_000n;
      expect(books["eth:blocks:candidates"]?.contents).toEqual([
        `${powOf(found)}:1795334386:10000000000000000000:${total}`,
        "101",
      ]);
      expect(books[`eth:shares:round101:${found.nonce}`]).toEqual({
        type: "hash",
        contents: [loginOf(1), "4000000000", loginOf(2), String(2n ** 53n + 1n)],
        expires: false,
      });
      expect(books["eth:shares:roundCurrent"]).toBeUndefined();
      expect(books["eth:stats"]?.contents).toEqual(["kept", "as it is", "lastBlockFound", "1795334386"]);
      expect(books["eth:finders"]?.contents).toEqual([found.login, "1"]);
      expect(books[`eth:miners:${found.login}`]?.contents).toEqual(["blocksFound", "1", "lastShare", "1795334386"]);
      expect(await redis.command(["ZSCORE", "eth:pow", powOf(found)])).toBe("101");
      expect(
        await redis.command(["ZSCORE", `eth:hashrate:${found.login}`, `2000000000:1234:${START_MS + 5_000}`]),
      ).toBe("1795334386");
    });

    test("a block that is the first share of its round is a round of one", async () => {
      const found = block();
      await closeRound(found);
      expect(await redis.command(["HGETALL", `eth:shares:round100:${found.nonce}`])).toEqual([
        found.login,
        "2000000000",
      ]);
      expect(await closeRound(block())).toBe("recorded");
      expect(await redis.command(["ZSCORE", "eth:finders", found.login])).toBe("2");
    });

    describe("a second nonce for the header of a recorded block", () => {
      const first = block({ height: 101 });
      const second = block({ height: 101, header: first.header });

      test("is a rival: it closes no round of one, writes nothing, and may be a share afterwards", async () => {
        await closeRound(first);
        await record(share());
        const before = await readBooks(redis);
        expect(await closeRound(second)).toBe("rival");
        expect(await newWriter().recordBlock(second, true)).toBe("rival");
        nowMs += 4 * HOUR_MS;
        expect(await newWriter().recordBlock(second, true)).toBe("rival");
        nowMs -= 4 * HOUR_MS;
        expect(await readBooks(redis)).toEqual(before);
        expect(await record(second)).toEqual(["recorded"]);
        expect(await redis.command(["HGET", "eth:shares:roundCurrent", second.login])).toBe("4000000000");
      });

      test("is a block where the chain has it, once", async () => {
        await closeRound(first);
        await record(share());
        const confirmed = { ...second, inChain: true };
        expect(await closeRound(confirmed)).toBe("recorded");
        const before = await readBooks(redis);
        expect(before["eth:blocks:candidates"]?.contents).toHaveLength(4);
        expect(before[`eth:shares:round101:${second.nonce}`]?.contents).toEqual([second.login, "4000000000"]);
        expect(await newWriter().recordBlock(confirmed, true)).toBe("recorded");
        // The first one again, as after a failover: it has its own trace.
        expect(await newWriter().recordBlock(first, true)).toBe("recorded");
        expect(await readBooks(redis)).toEqual(before);
      });

      test("is one as well where an unlocker has the first, whose header is in no list any more", async () => {
        for (const [list, score, member] of [
          ["eth:blocks:immature", 101, listed(0, first.nonce)],
          ["eth:blocks:matured", 101, listed(0, first.nonce)],
          ["eth:blocks:immature", 104, listed(101, first.nonce)],
        ] as const) {
          await redis.command(["ZADD", list, String(score), member]);
          expect(await closeRound(second)).toBe("rival");
          await redis.command(["ZREM", list, member]);
        }
        // Of other heights.
        await redis.command(["ZADD", "eth:blocks:immature", "104", listed(0, first.nonce)]);
        await redis.command(["ZADD", "eth:blocks:immature", "105", listed(100, first.nonce)]);
        // Nobody's block is refused for a list that it does not need.
        await redis.command(["SET", "eth:blocks:matured", "not what it should be"]);
        expect(await closeRound(second)).toBe("recorded");
      });

      test("leaves another header of the height alone: that may be an uncle", async () => {
        await closeRound(first);
        expect(await closeRound(block({ height: 101 }))).toBe("recorded");
        expect(await redis.command(["ZCARD", "eth:blocks:candidates"])).toBe(2);
      });
    });

    describe("once a block is recorded", () => {
      test("late shares at its height or below are stale and write nothing; those above, and those in time, count", async () => {
        const at = (height: number) => share({ height });
        expect(await late(at(100))).toEqual(["recorded"]);
        await closeRound(block({ height: 101 }));
        const before = await readBooks(redis);
        expect(await late(at(101))).toEqual(["stale"]);
        expect(await late(at(99), at(101), share({ height: 100, login: loginOf(2) }))).toEqual([
          "stale",
          "stale",
          "stale",
        ]);
        expect(await readBooks(redis)).toEqual(before);
        expect(await late(at(101), at(102), at(100))).toEqual(["stale", "recorded", "stale"]);
        expect(await record({ ...at(101), late: true })).toEqual(["stale"]);
        expect(await newWriter().recordShares([{ ...at(100), late: true }], true)).toEqual(["stale"]);
        expect(await record(at(101))).toEqual(["recorded"]);
        expect(await redis.command(["HGET", "eth:shares:roundCurrent", loginOf(1)])).toBe("4000000000");
        expect(await redis.command(["HGET", "eth:stats", "roundShares"])).toBe("4000000000");
      });

      test("a late share that an earlier attempt wrote is recorded, and a copy of one is a duplicate", async () => {
        const one = share({ height: 100 });
        expect(await late(one)).toEqual(["recorded"]);
        await closeRound(block({ height: 101 }));
        expect(await newWriter().recordShares([one], true, new Set([one]))).toEqual(["recorded"]);
        expect(await late({ ...one, login: loginOf(2) })).toEqual(["duplicate"]);
        // What was promised counts, whenever it comes.
        expect(await retry(share({ height: 100 }))).toEqual(["recorded"]);
      });

      test("asking costs one command, and only where a share is late", async () => {
        await closeRound(block({ height: 101 }));
        await late(share({ height: 102 }));
        const before = writer.billedCommands;
        await late(share({ height: 102 }));
        // A lone one needs a command more, because its duplicate check is no write.
        expect(writer.billedCommands - before).toBe(9);
        await late(share({ height: 102 }), share({ height: 100 }));
        expect(writer.billedCommands - before).toBe(9 + 9);
        await late(share({ height: 100 }));
        expect(writer.billedCommands - before).toBe(9 + 9 + 3);
      });
    });

    test("what is mined on now is not swept by the write of a higher height: the chain may have gone back", async () => {
      const now = share({ height: 985 });
      await record(now);
      const other = newWriter();
      other.workAt(985);
      await other.recordShares([share({ height: 1_000 })], false);
      await other.recordBlock(block({ height: 1_000 }), false);
      expect(await record({ ...now, login: loginOf(2) })).toEqual(["duplicate"]);
      other.workAt(994);
      await other.recordShares([share({ height: 1_000 })], false);
      expect(await redis.command(["ZSCORE", "eth:pow", powOf(now)])).toBeNull();
    });

    test("says up to which height its rounds are closed", async () => {
      const found = block();
      expect(await newWriter().closedHeight()).toBe(-1);
      await newWriter().recordBlock(found, false);
      await newWriter().recordBlock(block({ height: found.height + 2 }), false);
      expect(await newWriter().closedHeight()).toBe(found.height + 2);
    });

    foldConformance(() => redis);
    retryConformance(() => redis);

    test("a block whose share was there before is a duplicate and closes nothing", async () => {
      const one = share();
      await record(one);
      const before = await readBooks(redis);
      expect(await closeRound({ ...one, networkDifficulty: 5n })).toBe("duplicate");
      expect(await readBooks(redis)).toEqual(before);
    });

    test("a block's terms are written with it, once, and where they cannot stand the block is not written either", async () => {
      const bound = (terms: string) =>
        createLedgerWriter({
          redis,
          coin: "eth",
          hashrateExpirationMs: 3 * HOUR_MS,
          nowMs: () => nowMs,
          blockTerms: () => terms,
        });
      const found = block();
      expect(await bound("first").recordBlock(found, false)).toBe("recorded");
      expect(await bound("second").recordBlock(found, true)).toBe("recorded");
      const id = `${found.nonce}:${Math.floor(found.timestampMs / 1000)}`;
      expect(await redis.command(["HGETALL", "eth:blocks:terms"])).toEqual([id, "first"]);
      await redis.command(["SET", "eth:blocks:terms", "x"]);
      const before = await readBooks(redis);
      const later = block({ height: 102 });
      await expect(bound("third").recordBlock(later, false)).rejects.toThrow("WRONGTYPE");
      expect(await readBooks(redis)).toEqual(before);
      expect(await bound("third").explainRefusal(later.login)).toEqual({
        shared: "eth:blocks:terms is a string, and must be a hash",
        own: null,
      });
      await redis.command(["DEL", "eth:blocks:terms"]);
      expect(await bound("third").recordBlock(later, true)).toBe("recorded");
      const now = `${later.nonce}:${Math.floor(later.timestampMs / 1000)}`;
      expect(await redis.command(["HGETALL", "eth:blocks:terms"])).toEqual([now, "third"]);
    });

    test("a lone share costs seven billed commands, a batch at most 2L + 8, and a duplicate two", async () => {
      const billed = async (...shares: ShareRecord[]) => {
        const before = writer.billedCommands;
        await writer.recordShares(shares, false);
        return writer.billedCommands - before;
      };
      const logins = Array.from({ length: 20 }, (_, i) => share({ login: loginOf(i) }));
      await writer.recordShares(logins, false);
      expect(await billed(share())).toBe(7);
      expect(await billed(logins[0]!)).toBe(2);
      const hundred = Array.from({ length: 100 }, (_, i) => share({ login: loginOf(i % 20) }));
      expect(await billed(...hundred)).toBe(2 * 20 + 7);
      // The sweep, once a height.
      const next = Array.from({ length: 100 }, (_, i) => share({ login: loginOf(i % 20), height: 101 }));
      expect(await billed(...next)).toBe(2 * 20 + 8);
      expect(await billed(share({ height: 101 }))).toBe(7);
    });

    test("a refusal is explained: the key in the way, whose it is, and nothing where all is well", async () => {
      const { login } = share();
      const explained = () => writer.explainRefusal(login);
      await record(share({ login }));
      expect(await explained()).toEqual({ shared: null, own: null });
      const spoilt: readonly [key: string, spoil: readonly string[], cause: Partial<RefusalCause>][] = [
        ["eth:pow", ["HSET", "eth:pow", "a", "b"], { shared: "eth:pow is a hash, and must be a sorted set" }],
        ["eth:stats", ["ZADD", "eth:stats", "1", "a"], { shared: "eth:stats is a zset, and must be a hash" }],
        [
          "eth:stats",
          ["HSET", "eth:stats", "roundShares", "12.5"],
          { shared: "field roundShares of eth:stats is 12.5, and must be a whole number below 2^63" },
        ],
        [
          `eth:hashrate:${login}`,
          ["HSET", `eth:hashrate:${login}`, "a", "b"],
          { own: `eth:hashrate:${login} is a hash, and must be a sorted set` },
        ],
        [
          `eth:miners:${login}`,
          ["ZADD", `eth:miners:${login}`, "1", "a"],
          { own: `eth:miners:${login} is a zset, and must be a hash` },
        ],
        [
          "eth:shares:roundCurrent",
          ["HSET", "eth:shares:roundCurrent", login, "x"],
          { own: `field ${login} of eth:shares:roundCurrent is x, and must be a whole number below 2^63` },
        ],
      ];
      for (const [key, [command = "", ...args], cause] of spoilt) {
        await redis.command(["DEL", key]);
        await redis.command([command, ...args]);
        expect(await explained()).toEqual({ shared: null, own: null, ...cause });
        await redis.command(["DEL", key]);
      }
    });

    test.each(["12.5", "", "-5", "many"])(
      "another login's field %j in the round stops no block: it counts for nobody and is kept; its own login's block is refused, by its name",
      async (bad) => {
        const [of1, of2] = [share({ login: loginOf(1) }), share({ login: loginOf(2) })];
        await record(of1, of2);
        await redis.command(["HSET", "eth:shares:roundCurrent", loginOf(5), bad]);
        const before = await readBooks(redis);
        await expect(closeRound(block({ login: loginOf(5) }))).rejects.toThrow("ERR hash value is not an integer");
        expect(await readBooks(redis)).toEqual(before);
        expect((await writer.explainRefusal(loginOf(5))).own).toContain(
          `field ${loginOf(5)} of eth:shares:roundCurrent is ${bad}, `,
        );
        const found = block({ login: loginOf(2) });
        expect(await closeRound(found)).toBe("recorded");
        expect(String(await redis.command(["ZRANGE", "eth:blocks:candidates", 0, -1]))).toMatch(/:6000000000$/);
        const round = `eth:shares:round${found.height}:${found.nonce}`;
        expect(await redis.command(["HMGET", round, loginOf(1), loginOf(2), loginOf(5)])).toEqual([
          "2000000000",
          "4000000000",
          bad,
        ]);
        expect(await record(share({ login: loginOf(5) }))).toEqual(["recorded"]);
      },
    );

    test.each<[Partial<ShareRecord>, string]>([
      [{ login: "0xABC" }, "login"],
      [{ worker: "a:b" }, "worker"],
      [{ worker: "" }, "worker"],
      [{ nonce: "0x1" }, "nonce"],
      [{ header: `0x${"G".repeat(64)}` }, "header"],
      [{ mixDigest: "" }, "mixDigest"],
      [{ height: -1 }, "height"],
      [{ height: 1.5 }, "height"],
      [{ timestampMs: Number.NaN }, "timestampMs"],
      [{ shareDifficulty: 0n }, "shareDifficulty"],
      [{ shareDifficulty: 2n ** 63n }, "shareDifficulty"],
    ])("a record with %o is refused, by the name of its field, before anything is sent", async (over, field) => {
      await expect(record(share(), share(over))).rejects.toThrow(LedgerRecordError);
      await expect(closeRound(block(over))).rejects.toThrow(new RegExp(`^${field}: found `));
      expect(await readBooks(redis)).toEqual({});
    });

    test("a batch that one request cannot carry is refused; the largest one fits", async () => {
      const logins = Math.ceil(MAX_BATCH / 2);
      const batch = Array.from({ length: MAX_BATCH }, (_, i) => share({ login: loginOf(i % logins) }));
      await expect(writer.recordShares([...batch, share()], false)).rejects.toThrow(LedgerRecordError);
      expect(new Set(await writer.recordShares(batch, false))).toEqual(new Set(["recorded"]));
      expect(new Set(await retry(...batch))).toEqual(new Set(["recorded"]));
      expect(await redis.command(["HGET", "eth:stats", "roundShares"])).toBe(
        String(2_000_000_000n * BigInt(MAX_BATCH)),
      );
    });
  });
}
