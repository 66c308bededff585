import { beforeEach, describe, expect, test } from "vitest";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { DumpError, exportBooks, readDump } from "../../core/ledger/books/dump.ts";
import { importBooks, restoreBooks } from "../../core/ledger/books/import.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import type { RedisCommand, RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { textList } from "../../core/ledger/books/scan.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { foldAll } from "../support/fold-conformance.ts";
import { loginOf, readBooks, recordMaker, START_MS } from "../support/ledger-records.ts";

/** Books with an open round, two candidates, a block that the unlocker has taken on, and payouts. */
async function fill(redis: RedisPort): Promise<void> {
  const { share, block } = recordMaker();
  const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 1e9, nowMs: () => START_MS });
  const shares = (count: number) => Array.from({ length: count }, (_, i) => share({ login: loginOf(i % 5) }));
  await writer.recordShares(shares(40), false);
  await writer.recordBlock(block({ height: 101 }), false);
  await writer.recordShares(shares(7), false);
  await writer.recordBlock(block({ height: 102, login: loginOf(2) }), false);
  const later: RedisCommand[] = [
    ["HSET", "eth:shares:round90:0xaa", loginOf(3), "600"],
    ["ZADD", "eth:blocks:immature", 90, "0:0:0xaa:0xbb:1795334000:1000:600:505000000000"],
    ["ZADD", "eth:blocks:matured", 80, "0:0:0xab:0xbc:1795333000:1000:600:140000000000"],
    ["ZADD", "eth:credits:all", 80, "0xbc:1795333900:140000000000"],
    ["HSET", "eth:credits:80:0xbc", loginOf(3), 140],
    ["ZINCRBY", "eth:finders", 2, loginOf(3)],
    ["HSET", `eth:miners:${loginOf(3)}`, "blocksFound", 2, "balance", 70, "immature", 500, "pending", 40, "paid", 30],
    ["HSET", "eth:finances", "balance", 70, "immature", 500, "pending", 40, "paid", 30, "totalMined", 140],
    ["HSET", "eth:credits:immature:90:0xbb", loginOf(3), 500],
    ["ZADD", "eth:payments:all", 1_795_334_000, `0xcc:${loginOf(3)}:30`],
    ["ZADD", `eth:payments:${loginOf(3)}`, 1_795_334_000, "0xcc:30"],
    ["ZADD", "eth:payments:pending", 1_795_334_000, `${loginOf(3)}:40`],
    ["SET", "eth:payments:lock", `${loginOf(3)}:40`],
    ["SADD", "eth:blacklist", loginOf(66), "10.0.0.1"],
  ];
  for (const command of later) await redis.command(command);
  await writer.recordShares(shares(6), false);
}

async function dumpOf(redis: RedisPort): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportBooks(redis, "eth")) lines.push(line);
  return lines;
}

async function* feed(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** With a fee address, the 5 Shannon that block 90 leaves over would be its. */
const TERMS = JSON.stringify({
  scheme: "prop",
  poolFee: "1",
  poolFeeAddress: `0x11${"0".repeat(38)}`,
  donateTo: null,
  keepTxFees: false,
  mixDigest: null,
  finder: null,
});

let redis: RedisPort;
beforeEach(async () => {
  redis = embeddedLedger();
  await fill(redis);
});

describe("audit", () => {
  test("books that the scripts and the payouts modules wrote add up", async () => {
    const findings = await auditBooks(redis, "eth");
    expect(findings.filter((finding) => !finding.ok)).toEqual([]);
    expect(findings.length).toBeGreaterThan(12);
  });

  test("credits are proved from their nonces where the terms are known, and one that is too great or without proof is found", async () => {
    const terms = {
      poolDifficulty: 2_000_000_000n,
      classTable: 1 as const,
      networkDifficulty: 10n ** 19n,
      resultOf: () => new Uint8Array(32),
    };
    const findings = async (more = {}) =>
      (await auditBooks(redis, "eth", { ...terms, ...more })).filter(({ check }) => /nonces are worth/.test(check));
    expect(await findings()).toMatchObject([{ ok: true, detail: expect.stringMatching(/^\d+ proofs$/) }]);
    expect(await findings({ resultOf: () => new Uint8Array(32).fill(255) })).toMatchObject([
      { ok: false, detail: expect.stringContaining("does not meet 2000000000") },
    ]);
    // One of four times the pool's difficulty by its nonce, credited as if it were not.
    const { share } = recordMaker();
    const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 1e9, nowMs: () => START_MS });
    await writer.recordShares([share({ nonce: "0x6000000000000001", height: 102 })], false);
    expect(await findings()).toMatchObject([
      { ok: false, detail: "1 proofs are worth 8000000000, and 0 credits are of that" },
    ]);
  });

  test("sums of old hashrate entries agree with single ones, and one that lost a share is found", async () => {
    const { share } = recordMaker();
    const HEADER = `0x${"09".repeat(32)}`;
    let nowMs = START_MS + 3_600_000;
    const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 1e9, nowMs: () => nowMs });
    for (let minute = 0; minute < 30; minute += 1) {
      const at = nowMs;
      await writer.recordShares(
        Array.from({ length: 8 }, (_, i) => share({ header: HEADER, timestampMs: at + i, height: 102 })),
        false,
      );
      nowMs += 60_000;
    }
    const failed = async () => (await auditBooks(redis, "eth")).filter(({ ok }) => !ok);
    const ts = Math.floor(nowMs / 1000);
    await foldAll(redis, ts - 1_500, "", 0);
    for (let at = 0; at < 2; at += 1) await foldAll(redis, ts - 600, "", 0);
    await redis.command(["ZREMRANGEBYSCORE", "eth:hashrate", "-inf", `(${ts - 1_800}`]);
    expect(Number(await redis.command(["ZCARD", "eth:hashrate"]))).toBeLessThan(30 * 8);
    expect(await failed()).toEqual([]);
    const [sum = ""] = textList(await redis.command(["ZRANGEBYSCORE", "eth:hashrate", ts - 1_200, ts - 900]));
    const [difficulty = "", ...rest] = sum.split(":");
    expect(BigInt(difficulty)).toBe(5n * 8n * 2_000_000_000n);
    await redis.command(["ZADD", "eth:hashrate", ts - 1_100, [BigInt(difficulty) - 2_000_000_000n, ...rest].join(":")]);
    await redis.command(["ZREM", "eth:hashrate", sum]);
    expect(await failed()).toMatchObject([
      { check: "hashrate and the logins' own sets", detail: expect.stringMatching(/ in its own set, \d+ in hashrate/) },
    ]);
  });

  test("an empty ledger adds up", async () => {
    expect((await auditBooks(embeddedLedger(), "eth")).every((finding) => finding.ok)).toBe(true);
  });

  test("a key that has gone since its name was read has no wrong type", async () => {
    const books = embeddedLedger();
    await books.command(["SET", "eth:payments:lock", `${loginOf(3)}:40`]);
    const unlocked: RedisPort = {
      command: async (command) => {
        const reply = await books.command(command);
        if (command[0] === "SCAN") await books.command(["DEL", "eth:payments:lock"]);
        return reply;
      },
      pipeline: (commands) => books.pipeline(commands),
    };
    expect((await auditBooks(unlocked, "eth")).filter(({ ok }) => !ok)).toEqual([]);
  });

  test("books of open-etc-pool-friends are called by their name, and nothing else is said of them", async () => {
    const books = embeddedLedger();
    const matured = ["0", "0", "0xaa", "0xbb", "1", "2", "3", "4"].join(":");
    await books.command(["ZADD", "eth:blocks:matured", 7, matured]);
    const [own] = await auditBooks(books, "eth");
    expect(own).toMatchObject({ check: "format of the books", ok: true });
    await books.command(["ZADD", "eth:blocks:matured", 8, `${matured}:0xlogin:5:rig`]);
    expect(await auditBooks(books, "eth")).toMatchObject([
      {
        check: "format of the books",
        ok: false,
        detail: expect.stringMatching(/^open-etc-pool-friends: blocks:matured has members of 11 parts instead of 8/),
      },
      { check: "every key has its type", ok: true },
    ]);
  });

  test.each<[what: string, check: string, RedisCommand]>([
    ["a share too much in the open round", "open round", ["HINCRBY", "eth:shares:roundCurrent", loginOf(1), 1]],
    ["a roundShares that lost a share", "open round", ["HINCRBY", "eth:stats", "roundShares", -2_000_000_000]],
    [
      "a login with shares and no account",
      "logins of the open round",
      ["HSET", "eth:shares:roundCurrent", loginOf(99), 1],
    ],
    [
      "a closed round with another sum",
      "closed rounds add up to their blocks' totalShares",
      ["HINCRBY", "eth:shares:round90:0xaa", loginOf(3), 1],
    ],
    [
      "a closed round that is gone",
      "closed rounds add up to their blocks' totalShares",
      ["DEL", "eth:shares:round90:0xaa"],
    ],
    [
      "a closed round without a block",
      "every closed round has its block",
      ["HSET", "eth:shares:round7:0xff", loginOf(3), 1],
    ],
    [
      "a candidate that is no member of its kind",
      "members of the block lists",
      ["ZADD", "eth:blocks:candidates", 5, "0xaa:0xbb"],
    ],
    ["a block found too many", "finders and blocks", ["ZINCRBY", "eth:finders", 1, loginOf(3)]],
    [
      "a miner who counts otherwise",
      "finders and the miners' own counts",
      ["HINCRBY", `eth:miners:${loginOf(3)}`, "blocksFound", 1],
    ],
    ["a stats without lastBlockFound", "finders and the miners' own counts", ["HDEL", "eth:stats", "lastBlockFound"]],
    [
      "a share in pow in two spellings",
      "no share is in pow twice",
      ["ZADD", "eth:pow", 100, `0x0000000000000001:0x${"01".repeat(32)}:0x${"03".repeat(32)}`],
    ],
    [
      "an entry missing in hashrate",
      "hashrate and the logins' own sets",
      ["ZADD", `eth:hashrate:${loginOf(1)}`, 1_795_334_999, "1:rig:1795334999000"],
    ],
    [
      "an entry missing in a login's own set",
      "hashrate and the logins' own sets",
      ["ZADD", "eth:hashrate", 1_795_334_999, `1:${loginOf(1)}:rig:1795334999000`],
    ],
    ["a balance that came from nowhere", "finances: balance", ["HINCRBY", `eth:miners:${loginOf(4)}`, "balance", 5]],
    ["a pool's immature that lost some", "finances: immature", ["HINCRBY", "eth:finances", "immature", -1]],
    ["a pool's pending that is too much", "finances: pending", ["HINCRBY", "eth:finances", "pending", 1]],
    ["a pool's paid that is too much", "finances: paid", ["HINCRBY", "eth:finances", "paid", 1]],
    ["an immature credit too much", "immature credits", ["HINCRBY", "eth:credits:immature:90:0xbb", loginOf(3), 1]],
    ["a credit that no account got", "credits", ["HINCRBY", "eth:credits:80:0xbc", loginOf(3), 1]],
    ["a debt that nobody knows of", "credits", ["HSET", "eth:unlocker:owed", `${loginOf(3)}:balance`, 1]],
    [
      "a credit below nothing",
      "credits are integers, above 0, of logins that have an account",
      ["HSET", "eth:credits:80:0xbc", loginOf(1), -1],
    ],
    ["a block that was mined twice", "total mined", ["HINCRBY", "eth:finances", "totalMined", 140]],
    ["a matured block without its record", "credits:all has each matured block once", ["DEL", "eth:credits:all"]],
    [
      "an orphan with credits",
      "every block's credits are within what it brought",
      ["ZADD", "eth:blocks:matured", 80, "0:1:0xab:0xbc:1795333000:1000:600:0"],
    ],
    [
      "a block with a fee address whose revenue is not all shared out",
      "every block's credits are within what it brought",
      ["HSET", "eth:blocks:terms", "0xaa:1795334000", TERMS],
    ],
    ["a payment that no account has", "payments", ["ZADD", "eth:payments:all", 1_795_334_001, `0xdd:${loginOf(3)}:1`]],
    [
      "a login's payment that its account has not",
      "amounts are integers and payments match accounts",
      ["ZADD", `eth:payments:${loginOf(3)}`, 1, "0xdd:1"],
    ],
    [
      "a payment that its login's list has not",
      "each payment is in payments:all and its login's own list, once",
      ["DEL", `eth:payments:${loginOf(3)}`],
    ],
    [
      "a login's payment of another transaction and the same amount",
      "each payment is in payments:all and its login's own list, once",
      ["ZADD", `eth:payments:${loginOf(3)}`, 1, "0xdd:0"],
    ],
    [
      "a transaction that is two payments",
      "each payment is in payments:all and its login's own list, once",
      ["ZADD", "eth:payments:all", 1, `0xcc:${loginOf(3)}:0`],
    ],
    [
      "a payment that the payer has debited and nobody waits for",
      "every open payment is pending",
      ["HSET", "eth:payouts:open", "1", `debited:${loginOf(3)}:41`],
    ],
    ["a pending payment that is gone", "pending payments", ["DEL", "eth:payments:pending"]],
    ["a key of another type", "every key has its type", ["SET", "eth:stats", "x"]],
    ["a sum that is no number", "logins of the open round", ["HSET", "eth:shares:roundCurrent", loginOf(1), "many"]],
  ])("tells %s", async (_, check, tampering) => {
    if (tampering[0] === "SET") await redis.command(["DEL", tampering[1] ?? ""]);
    await redis.command(tampering);
    const findings = await auditBooks(redis, "eth");
    expect(findings.filter((finding) => !finding.ok).map((finding) => finding.check)).toContain(check);
  });

  test.each(["12.5", "-12", ""])("names a field %j of a closed round, which is no part of its total", async (bad) => {
    const key = "eth:shares:round90:0xaa";
    await redis.command(["HSET", key, loginOf(4), bad]);
    const findings = (await auditBooks(redis, "eth")).filter((finding) => !finding.ok);
    expect(findings).toEqual([
      {
        check: "closed rounds add up to their blocks' totalShares",
        ok: false,
        detail: `field ${loginOf(4)} of ${key} holds "${bad}", which is no sum of shares`,
      },
    ]);
  });
});

describe("export and import", () => {
  test("what was exported is imported whole: types, scores, expirations and values beyond 2^53", async () => {
    await redis.command(["HSET", "eth:finances", "totalMined", "9223372036854775807"]);
    await redis.command(["ZADD", "eth:credits:all", "-inf", "a", "1.5", "b"]);
    await redis.command(["PEXPIREAT", "eth:payments:lock", 4_000_000_000_123]);
    const target = embeddedLedger();
    const dump = await readDump(feed(await dumpOf(redis)));
    await importBooks(target, dump, { replace: false });
    expect(await readBooks(target)).toEqual(await readBooks(redis));
    expect(await target.command(["PEXPIRETIME", "eth:payments:lock"])).toBe(4_000_000_000_123);
    expect(await dumpOf(target)).toEqual(await dumpOf(redis));
  });

  test("keys of other programs are left alone on both sides", async () => {
    await redis.command(["SET", "etc:other", "1"]);
    await redis.command(["SET", "other", "1"]);
    const dump = await readDump(feed(await dumpOf(redis)));
    expect(dump.lines.every((line) => line.key.startsWith("eth:"))).toBe(true);
    const target = embeddedLedger();
    await target.command(["SET", "other", "theirs"]);
    await importBooks(target, dump, { replace: true });
    expect(await target.command(["GET", "other"])).toBe("theirs");
  });

  test("a large key takes several lines and arrives complete", async () => {
    const members = Array.from({ length: 2500 }, (_, i) => [i, `0xabc${i}:5`]).flat();
    await redis.command(["ZADD", "eth:payments:0xbig", ...members]);
    const target = embeddedLedger();
    await importBooks(target, await readDump(feed(await dumpOf(redis))), { replace: false });
    expect(await target.command(["ZCARD", "eth:payments:0xbig"])).toBe(2500);
  });

  test("an import over books that are there is refused and changes nothing, unless they are to be replaced", async () => {
    const target = embeddedLedger();
    await target.command(["HSET", "eth:stats", "roundShares", "1"]);
    const dump = await readDump(feed(await dumpOf(redis)));
    await expect(importBooks(target, dump, { replace: false })).rejects.toThrow(
      "the target holds 1 keys of eth already; nothing was written",
    );
    expect(await readBooks(target)).toEqual({
      "eth:stats": { type: "hash", contents: ["roundShares", "1"], expires: false },
    });
    await importBooks(target, dump, { replace: true });
    expect(await readBooks(target)).toEqual(await readBooks(redis));
  });

  test("a restore that is cut after any of its commands goes on with the same file, and until then the audit says so", async () => {
    const dump = await readDump(feed(await dumpOf(redis)));
    const file = { name: "eth.jsonl.gz", sha256: "ab".repeat(32) };
    let cuts = 0;
    for (let commands = 1, done = false; !done; commands++) {
      const target = embeddedLedger();
      let left = commands;
      const cut: RedisPort = {
        ...target,
        command: async (command) => {
          if (left-- <= 0) throw new Error("cut");
          return await target.command(command);
        },
      };
      done = await restoreBooks(cut, dump, file).then(
        () => true,
        () => false,
      );
      const marked = await target.command(["GET", "eth:restoring"]);
      if (marked !== null) {
        cuts += 1;
        expect(await auditBooks(target, "eth")).toEqual([
          { check: "books are whole", ok: false, detail: expect.stringContaining("run it again") },
        ]);
        const other = { name: "other.gz", sha256: "cd".repeat(32) };
        await expect(restoreBooks(target, dump, other)).rejects.toThrow(/begun with another file.*eth\.jsonl\.gz/);
      }
      if (!done && (await readBooks(target))["eth:stats"] !== undefined && marked === null) continue;
      if (!done) await restoreBooks(target, dump, file);
      expect(await readBooks(target)).toEqual(await readBooks(redis));
    }
    expect(cuts).toBeGreaterThan(20);
  });

  test("a restore does not go on where somebody else has written meanwhile", async () => {
    const dump = await readDump(feed(await dumpOf(redis)));
    const file = { name: "eth.jsonl.gz", sha256: "ab".repeat(32) };
    for (const write of [
      ["HINCRBY", "eth:stats", "roundShares", "5"],
      ["SADD", "eth:foreign", "1"],
    ] as const) {
      const target = embeddedLedger();
      await target.command(["SET", "eth:restoring", `${file.sha256} ${file.name}`]);
      await target.command([...write]);
      const before = await readBooks(target);
      await expect(restoreBooks(target, dump, file)).rejects.toThrow(
        `${write[1]} of the target is not what the backup has`,
      );
      expect(await readBooks(target)).toEqual(before);
    }
  });

  test("an import that did not arrive as it was sent says so", async () => {
    const target = embeddedLedger();
    const lossy: RedisPort = {
      ...target,
      command: async (command) => (command[1] === "eth:finders" && command[0] === "ZADD" ? 0 : target.command(command)),
    };
    await expect(importBooks(lossy, await readDump(feed(await dumpOf(redis))), { replace: false })).rejects.toThrow(
      "the target differs from the dump at eth:finders",
    );
  });

  test.each<[what: string, (lines: string[]) => string[], text: RegExp]>([
    ["is empty", () => [], /^the dump is empty$/],
    ["was cut off", (lines) => lines.slice(0, -1), /^the dump is cut off after line \d+$/],
    [
      "lost a key on the way",
      (lines) => [...lines.slice(0, 1), ...lines.slice(2)],
      /keys were exported, \d+ are in the dump$/,
    ],
    ["is of another program", (lines) => ['{"a":1}', ...lines.slice(1)], /^line 1: this is no dump of a ledger$/],
    [
      "is of a later version",
      (lines) => ['{"dump":"edgepool-ledger","version":2,"coin":"eth"}', ...lines.slice(1)],
      /^line 1: version 2 of the format/,
    ],
    ["has a broken line", (lines) => [lines[0]!, "{", ...lines.slice(2)], /^line 2 is no JSON$/],
    ["has a line that is no object", (lines) => [lines[0]!, "[]", ...lines.slice(2)], /^line 2 is no JSON object$/],
    [
      "has a type that is not known",
      (lines) => [lines[0]!, '{"key":"k","type":"stream","entries":[["a"]]}', ...lines.slice(2)],
      /^line 2: no key, or a type/,
    ],
    [
      "has entries of another shape",
      (lines) => [lines[0]!, '{"key":"k","type":"hash","entries":[["a"]]}', ...lines.slice(2)],
      /^line 2: the entries are not those of a hash$/,
    ],
    [
      "has an expiration that is none",
      (lines) => [lines[0]!, '{"key":"k","type":"set","expiresMs":"x","entries":[["a"]]}', ...lines.slice(2)],
      /^line 2: expiresMs is no time$/,
    ],
    ["goes on after its end", (lines) => [...lines, lines[1]!], /there is more after the end of the dump$/],
  ])("a dump that %s is refused before anything is written", async (_, spoil, text) => {
    const failure = await readDump(feed(spoil(await dumpOf(redis)))).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DumpError);
    expect((failure as DumpError).message).toMatch(text);
  });
});
