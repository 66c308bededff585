import { describe, expect, it } from "vitest";
import { RewardsReader } from "../../core/api/account-rewards.ts";
import { AccountView } from "../../core/api/account-view.ts";
import type { SessionFigures } from "../../core/api/account-history.ts";
import { parseConfig } from "../../core/parse-config.ts";
import { A, B, FIXED_LEDGER, NOW_MS, NOW_S } from "../support/api-ledger.ts";
import { MemoryRedis } from "../support/memory-redis.ts";

const CONFIG = parseConfig({
  chain: "classic",
  upstream: [{ name: "main", url: "https://geth.mypool.com" }],
  unlocker: { enabled: true, poolFee: "1.0", accounts: [B] },
});
const hash = (digit: string) => `0x${digit.repeat(64)}`;

/** Blocks of the fixed ledger with credits of A: 104 is immature, 103 a matured uncle, 102 an orphan, 100 matured. */
async function ledger(): Promise<MemoryRedis> {
  const redis = new MemoryRedis();
  await redis.pipeline([
    ...FIXED_LEDGER,
    ["HSET", `eth:credits:immature:104:${hash("4")}`, A, "4000000000", B, "950000000"],
    ["HSET", `eth:credits:103:${hash("5")}`, A, "1000000000"],
    ["HSET", `eth:credits:100:${hash("7")}`, B, "1980000000"],
  ]);
  redis.log.length = 0;
  return redis;
}

const silent = async (): Promise<SessionFigures> => ({ charts: [], reported: [] });

function store(kept?: unknown) {
  return {
    kept,
    read: () => structuredClone(kept),
    write: (value: unknown) => void (kept = structuredClone(value)),
    get: () => kept,
  };
}

const nobody = async () => null;

function open(redis: MemoryRedis, session: () => Promise<SessionFigures> = silent) {
  const view = new AccountView(CONFIG, A, { redis, store: store(), session, payout: nobody });
  const read = async (route?: Parameters<AccountView["body"]>[1], nowMs = NOW_MS) =>
    (await view.body(nowMs, route))?.body ?? "";
  return { view, read, json: async (...args: Parameters<typeof read>) => JSON.parse(await read(...args)) };
}

describe("an account", () => {
  it("has the reference's members, open-etc-pool's charts, reported hashrates, rewards and an estimate", async () => {
    const { json } = open(await ledger(), async () => ({
      charts: [{ x: NOW_S - 600, hashrate: 5 }],
      reported: [
        { worker: "rig1", rate: 60 },
        { worker: "gone", rate: 40 },
      ],
    }));
    const account = await json();
    expect(account).toMatchObject({
      currentHashrate: 17_777_777,
      charts: [{ x: NOW_S - 600, hashrate: 5 }],
      reportedHashrate: 100,
      // Of some 2^53 in the round.
      roundShare: 123e9 / 2 ** 53,
      firstShare: NOW_S - 10_800,
      rewards: { "24h": 5_000_000_000, "7d": 5_000_000_000 },
      rewardsSince: 0,
      workers: { rig1: { hr: 4_444_444, reportedHashrate: 60 } },
    });
    expect(account.workers.rig2).not.toHaveProperty("reportedHashrate");
    // 17,777,777 H/s × 86,400 s of 3 × 10^15 hashes a block, 2.56 ETC in the fourth era, less 1 %.
    expect(account.estimatePerDay).toBe(
      Number((17_777_777n * 86_400n * 2_560_000_000n * 99n) / (3_000_000_000_000_000n * 100n)),
    );
  });

  it("says where its balance comes from, block by block, as JSON and as a table", async () => {
    const { json, read } = open(await ledger());
    expect(await json("rewards")).toEqual({
      rewards: { "24h": 5_000_000_000, "7d": 5_000_000_000 },
      rewardsSince: 0,
      blocks: [
        {
          height: 104,
          hash: hash("4"),
          timestamp: NOW_S - 400,
          uncle: false,
          immature: true,
          reward: "5000000000000000000",
          amount: 4_000_000_000,
        },
        {
          height: 103,
          hash: hash("5"),
          timestamp: NOW_S - 500,
          uncle: true,
          immature: false,
          reward: "1750000000000000000",
          amount: 1_000_000_000,
        },
      ],
      stats: expect.objectContaining({ balance: 1_500_000_000 }),
    });
    expect((await read("rewards.csv")).split("\r\n")).toEqual([
      "height,found,state,uncle,blockRewardWei,amountShannon,hash",
      `104,2023-11-14T22:06:40Z,immature,false,5000000000000000000,4000000000,${hash("4")}`,
      `103,2023-11-14T22:05:00Z,matured,true,1750000000000000000,1000000000,${hash("5")}`,
      "",
    ]);
    expect((await read("payments.csv")).split("\r\n")[1]).toBe(`2023-11-14T22:13:10Z,700000000,${hash("a")}`);
  });

  it("asks neither its sessions nor for its credits to list its payments", async () => {
    let asked = 0;
    const redis = await ledger();
    const { read } = open(redis, async () => ((asked += 1), await silent()));
    expect(await read("payments.csv")).toContain("700000000");
    expect(asked).toBe(0);
    expect(redis.log.flat().map(String)).not.toContain("eth:blocks:immature");
  });

  it("is shown although its sessions cannot be asked, with what was known of them", async () => {
    let away = true;
    const { json } = open(await ledger(), async () => {
      if (away) throw new Error("the object is of an older version");
      return { charts: [{ x: 600, hashrate: 1 }], reported: [] };
    });
    expect(await json()).toMatchObject({ charts: [], reportedHashrate: null });
    away = false;
    expect(await json("account", NOW_MS + 60_000)).toMatchObject({ charts: [{ x: 600 }] });
    away = true;
    expect(await json("account", NOW_MS + 120_000)).toMatchObject({ charts: [{ x: 600 }] });
  });

  it("calls no reward zero that it could not read", async () => {
    const redis = await ledger();
    const refusing = {
      command: (command: Parameters<MemoryRedis["command"]>[0]) => redis.command(command),
      pipeline: async (commands: Parameters<MemoryRedis["pipeline"]>[0]) => {
        if (commands[0]?.[0] === "ZCARD") throw new Error("away");
        return await redis.pipeline(commands);
      },
    };
    const view = new AccountView(CONFIG, A, { redis: refusing, store: store(), session: silent, payout: nobody });
    expect(JSON.parse((await view.body(NOW_MS))?.body ?? "")).toMatchObject({ rewards: null, estimatePerDay: null });
    await expect(view.body(NOW_MS, "rewards")).rejects.toThrow("could not be read");
  });

  it("promises nothing where the pool does not say what it keeps", async () => {
    const { unlocker: _, ...rest } = CONFIG;
    const view = new AccountView({ ...rest, unlocker: null }, A, {
      redis: await ledger(),
      store: store(),
      session: silent,
      payout: nobody,
    });
    expect(JSON.parse((await view.body(NOW_MS))?.body ?? "")).toMatchObject({ estimatePerDay: null });
  });
});

describe("the credits of a login", () => {
  it("are looked up once, over restarts too, and while no block moves a reading costs three commands", async () => {
    const redis = await ledger();
    const kept = store();
    const read = async (reader: RewardsReader) => {
      redis.log.length = 0;
      const { rewards } = await reader.read(redis, NOW_S);
      return [rewards["24h"], redis.log.length];
    };
    const first = new RewardsReader("eth", A, kept);
    // Three counts and states, two lists, three blocks that are no orphans.
    expect(await read(first)).toEqual([5_000_000_000, 8]);
    expect(await read(first)).toEqual([5_000_000_000, 3]);
    expect(await read(new RewardsReader("eth", A, store(kept.get())))).toEqual([5_000_000_000, 5]);
    await redis.pipeline([
      ["ZADD", "eth:blocks:matured", 107, `0:0:0x09:${hash("9")}:${NOW_S - 5}:1000:1500:2560000000000000000`],
      ["HSET", `eth:credits:107:${hash("9")}`, A, "7"],
    ]);
    expect(await read(first)).toEqual([5_000_000_007, 6]);
  });

  it("are looked up in parts where a pool has found many blocks, and say how far back they are known", async () => {
    const redis = new MemoryRedis();
    await redis.pipeline(
      Array.from({ length: 600 }, (_, i) => [
        "ZADD",
        "eth:blocks:matured",
        1000 + i,
        `0:0:0x${i}:0x${i.toString(16).padStart(64, "0")}:${NOW_S - 600 + i}:9:9:1000000000`,
      ]),
    );
    const reader = new RewardsReader("eth", A, store());
    expect((await reader.read(redis, NOW_S)).rewardsSince).toBe(NOW_S - 600 + 350);
    expect((await reader.read(redis, NOW_S)).rewardsSince).toBe(NOW_S - 600 + 100);
    expect((await reader.read(redis, NOW_S)).rewardsSince).toBe(NOW_S - 600 + 100);
  });

  it("begin anew where what was kept is none of this version's", async () => {
    for (const kept of [
      null,
      5,
      { v: 2, credits: [["m100", "9"]] },
      { v: 1, credits: "x" },
      { v: 1, credits: [[1, 2], ["a"]] },
    ]) {
      const { rewards } = await new RewardsReader("eth", A, store(kept)).read(await ledger(), NOW_S);
      expect(rewards["24h"]).toBe(5_000_000_000);
    }
  });
});
