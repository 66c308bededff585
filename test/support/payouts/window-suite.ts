/** What pplns does to a ledger, on any ledger: the log of shares that were written together, and what a block's window has of it. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RedisUnreachableError, type RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import type { BlockRecord, LedgerWriter, ShareRecord } from "../../../core/ledger/contract/records.ts";
import { createLedgerWriter } from "../../../core/ledger/write-path/ledger-writer.ts";
import { pplnsWeights } from "../../../core/payouts/schemes.ts";
import { decodeTerms, termsOf } from "../../../core/payouts/block-terms.ts";
import { PayoutBooks } from "../../../core/payouts/payout-books.ts";
import { textList } from "../../../core/ledger/books/scan.ts";
import { auditBooks } from "../../../core/ledger/books/audit.ts";
import { loginOf, readBooks, recordMaker, START_MS } from "../ledger-records.ts";
import { FEE_LOGIN, UnlockerPool } from "./unlocker-pool.ts";
import { testBlock, POOL } from "./test-chain.ts";

const TERMS = { scheme: "prop", poolFee: "1.0", poolFeeAddress: FEE_LOGIN, donateTo: null, keepTxFees: false } as const;
const [A, B, C] = [loginOf(1), loginOf(2), loginOf(3)];

/** A shard's writer. @param window null: prop */
function shardWriter(redis: RedisPort, window: bigint | null, nowMs = START_MS): LedgerWriter {
  const payouts = { scheme: window === null ? "prop" : "pplns", pplnsWindow: "1", soloFee: "3" } as const;
  return createLedgerWriter({
    redis,
    coin: "eth",
    hashrateExpirationMs: 10_800_000,
    nowMs: () => nowMs,
    blockTerms: (block) => termsOf(TERMS, payouts, { ...block, networkDifficulty: window ?? 1n }),
    window: window === null ? null : () => window,
    soloBlocks: true,
  });
}

/** A ledger whose next request is lost before it is carried out, or after. */
function losing(redis: RedisPort, when: "before" | "after"): RedisPort {
  const lost = new RedisUnreachableError("redis: the connection broke", "unknown");
  return {
    async command(command) {
      if (when === "before") throw lost;
      const reply = await redis.command(command);
      // A script that is not known there has not run.
      if (command[0] === "EVALSHA" || command[0] === "EVAL") throw lost;
      return reply;
    },
    pipeline: (commands) => redis.pipeline(commands),
  };
}

/** Nothing but the words of the rule: share by share from the newest, and of the group at the edge a part. */
class NaiveWindow {
  readonly groups: (readonly ShareRecord[])[] = [];

  log(shares: readonly ShareRecord[]): void {
    const earning = shares.filter(({ solo }) => solo !== true);
    if (earning.length > 0) this.groups.push(earning);
  }

  weights(window: bigint): Record<string, string> {
    const owned: Record<string, bigint> = {};
    let left = window;
    for (const group of this.groups.toReversed()) {
      const all = group.reduce((sum, { shareDifficulty }) => sum + shareDifficulty, 0n);
      for (const login of new Set(group.map((share) => share.login))) {
        const own = group.filter((share) => share.login === login).reduce((sum, one) => sum + one.shareDifficulty, 0n);
        owned[login] = (owned[login] ?? 0n) + (all < left ? own : (own * left) / all);
      }
      left -= all;
      if (left <= 0n) break;
    }
    return Object.fromEntries(
      Object.entries(owned)
        .filter(([, weight]) => weight > 0n)
        .map(([login, weight]) => [login, String(weight)]),
    );
  }
}

const action = fc.record({
  shard: fc.nat(2),
  block: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  shares: fc.array(
    fc.record({
      who: fc.nat(4),
      difficulty: fc.oneof(fc.bigInt(1n, 50n), fc.bigInt(2n ** 53n - 5n, 2n ** 58n)),
      solo: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  lost: fc.constantFrom(null, null, "before", "after" as const),
});

const hash = async (redis: RedisPort, key: string): Promise<Record<string, string>> => {
  const flat = textList(await redis.command(["HGETALL", key]));
  return Object.fromEntries(
    Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] ?? "", flat[2 * i + 1] ?? ""]),
  );
};
const log = (redis: RedisPort) => redis.command(["LRANGE", "eth:shares:window", 0, -1]);
const roundOf = (redis: RedisPort, { height, nonce }: BlockRecord) => hash(redis, `eth:shares:round${height}:${nonce}`);
const termsOfBlock = async (redis: RedisPort, { nonce, timestampMs }: BlockRecord) =>
  decodeTerms(String(await redis.command(["HGET", "eth:blocks:terms", `${nonce}:${Math.floor(timestampMs / 1000)}`])));

/** @param emptyLedger gives one without anything in it */
export function windowSuite(name: string, emptyLedger: () => Promise<RedisPort>, runs = 100): void {
  describe(`the window of pplns on ${name}`, () => {
    test(
      "is the last shares in the order of their writing, over shards, rounds, lost answers and repeated sendings",
      { timeout: 240_000 },
      async () => {
        const size = fc.oneof(fc.bigInt(1n, 300n), fc.bigInt(2n ** 54n, 2n ** 62n), fc.constant(10n ** 26n));
        await fc.assert(
          fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 20 }), size, async (actions, window) => {
            const redis = await emptyLedger();
            const { share, block } = recordMaker();
            const model = new NaiveWindow();
            const shards = [0, 1, 2].map(() => shardWriter(redis, window));
            for (const { shard, block: isBlock, shares, lost } of actions) {
              const records = shares.map(({ who, difficulty, solo }) =>
                share({ login: loginOf(who + 1), shareDifficulty: difficulty, solo }),
              );
              const [first] = records;
              if (first === undefined) continue;
              const found = block({ ...first, solo: false, header: `0x${first.nonce.slice(2).padStart(64, "0")}` });
              const send = async (writer: LedgerWriter, retry: boolean) =>
                isBlock ? [await writer.recordBlock(found, retry)] : await writer.recordShares(records, retry);
              if (lost !== null)
                await expect(send(shardWriter(losing(redis, lost), window), false)).rejects.toThrow("broke");
              const outcomes = await send(shards[shard] ?? shardWriter(redis, window), lost !== null);
              expect(new Set(outcomes)).toEqual(new Set(["recorded"]));
              model.log(isBlock ? [found] : records);
              if (!isBlock) continue;
              const weights = model.weights(window);
              expect(await roundOf(redis, found)).toEqual(weights);
              const filled = Object.values(weights).reduce((sum, weight) => sum + BigInt(weight), 0n);
              expect(await termsOfBlock(redis, found)).toMatchObject({
                scheme: "pplns",
                finder: found.login,
                window: String(window),
                weights: String(filled),
              });
              // Sent once more, it is the same block.
              const before = await readBooks(redis);
              expect(await shardWriter(redis, window).recordBlock(found, true)).toBe("recorded");
              expect(await readBooks(redis)).toEqual(before);
            }
            expect((await auditBooks(redis, "eth")).filter(({ ok }) => !ok)).toEqual([]);
          }),
          {
            seed: Number(process.env["EDGEPOOL_SEED"] ?? 17),
            numRuns: Number(process.env["EDGEPOOL_WINDOWS"] ?? runs),
          },
        );
      },
    );

    test("a block ends the open round, which only tells its effort, and stays in the window of the next", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      const writer = shardWriter(redis, 100n);
      await writer.recordShares(
        [share({ login: B, shareDifficulty: 30n }), share({ login: A, shareDifficulty: 20n })],
        false,
      );
      const first = block({ login: A, shareDifficulty: 10n });
      await writer.recordBlock(first, false);
      expect(await redis.command(["EXISTS", "eth:shares:roundCurrent"])).toBe(0);
      expect((await hash(redis, "eth:stats"))["roundShares"]).toBe("0");
      expect(String(await redis.command(["ZRANGE", "eth:blocks:candidates", 0, -1]))).toMatch(/:60$/);
      expect(await roundOf(redis, first)).toEqual({ [A]: "30", [B]: "30" });
      const second = block({ login: C, shareDifficulty: 5n });
      await writer.recordBlock(second, false);
      expect(await roundOf(redis, second)).toEqual({ [A]: "30", [B]: "30", [C]: "5" });
      expect((await termsOfBlock(redis, second))?.weights).toBe("65");
      expect(await log(redis)).toEqual([`${B}:30,${A}:20`, `${A}:10`, `${C}:5`]);
    });

    test.each(["shares", "a block"])(
      "at the change from prop the open round is the first group, whatever is written first: %s",
      async (what) => {
        const redis = await emptyLedger();
        const { share, block } = recordMaker();
        const before = shardWriter(redis, null);
        await before.recordShares(
          [share({ login: A, shareDifficulty: 60n }), share({ login: B, shareDifficulty: 20n })],
          false,
        );
        expect(await log(redis)).toEqual([]);
        const after = shardWriter(redis, 100n);
        if (what === "shares") await after.recordShares([share({ login: C, shareDifficulty: 8n })], false);
        const found = block({ login: C, shareDifficulty: 2n });
        await after.recordBlock(found, false);
        const left = what === "shares" ? { [A]: "60", [B]: "20", [C]: "10" } : { [A]: "60", [B]: "20", [C]: "2" };
        expect(await roundOf(redis, found)).toEqual(left);
        const seed = `${A}:60,${B}:20`;
        expect(await log(redis)).toEqual(what === "shares" ? [seed, `${C}:8`, `${C}:2`] : [seed, `${C}:2`]);
      },
    );

    test("a share that is late is stale as under prop, once a block of its height or above is recorded: held back for long, it would stay in the window for longer", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      const writer = shardWriter(redis, 100n);
      await writer.recordBlock(block({ height: 105 }), false);
      const held = share({ height: 104 });
      const before = await log(redis);
      expect(await writer.recordShares([held], false, new Set([held]))).toEqual(["stale"]);
      expect(await writer.recordShares([{ ...held, late: true }], false)).toEqual(["stale"]);
      expect(await log(redis)).toEqual(before);
      expect(await writer.recordShares([held], false)).toEqual(["recorded"]);
    });

    test("solo work is in no window, and its block closes no round", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      for (const window of [100n, null]) {
        const writer = shardWriter(redis, window);
        await writer.recordShares(
          [share({ login: A, shareDifficulty: 10n }), share({ login: B, shareDifficulty: 7n, solo: true })],
          false,
        );
        const before = await readBooks(redis);
        const found = block({ login: B, shareDifficulty: 9n, solo: true });
        await writer.recordBlock(found, false);
        await writer.recordShares([share({ login: B, shareDifficulty: 7n, solo: true })], false);
        const after = await readBooks(redis);
        for (const key of ["eth:shares:roundCurrent", "eth:shares:window"]) expect(after[key]).toEqual(before[key]);
        expect((await hash(redis, "eth:stats"))["roundShares"]).toBe(window === null ? "20" : "10");
        expect(await roundOf(redis, found)).toEqual({ [B]: "9" });
        expect(await termsOfBlock(redis, found)).toMatchObject({ scheme: "solo", finder: B, poolFee: "3" });
      }
      expect(await redis.command(["ZCARD", "eth:hashrate"])).toBe(8);
      expect((await auditBooks(redis, "eth")).filter(({ ok }) => !ok)).toEqual([]);
    });

    test("a solo block closes no round that a late share could fall behind; a block of the round does", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      const writer = shardWriter(redis, null);
      await writer.recordBlock(block({ height: 103 }), false);
      await writer.recordBlock(block({ height: 105, solo: true }), false);
      const [held, closed] = [share({ height: 104 }), share({ height: 103 })];
      expect(await writer.recordShares([held, closed], false, new Set([held, closed]))).toEqual(["recorded", "stale"]);
    });

    test("a log of a wrong type is named and leaves nothing half written", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      await redis.command(["SET", "eth:shares:window", "x"]);
      const before = await readBooks(redis);
      const writer = shardWriter(redis, 100n);
      await expect(writer.recordShares([share()], false)).rejects.toThrow("WRONGTYPE");
      await expect(writer.recordBlock(block(), false)).rejects.toThrow("WRONGTYPE");
      expect(await readBooks(redis)).toEqual(before);
      expect((await writer.explainRefusal(A)).shared).toContain("eth:shares:window is a string, and must be a list");
    });

    test("what is refused behind the log is not in it, also where it had just begun", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      await redis.command(["HSET", "eth:shares:roundCurrent", B, "5"]);
      await redis.command(["SET", "eth:hashrate", "x"]);
      const writer = shardWriter(redis, 100n);
      for (const work of [
        () => writer.recordShares([share(), share()], false),
        () => writer.recordBlock(block(), false),
      ]) {
        const before = await readBooks(redis);
        await expect(work()).rejects.toThrow("WRONGTYPE");
        expect(await readBooks(redis)).toEqual(before);
      }
    });

    test("trimming forgets whole groups beyond what is kept, and a window within that is the same", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      const writer = shardWriter(redis, 50n);
      for (let i = 0; i < 30; i += 1)
        await writer.recordShares([share({ login: loginOf(i), shareDifficulty: 7n })], false);
      const books = new PayoutBooks(redis, "eth");
      expect(await books.trimWindow(100n)).toBe(15);
      expect(await redis.command(["LLEN", "eth:shares:window"])).toBe(15);
      expect(await books.trimWindow(100n)).toBe(15);
      expect(await redis.command(["LLEN", "eth:shares:window"])).toBe(15);
      const found = block({ login: A, shareDifficulty: 7n });
      await writer.recordBlock(found, false);
      const weights = await roundOf(redis, found);
      expect(Object.values(weights).reduce((sum, weight) => sum + Number(weight), 0)).toBe(50);
      expect(Object.keys(weights)).toHaveLength(8);
    });

    test("a log that is longer than what is read together is read to the window's edge, wherever that lies", async () => {
      for (const [length, size] of [
        [50_000, 50_000_000n],
        [50_000, 10n ** 12n],
        [110_000, 100_000_005n],
        [110_000, 104_999_500n],
      ] as const) {
        const redis = await emptyLedger();
        // One in a thousand was written with others.
        const elements = Array.from({ length }, (_, i) => {
          const one = `${loginOf(i % 37)}:${i % 3 === 0 ? 1_001 : 999}`;
          return i % 1_000 === 7 ? `${one},${loginOf(50)}:7` : one;
        });
        for (let from = 0; from < length; from += 2_000)
          await redis.command(["RPUSH", "eth:shares:window", ...elements.slice(from, from + 2_000)]);
        const { block } = recordMaker();
        const found = block({ shareDifficulty: 1_000n });
        expect(await shardWriter(redis, size).recordBlock(found, false)).toBe("recorded");
        const newestFirst = [`${found.login}:1000`, ...elements.toReversed()].map(
          (group) =>
            new Map(
              group.split(",").map((part) => {
                const [login = "", difficulty = "0"] = part.split(":");
                return [login, BigInt(difficulty)] as const;
              }),
            ),
        );
        const wanted = Object.fromEntries(
          [...pplnsWeights(newestFirst, size)].map(([login, weight]) => [login, String(weight)]),
        );
        expect(await roundOf(redis, found)).toEqual(wanted);
      }
    });

    test("20,000 logins in one window are frozen with the block and credited, nobody twice", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      const pool = new UnlockerPool(redis, { settings: { pplnsWindow: "1" } });
      const writer = shardWriter(redis, 10n ** 20n);
      for (let from = 0; from < 20_000; from += 1_000)
        await writer.recordShares(
          Array.from({ length: 1_000 }, (_, i) => share({ login: loginOf(from + i + 1), height: 20_000_100 })),
          false,
        );
      const found = block({ login: A, height: 20_000_100, timestampMs: pool.nowMs });
      await writer.recordBlock(found, false);
      expect(await redis.command(["HLEN", `eth:shares:round${found.height}:${found.nonce}`])).toBe(20_000);
      pool.put(testBlock(found.height, { nonce: found.nonce, mixHash: found.mixDigest, miner: POOL }));
      pool.growTo(found.height + 120);
      await pool.run();
      await pool.run();
      expect(pool.waits()).toEqual([]);
      expect((await pool.hash("eth:finances"))["balance"]).toBe("2048000000");
      // The finder has two shares of 20,001.
      expect(await pool.amount(A, "balance")).toBe((2_048_000_000n * 99n * 2n) / 100n / 20_001n);
      expect(await pool.amount(B, "balance")).toBe((2_048_000_000n * 99n) / 100n / 20_001n);
    }, 240_000);

    test("an orphan under pplns gives nothing back: its shares are in the windows of others", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      const pool = new UnlockerPool(redis, { settings: { pplnsWindow: "1" } });
      const writer = shardWriter(redis, 100n);
      await writer.recordShares([share({ login: B, shareDifficulty: 10n })], false);
      await writer.recordBlock(block({ height: 20_000_100, timestampMs: pool.nowMs, shareDifficulty: 5n }), false);
      await writer.recordShares([share({ login: C, shareDifficulty: 3n })], false);
      const before = await log(redis);
      pool.growTo(20_000_220);
      await pool.run();
      await pool.run();
      expect((await pool.list("matured"))[0]).toMatch(/^0:1:/);
      expect(await hash(redis, "eth:shares:roundCurrent")).toEqual({ [C]: "3" });
      expect(await log(redis)).toEqual(before);
    });

    test("an orphan of before the change goes back into the open round, and into the log as its newest group", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      const prop = shardWriter(redis, null);
      const pool = new UnlockerPool(redis, { settings: { pplnsWindow: "1" } });
      await prop.recordShares([share({ login: B, shareDifficulty: 10n })], false);
      await prop.recordBlock(block({ height: 20_000_100, timestampMs: pool.nowMs, shareDifficulty: 5n }), false);
      await shardWriter(redis, 100n).recordShares([share({ login: C, shareDifficulty: 3n })], false);
      pool.growTo(20_000_220);
      await pool.run();
      await pool.run();
      expect(await hash(redis, "eth:shares:roundCurrent")).toEqual({ [A]: "5", [B]: "10", [C]: "3" });
      expect(await log(redis)).toEqual([`${C}:3`, `${A}:5,${B}:10`]);
      expect((await auditBooks(redis, "eth")).filter(({ ok }) => !ok)).toEqual([]);
    });

    test("back under prop the log ends, and the open round pays what was worked since the last block", async () => {
      const redis = await emptyLedger();
      const { share, block } = recordMaker();
      const pplns = shardWriter(redis, 100n);
      await pplns.recordShares([share({ login: B, shareDifficulty: 10n })], false);
      await pplns.recordBlock(block({ shareDifficulty: 5n }), false);
      await pplns.recordShares([share({ login: C, shareDifficulty: 3n })], false);
      const pool = new UnlockerPool(redis);
      await pool.run();
      expect(await redis.command(["EXISTS", "eth:shares:window"])).toBe(0);
      const found = block({ login: A, shareDifficulty: 4n });
      await shardWriter(redis, null).recordBlock(found, false);
      expect(await roundOf(redis, found)).toEqual({ [A]: "4", [C]: "3" });
      expect((await termsOfBlock(redis, found))?.scheme).toBe("prop");
    });
  });
}
