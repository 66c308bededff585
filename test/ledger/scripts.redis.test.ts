/** What only a real Redis can show of the scripts: what they bill, how they are loaded, and that their twins do the same. */
import * as fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import type { BlockRecord, ShareRecord } from "../../core/ledger/contract/records.ts";
import type { RedisCommand, RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { fold, foldAll } from "../support/fold-conformance.ts";
import { loginOf, readBooks, recordMaker, START_MS } from "../support/ledger-records.ts";
import { useRedisServer } from "../support/redis-server.ts";

const redis = useRedisServer();
beforeEach(async () => {
  await redis.command(["FLUSHALL"]);
});

const writerOn = (port: RedisPort, nowMs = START_MS) =>
  createLedgerWriter({ redis: port, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs: () => nowMs });

/** Every command that Redis counted since the last reset, those inside scripts included: what Upstash bills. */
async function counted(): Promise<number> {
  const info = String(await redis.command(["INFO", "commandstats"]));
  const calls = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  return calls.reduce(
    (sum, [, name = "", count = "0"]) => (/^(config|info|client)/.test(name) ? sum : sum + Number(count)),
    0,
  );
}

async function billedBy(work: () => Promise<unknown>): Promise<number> {
  await redis.command(["CONFIG", "RESETSTAT"]);
  await work();
  return counted();
}

test("what the writer says it was billed is what Redis counted", async () => {
  const { share, block } = recordMaker();
  const writer = writerOn(redis);
  const batch = (count: number, logins: number, over: Partial<ShareRecord> = {}) =>
    Array.from({ length: count }, (_, i) => share({ login: loginOf(i % logins), ...over }));
  await writer.recordShares(batch(20, 20), false);
  const repeated = batch(3, 2);
  const works: [string, number | null, () => Promise<unknown>][] = [
    ["a lone share", 7, () => writer.recordShares(batch(1, 1), false)],
    ["a lone share of a new height", 8, () => writer.recordShares(batch(1, 1, { height: 101 }), false)],
    ["100 shares of 20 logins", 2 * 20 + 7, () => writer.recordShares(batch(100, 20, { height: 101 }), false)],
    [
      "100 shares of 20 logins, new height",
      2 * 20 + 8,
      () => writer.recordShares(batch(100, 20, { height: 102 }), false),
    ],
    ["1000 shares of 20 logins", 2 * 20 + 7, () => writer.recordShares(batch(1000, 20, { height: 102 }), false)],
    ["some shares", 2 * 2 + 7, () => writer.recordShares(repeated, false)],
    ["the same as duplicates", 2, () => writer.recordShares(repeated, false)],
    ["the same as a retry", 5, () => writer.recordShares(repeated, true)],
    ["a retry that was not executed", null, () => writer.recordShares(batch(5, 3), true)],
    ["a block", null, () => writer.recordBlock(block(), false)],
    ["a block's retry", null, () => writer.recordBlock(block(), true)],
  ];
  for (const [what, expected, work] of works) {
    const before = writer.billedCommands;
    const real = await billedBy(work);
    expect([what, writer.billedCommands - before]).toEqual([what, real]);
    if (expected !== null) expect([what, real]).toEqual([what, expected]);
  }
});

test("pplns costs one command more, a share and a block, and solo work less", async () => {
  const { share, block } = recordMaker();
  const [prop, pplns] = [null, () => 10n ** 20n].map((window) =>
    createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs: () => START_MS, window }),
  );
  if (prop === undefined || pplns === undefined) throw new Error("no writers");
  const batch = (count: number, logins: number) =>
    Array.from({ length: count }, (_, i) => share({ login: loginOf(i % logins) }));
  for (const writer of [prop, pplns]) await writer.recordShares(batch(1_000, 1_000), false);
  for (const [count, logins] of [
    [1, 1],
    [5, 2],
    [100, 20],
    [2_000, 1_000],
  ] as const) {
    const before = await billedBy(() => prop.recordShares(batch(count, logins), false));
    expect(await billedBy(() => pplns.recordShares(batch(count, logins), false))).toBe(before + 1);
  }
  const closed = await billedBy(() => prop.recordBlock(block(), false));
  await prop.recordShares(batch(1_000, 1_000), false);
  expect(await billedBy(() => pplns.recordBlock(block(), false))).toBe(closed + 1);
  expect(await billedBy(() => prop.recordBlock(block({ solo: true }), false))).toBe(closed - 3);
  expect(await billedBy(() => prop.recordShares([share({ solo: true })], false))).toBe(7 - 2);
});

test("1000 shares of 1000 logins stay within 2L + 8 once their expirations are set", async () => {
  const { share } = recordMaker();
  const writer = writerOn(redis);
  const batch = () => Array.from({ length: 1000 }, (_, i) => share({ login: loginOf(i) }));
  await writer.recordShares(batch(), false);
  expect(await billedBy(() => writer.recordShares(batch(), false))).toBeLessThanOrEqual(2 * 1000 + 8);
});

test("a script is sent whole only when Redis does not have it", async () => {
  await redis.command(["SCRIPT", "FLUSH"]);
  const sent: string[] = [];
  const watched: RedisPort = {
    command: (command) => {
      sent.push(command[0]);
      return redis.command(command);
    },
    pipeline: (commands) => redis.pipeline(commands),
  };
  const { share, block } = recordMaker();
  const writer = writerOn(watched);
  await writer.recordShares([share()], false);
  await writer.recordShares([share()], false);
  await writer.recordBlock(block(), false);
  await writer.recordBlock(block(), false);
  expect(sent).toEqual(["EVALSHA", "EVAL", "EVALSHA", "EVALSHA", "EVAL", "EVALSHA"]);
});

/** A step of a ledger's life: a batch or a block, first sent or again, at some time, perhaps after something was spoilt. */
interface Step {
  readonly picks: readonly number[];
  readonly retry: boolean;
  readonly block: boolean;
  readonly hoursLater: number;
  readonly spoil: RedisCommand | null;
}

const step: fc.Arbitrary<Step> = fc.record({
  picks: fc.array(fc.nat(39), { minLength: 1, maxLength: 12 }),
  retry: fc.boolean(),
  block: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  hoursLater: fc.constantFrom(0, 0, 0, 0, 4),
  spoil: fc.oneof(
    { weight: 12, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<RedisCommand>(
        ["SET", "eth:stats", "x"],
        ["DEL", "eth:stats"],
        ["DEL", "eth:pow"],
        ["SET", `eth:miners:${loginOf(1)}`, "x"],
        ["HSET", "eth:shares:roundCurrent", loginOf(2), "no number"],
        ["HSET", "eth:shares:roundCurrent", loginOf(0), "9223372036854775807"],
        ["DEL", "eth:shares:roundCurrent"],
        ["DEL", `eth:hashrate:${loginOf(0)}`],
        ["SET", "eth:finders", "x"],
        ["DEL", "eth:finders"],
        ["ZADD", "eth:finders", "2", loginOf(3)],
        ["SET", "eth:blocks:terms", "x"],
        ["DEL", "eth:blocks:terms"],
        ["ZADD", "eth:blocks:immature", "9", `0:0:0x${"0".repeat(15)}9:0xab:1:2:3:4`],
        ["ZADD", "eth:blocks:matured", "12", `8:0:0x${"0".repeat(15)}9:0xab:1:2:3:4`],
        ["SET", "eth:blocks:matured", "x"],
        ["DEL", "eth:blocks:immature"],
        ["SET", "eth:shares:window", "x"],
        ["DEL", "eth:shares:window"],
        ["DEL", "eth:shares:window"],
      ),
    },
  ),
});

/** Difficulty of the window under pplns; null: prop. */
const windowSize = fc.option(
  fc.oneof(fc.bigInt(1n, 30_000_000_000n), fc.bigInt(2n ** 53n, 2n ** 58n), fc.constant(10n ** 30n)),
  { freq: 3 },
);
test("the native twin of fold-hashrate answers and writes what the script does", { timeout: 300_000 }, async () => {
  const entry = fc.record({ ts: fc.integer({ min: 0, max: 40 }), worker: fc.nat(2), odd: fc.nat(9) });
  const call = fc.record({ until: fc.nat(45), stretch: fc.constantFrom(5, 20), most: fc.integer({ min: 1, max: 30 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 60 }), fc.array(call, { maxLength: 6 }), async (entries, calls) => {
      await redis.command(["FLUSHALL"]);
      const twin = embeddedLedger();
      const answers = [];
      for (const port of [redis, twin]) {
        for (const [i, { ts, worker, odd }] of entries.entries()) {
          const [name, all] = [`w${worker}:${i}`, `${loginOf(odd % 2)}:w${worker}:${i}`];
          for (const [key, tail] of [
            [`eth:hashrate:${loginOf(1)}`, name],
            ["eth:hashrate", all],
          ] as const)
            await port.command(["ZADD", key, ts, odd === 0 ? `x${i}` : `${odd === 1 ? 0 : i + 1}:${tail}`]);
        }
        const said = [];
        for (const { until, stretch, most } of calls) said.push(await fold(port, until, stretch, most));
        for (const { until, most } of calls)
          said.push(await foldAll(port, until, most % 3 === 0 ? most : "", most, most % 7 === 0 ? most : ""));
        answers.push(said);
      }
      expect(answers[1]).toEqual(answers[0]);
      expect(await readBooks(twin)).toEqual(await readBooks(redis));
    }),
    { seed: 4, numRuns: 200 },
  );
});

test("the native twins answer and write what the scripts do, whatever comes", { timeout: 300_000 }, async () => {
  const runs = Number(process.env["EDGEPOOL_TWIN_RUNS"] ?? 300);
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 25 }),
      windowSize,
      fc.boolean(),
      async (steps, size, soloBlocks) => {
        await redis.command(["FLUSHALL"]);
        const { block } = recordMaker();
        // Forty submissions, some of them the same work under another name or of another height.
        const pool: BlockRecord[] = Array.from({ length: 40 }, (_, i) =>
          block({
            login: loginOf(i % 5),
            height: 3 + (i % 13),
            shareDifficulty: i % 7 === 0 ? 2n ** 53n + BigInt(i) : 2_000_000_000n,
            ...(i % 6 === 5 ? { solo: true } : {}),
            ...(i % 4 === 3 ? { nonce: `0x${"0".repeat(15)}1` } : {}),
            // Two nonces for one header.
            ...(i % 3 === 0 ? { header: `0x${(i % 13).toString(16).padStart(64, "0")}` } : {}),
            ...(i % 10 === 9 ? { inChain: true } : {}),
          }),
        );
        const sides = [redis, embeddedLedger()].map((port) => {
          let nowMs = START_MS;
          const writer = createLedgerWriter({
            redis: port,
            coin: "eth",
            hashrateExpirationMs: 10_800_000,
            nowMs: () => nowMs,
            // Some blocks are found while nobody is credited here.
            blockTerms: ({ login, height }) =>
              height % 3 === 0
                ? null
                : JSON.stringify({ scheme: height % 3 === 1 ? "solo" : "prop", weights: null, finder: login }),
            window: size === null ? null : () => size,
            soloBlocks,
          });
          return { port, writer, later: (hours: number) => (nowMs += hours * 3_600_000) };
        });
        const sent = new Set<BlockRecord>();
        for (const { picks, retry: again, block: isBlock, hoursLater, spoil } of steps) {
          const records = [...new Set(picks.flatMap((pick) => pool[pick] ?? []))].slice(0, isBlock ? 1 : 12);
          const [first] = records;
          if (!first) continue;
          // The contract: what may have been executed before is sent as a retry.
          const retry = again || records.some((record) => sent.has(record));
          for (const record of records) sent.add(record);
          const results = [];
          for (const { port, writer, later } of sides) {
            later(hoursLater);
            if (spoil) await port.command(spoil).catch(() => undefined);
            const work = isBlock
              ? writer.recordBlock(first, retry)
              : writer.recordShares(records, retry, new Set(records.filter((_, at) => at % 2 === 0)));
            results.push(await work.catch((error: unknown) => (error instanceof Error ? error.message : error)));
          }
          expect(results[1]).toEqual(results[0]);
          expect(sides[1]?.writer.billedCommands).toBe(sides[0]?.writer.billedCommands);
        }
        expect(await readBooks(sides[1]!.port)).toEqual(await readBooks(redis));
      },
    ),
    { seed: Number(process.env["EDGEPOOL_SEED"] ?? 4), numRuns: runs },
  );
});
