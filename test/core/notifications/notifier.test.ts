import { beforeEach, describe, expect, test } from "vitest";
import type { HealthReport } from "../../../core/health/judge.ts";
import { RedisUnreachableError, type RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { createLogger } from "../../../core/log.ts";
import type { HttpRequest } from "../../../core/notifications/http-forms.ts";
import type { Presences } from "../../../core/notifications/login-watch.ts";
import type { Message } from "../../../core/notifications/messages.ts";
import { notificationProblems } from "../../../core/notifications/notifications-health.ts";
import { Notifier } from "../../../core/notifications/notifier.ts";
import { parseConfig } from "../../../core/parse-config.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { embeddedLedger } from "../../support/embedded-ledger.ts";
import { seeded } from "../../support/rig-months.ts";
import { SHARD_HEALTH } from "../../support/shard-health.ts";

const LOGIN = `0x${"a1".repeat(20)}`;
const OTHER = `0x${"b2".repeat(20)}`;
const START_MS = 1_700_000_000_000;
const MIN_MS = 60_000;
const HASH = `0x${"cd".repeat(32)}`;

const NODE = { name: "main", healthy: true, height: 100, lastError: null, failingForMs: null, toDo: null, chainId: 61 };
const WELL: HealthReport = {
  healthy: true,
  version: "1",
  cron: { lastMs: null, sinceMs: START_MS },
  problems: [],
  notices: [],
  work: {
    height: 100,
    networkDifficulty: "1",
    ageMs: 100,
    subscribers: 2,
    polling: true,
    paused: false,
    upstreams: [NODE],
  },
  soloWork: null,
  ledger: { state: "ok", error: null },
  outbox: { depth: 0, bound: 100_000 },
  epochs: [1],
  shards: [SHARD_HEALTH],
  formerShards: [],
  unlocker: null,
  payer: null,
  notifications: null,
  place: { home: null, roundTripsMs: { template: 1, ledger: 1, shards: [1] }, parts: [] },
};

let nowMs: number;
let report: HealthReport;
let redis: RedisPort;
let away: boolean;
let sent: { to: string; messages: Message[] }[];
let broken: Set<string>;
let presences: Presences | null;
let asked: number;
let notifier: Notifier;
let sql: ReturnType<typeof nodeSql>;

const config = () =>
  parseConfig({
    chain: "classic",
    upstream: [{ name: "main", url: "https://node.example.org" }],
    NOTIFICATION_KEY: "a-key-of-sixteen-characters",
    MAIL_API_KEY: "mail",
    notifications: {
      targets: [
        { name: "ops", kind: "webhook", to: "https://ops.example.org/" },
        { name: "blocks", kind: "webhook", to: "https://blocks.example.org/", events: ["block_found"] },
      ],
      miners: true,
      email: { provider: "generic", from: "pool@example.org", url: "https://mail.example.org/" },
      templates: { block_found: "Hurrah for {height} at {pool}\nIt is ours." },
    },
  }).notifications;

function open(): Notifier {
  const settings = config();
  if (settings === null) throw new Error("no settings");
  const port: RedisPort = {
    command: async (command) =>
      away ? Promise.reject(new RedisUnreachableError("away", "no")) : redis.command(command),
    pipeline: async (commands) =>
      away ? Promise.reject(new RedisUnreachableError("away", "no")) : redis.pipeline(commands),
  };
  return new Notifier({
    sql,
    redis: port,
    coin: "eth",
    config: settings,
    unlockerIntervalMs: 600_000,
    health: async () => report,
    presences: async () => {
      asked += 1;
      return presences;
    },
    http: async ({ url, body }: HttpRequest) => {
      const parsed = JSON.parse(body) as { messages?: Message[]; text?: string; subject?: string };
      const mail = { subject: parsed.subject ?? "", text: parsed.text ?? "" } as Message;
      if (broken.has(url)) return { kind: "answered", status: 500, retryAfter: null, body: "" };
      sent.push({ to: url, messages: parsed.messages ?? [mail] });
      return { kind: "answered", status: 200, retryAfter: null, body: "" };
    },
    nowMs: () => nowMs,
    random: seeded(1),
    randomId: () => crypto.randomUUID(),
    log: createLogger({ level: "error", sink: () => undefined, now: () => 0 }),
  });
}

beforeEach(() => {
  nowMs = START_MS;
  report = WELL;
  redis = embeddedLedger({ nowMs: () => nowMs });
  away = false;
  sent = [];
  broken = new Set();
  presences = { paused: false, polling: false, connections: new Map() };
  asked = 0;
  sql = nodeSql();
  notifier = open();
});

/** The object is woken when it wants to be; a process rarely lives as long. */
async function pass(forMs: number, each: () => Promise<void> = async () => undefined): Promise<void> {
  const endMs = nowMs + forMs;
  while (nowMs < endMs) {
    await each();
    const due = await notifier.run();
    nowMs = Math.min(endMs, nowMs + due);
    notifier = open();
  }
}

const told = (to = "https://ops.example.org/") =>
  sent.filter((one) => one.to === to).flatMap(({ messages }) => messages.map(({ kind, phase }) => `${kind} ${phase}`));

const share = async (worker: string, ms: number, difficulty = 1_000, login = LOGIN) =>
  await redis.command(["ZADD", `eth:hashrate:${login}`, Math.floor(ms / 1000), `${difficulty}:${worker}:${ms}`]);

const subscribe = async (targets: string, login = LOGIN) =>
  await redis.pipeline([
    ["HSET", `eth:settings:${login}`, "notifications", targets],
    ["SADD", "eth:notified", login],
  ]);

describe("an operator", () => {
  const troubles: readonly (readonly [string, Partial<HealthReport>])[] = [
    [
      "node",
      {
        work: {
          ...WELL.work,
          upstreams: [{ ...NODE, healthy: false, lastError: "wrong chain" }, NODE],
        } as HealthReport["work"],
      },
    ],
    ["ledger", { ledger: { state: "sick", error: "no answer" } }],
    ["outbox", { outbox: { depth: 60_000, bound: 100_000 } }],
    ["cache", { shards: [{ ...SHARD_HEALTH, cacheError: "no memory" }] }],
    ["pool", { healthy: false, problems: ["miners wait and there is no work"] }],
    [
      "unlocker",
      {
        unlocker: {
          lastRunMs: START_MS,
          lastSuccessMs: START_MS - 3_700_000,
          oldestCandidate: null,
          waiting: [],
          owed: [],
          fallen: [],
          problems: [],
          windowElements: null,
          pausePayments: null,
        },
      },
    ],
    ["wallet", { payer: payerWith({ walletShort: "5" }) }],
    ["payment", { payer: payerWith({ asking: 1 }) }],
    ["payment", { payer: payerWith({ stages: { reverted: 1 } }) }],
    [
      "payment",
      {
        payer: payerWith({
          waiting: [
            { id: 1, login: LOGIN, amountShannon: "1", stage: "sent", reason: "gas", sinceMs: START_MS - 3_700_000 },
          ],
        }),
      },
    ],
  ];

  test.each(troubles)(
    "is told of %s once when it opens and once when it closes, though it flaps and the object dies",
    async (kind, trouble) => {
      await pass(2 * MIN_MS);
      report = { ...WELL, ...trouble };
      await pass(5 * MIN_MS);
      for (let i = 0; i < 10; i += 1) {
        report = i % 2 === 0 ? WELL : { ...WELL, ...trouble };
        await pass(2 * MIN_MS);
      }
      expect(told()).toEqual([`${kind} opened`]);
      report = WELL;
      await pass(10 * MIN_MS);
      expect(told()).toEqual([`${kind} opened`, `${kind} closed`]);
      const [opened, closed] = sent.flatMap(({ messages }) => messages);
      expect(opened?.incident).toBe(closed?.incident);
    },
  );

  test("is not woken by what passes by itself", async () => {
    report = { ...WELL, ledger: { state: "sick", error: "a deploy" } };
    await pass(30_000);
    report = WELL;
    await pass(10 * MIN_MS);
    expect(told()).toEqual([]);
  });

  test("is told of each block and orphan once, those of before left out, and by its own template", async () => {
    const candidate = (nonce: string) => `${nonce}:${HASH}:${HASH}:${Math.floor(nowMs / 1000)}:100:50`;
    await redis.command(["ZADD", "eth:blocks:candidates", 99, candidate("0x01")]);
    await pass(2 * MIN_MS);
    expect(told()).toEqual([]);
    const found = candidate("0x02");
    const ts = Math.floor(nowMs / 1000);
    await redis.command(["ZADD", "eth:blocks:candidates", 100, found]);
    await pass(3 * MIN_MS);
    expect(told()).toEqual(["block_found told"]);
    expect(sent[0]?.messages[0]).toMatchObject({ subject: "[main] Hurrah for 100 at main", text: "It is ours." });
    await redis.command(["ZREM", "eth:blocks:candidates", found]);
    await redis.command(["ZADD", "eth:blocks:matured", 100, `0:1:0x02:0x0:${ts}:100:50:0`]);
    await pass(3 * MIN_MS);
    expect(told()).toEqual(["block_found told", "block_orphan told"]);
    expect(told("https://blocks.example.org/")).toEqual(["block_found told"]);
  });

  test("is told the first three of many problems, and how many more there are", async () => {
    const waiting = Array.from({ length: 50 }, (_, id) => ({
      id,
      login: LOGIN,
      amountShannon: "1",
      stage: "sent",
      reason: "gas",
      sinceMs: START_MS - 3_700_000,
    }));
    await pass(2 * MIN_MS);
    report = { ...WELL, payer: payerWith({ waiting, waitingMore: 70 }) };
    await pass(3 * MIN_MS);
    expect(sent[0]?.messages[0]?.text).toMatch(/gas · and 48 more on \/health$/);
  });

  test("is told of blocks in the order in which they were found", async () => {
    await pass(2 * MIN_MS);
    const ts = Math.floor(nowMs / 1000);
    for (const n of [1, 2, 3])
      await redis.command(["ZADD", "eth:blocks:candidates", 100 + n, `0x0${n}:${HASH}:${HASH}:${ts + n}:100:50`]);
    await pass(3 * MIN_MS);
    expect(sent[0]?.messages.map(({ data }) => data["height"])).toEqual([101, 102, 103]);
  });

  test("finds on /health what waits and whom no message reaches, and is told of neither by a message about the pool", async () => {
    await pass(2 * MIN_MS);
    expect(notifier.health()).toEqual({
      waiting: 0,
      oldestMs: null,
      failing: [],
      minersFailing: 0,
      lookedMs: expect.any(Number),
    });
    broken.add("https://ops.example.org/");
    const sinceMs = nowMs;
    await notifier.test("ops");
    expect(notifier.health()).toMatchObject({ waiting: 1, oldestMs: sinceMs, failing: [{ name: "ops", sinceMs }] });
    await pass(18 * MIN_MS, async () => {
      report = { ...WELL, healthy: false, problems: notificationProblems(notifier.health(), nowMs) };
    });
    expect(report.problems).toEqual([
      expect.stringMatching(
        /^notifications: no message has reached ops for 1\d min.*: npm run admin -- notify says why$/,
      ),
    ]);
    expect(notifier.status().open).toEqual(["target:ops"]);
    expect(notificationProblems(notifier.health(), nowMs + 6 * MIN_MS)).toContainEqual(
      expect.stringMatching(
        /^notifications: the pool has not been looked at for \d min.*: nobody is told of anything$/,
      ),
    );
    expect(notificationProblems("it is gone", nowMs)).toEqual([
      "notifications: the notifier does not answer: it is gone",
    ]);
    broken.clear();
    await pass(20 * MIN_MS);
    expect(notifier.health()).toMatchObject({ waiting: 0, oldestMs: null, failing: [] });
  });

  test("hears a test at once, of one target or of all", async () => {
    expect(await notifier.test("ops")).toBe(1);
    expect(await notifier.test(null)).toBe(2);
    expect(await notifier.test("none")).toBe(0);
    expect(told()).toEqual(["test told", "test told"]);
  });
});

function payerWith(over: Partial<NonNullable<HealthReport["payer"]>>): HealthReport["payer"] {
  const none = {
    v: 1,
    account: OTHER,
    lastRunMs: START_MS,
    lastSuccessMs: START_MS + 86_400_000,
    paused: null,
    dryRun: false,
  } as const;
  return {
    ...none,
    stages: {},
    waiting: [],
    waitingMore: 0,
    forgotten: 0,
    asking: 0,
    walletWei: "1",
    walletShort: null,
    paidToday: "0",
    head: null,
    nonce: null,
    foreign: [],
    problems: [],
    ...over,
  };
}

const HOOK = "https://rigs.example.org/";
const mines = (workers: readonly string[], everyMs: number) => {
  const next = new Map(workers.map((worker, i) => [worker, nowMs + i * 100]));
  return async () => {
    for (const worker of workers)
      for (let ms = next.get(worker) ?? 0; ms <= nowMs; ms += everyMs) {
        await share(worker, ms);
        next.set(worker, ms + everyMs);
      }
  };
};

const pay = async (tx: string, ts: number, login = LOGIN) =>
  await redis.command(["ZADD", "eth:payments:all", ts, `${tx}:${login}:1234567890`]);

describe("a miner", () => {
  test("is told within five minutes that a rig is offline, and that it is back, and of nobody else's", async () => {
    await subscribe(`webhook ${HOOK} offline`);
    presences = {
      paused: false,
      polling: false,
      connections: new Map([
        ["a", 1_000],
        ["b", 1_000],
      ]),
    };
    const both = mines(["a", "b"], 10_000);
    await pass(20 * MIN_MS, both);
    expect(told(HOOK)).toEqual([]);
    presences = { paused: false, polling: false, connections: new Map([["a", 1_000]]) };
    const lastMs = nowMs;
    const only = mines(["a"], 10_000);
    await pass(6 * MIN_MS, only);
    expect(told(HOOK)).toEqual(["rig_offline opened"]);
    const [message] = sent.flatMap(({ messages }) => messages);
    expect(message).toMatchObject({ subject: "[main] Offline: b", data: { login: LOGIN, count: 1 } });
    expect((message?.atMs ?? 0) - lastMs).toBeLessThanOrEqual(300_000);
    await pass(60 * MIN_MS, only);
    await share("b", nowMs);
    await pass(6 * MIN_MS, only);
    expect(told(HOOK)).toEqual(["rig_offline opened", "rig_offline closed"]);
    expect(new Set(sent.flatMap(({ messages }) => messages.map(({ incident }) => incident))).size).toBe(1);
    expect(told()).toEqual([]);
  });

  test("of many rigs that fall silent at once hears one message", async () => {
    await subscribe(`webhook ${HOOK} offline`);
    const names = Array.from({ length: 100 }, (_, i) => `rig${i}`);
    await pass(15 * MIN_MS, mines(names, 20_000));
    await pass(10 * MIN_MS);
    expect(told(HOOK).length).toBeLessThanOrEqual(3);
    const counts = sent.flatMap(({ messages }) => messages.map(({ data }) => Number(data["count"])));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(100);
  });

  test.each<[string, () => void, () => void]>([
    ["the ledger is away", () => (away = true), () => (away = false)],
    ["the ledger is sick", () => (report = { ...WELL, ledger: { state: "sick", error: "x" } }), () => (report = WELL)],
    [
      "shares wait in the outbox",
      () => (report = { ...WELL, outbox: { depth: 9, bound: 100 } }),
      () => (report = WELL),
    ],
    ["a verifier does not answer", () => (report = { ...WELL, shards: [null] }), () => (report = WELL)],
    [
      "no node is well",
      () =>
        (report = {
          ...WELL,
          work: { ...WELL.work, upstreams: [{ ...NODE, healthy: false, lastError: "away" }] } as HealthReport["work"],
        }),
      () => (report = WELL),
    ],
    [
      "the pool is paused",
      () => (report = { ...WELL, work: { ...WELL.work, paused: true } as HealthReport["work"] }),
      () => (report = WELL),
    ],
    [
      "its login is paused",
      () => (presences = { paused: true, polling: false, connections: new Map() }),
      () => undefined,
    ],
  ])("is not told that rigs are offline while %s, nor just after", async (_, begin, end) => {
    await subscribe(`webhook ${HOOK} offline`);
    await pass(15 * MIN_MS, mines(["a"], 10_000));
    begin();
    await pass(40 * MIN_MS);
    end();
    await pass(3 * MIN_MS);
    await pass(15 * MIN_MS, mines(["a"], 10_000));
    expect(told(HOOK)).toEqual([]);
  });

  test("is not told that rigs are offline while no share of several logins comes through the pool", async () => {
    await subscribe(`webhook ${HOOK} offline`);
    let recorded = 0;
    const mine = mines(["a"], 10_000);
    await pass(30 * MIN_MS, async () => {
      await mine();
      recorded += Math.round((nowMs - START_MS) / 1000) - recorded;
      report = { ...WELL, shards: [{ ...SHARD_HEALTH, recordedShares: recorded }] };
    });
    await pass(30 * MIN_MS);
    expect(told(HOOK)).toEqual([]);
    expect(told()).toEqual(["silence opened"]);
  });

  test("is told that its hashrate has fallen and is up again, where half an hour has shares enough to say so", async () => {
    await subscribe(`webhook ${HOOK} hashrate`);
    presences = { paused: false, polling: false, connections: new Map([["a", 1_000]]) };
    const hours = 60 * MIN_MS;
    await pass(3 * hours, mines(["a"], 10_000));
    expect(told(HOOK)).toEqual([]);
    await pass(hours, mines(["a"], 25_000));
    expect(told(HOOK)).toEqual(["hashrate_fallen opened"]);
    await pass(2 * hours, mines(["a"], 10_000));
    expect(told(HOOK)).toEqual(["hashrate_fallen opened", "hashrate_fallen closed"]);
  });

  test("is told of each of its payments once, also of one that is written late, and of none of before", async () => {
    await subscribe(`webhook ${HOOK} payments`);
    await pay("0x01", Math.floor(nowMs / 1000) - 100);
    await pass(3 * MIN_MS);
    await pay("0x02", Math.floor(nowMs / 1000));
    await pay("0x03", Math.floor(nowMs / 1000), OTHER);
    await pass(3 * MIN_MS);
    await pay("0x04", Math.floor(nowMs / 1000) - 1_800);
    await pass(120 * MIN_MS);
    expect(sent.flatMap(({ messages }) => messages.map(({ data }) => [data["tx"], data["amount"]]))).toEqual([
      ["0x02", "1.234567890 coins"],
      ["0x04", "1.234567890 coins"],
    ]);
  });

  test("that names a mail address gets no message there before somebody has said yes to one question", async () => {
    const MAIL = "https://mail.example.org/";
    await subscribe("email rigs@example.org payments");
    await pass(MIN_MS);
    for (let i = 0; i < 5; i += 1) await notifier.signed(LOGIN, "pool.example.org", true);
    await redis.command(["ZADD", "eth:payments:all", Math.floor(nowMs / 1000), `0x05:${LOGIN}:1`]);
    await pass(3 * MIN_MS);
    const mails = () => sent.filter(({ to }) => to === MAIL).flatMap(({ messages }) => messages);
    expect(mails()).toHaveLength(1);
    const code = /\/mail\/([0-9a-f]{64}) /.exec(mails()[0]?.text ?? "")?.[1] ?? "";
    expect(notifier.confirm(LOGIN, "0".repeat(64))).toBe(false);
    expect(notifier.confirm(OTHER, code)).toBe(false);
    expect(notifier.confirm(LOGIN, code)).toBe(true);
    await notifier.signed(LOGIN, "pool.example.org", true);
    await pass(MIN_MS);
    expect(mails()).toHaveLength(2);
  });

  test("of whom the ledger refuses to tell is told nothing wrong, and what waits for it stays", async () => {
    await subscribe(`webhook ${HOOK} offline+payments`);
    await pass(20 * MIN_MS, mines(["a"], 10_000));
    broken.add(HOOK);
    await notifier.signed(LOGIN, "pool.example.org", true);
    await pass(MIN_MS, mines(["a"], 10_000));
    expect(notifier.health()).toMatchObject({ waiting: 1, minersFailing: 1, failing: [] });
    // Keys of another kind, as a wrong command leaves them.
    for (const key of [`eth:settings:${LOGIN}`, `eth:hashrate:${LOGIN}`]) {
      await redis.command(["RENAME", key, `${key}:kept`]);
      await redis.command(["SET", key, "x"]);
    }
    await pay("0x09", Math.floor(nowMs / 1000));
    await pass(20 * MIN_MS);
    await notifier.signed(LOGIN, "pool.example.org", true);
    broken.clear();
    await pass(20 * MIN_MS);
    expect(told(HOOK)).toEqual(["test told"]);
    await redis.command(["DEL", `eth:settings:${LOGIN}`]);
    await redis.command(["RENAME", `eth:settings:${LOGIN}:kept`, `eth:settings:${LOGIN}`]);
    await pass(10 * MIN_MS);
    // Its hashrate still cannot be read: no rig of it is offline for that.
    expect(told(HOOK)).toEqual(["test told", "payment_sent told"]);
  });

  test("of whom nobody asked is not judged: no row, and its session is not asked", async () => {
    await pass(30 * MIN_MS, mines(["a"], 10_000));
    expect([notifier.status().watched, asked]).toEqual([0, 0]);
    await subscribe(`webhook ${HOOK} payments`);
    await pass(30 * MIN_MS, mines(["a"], 10_000));
    expect([notifier.status().watched, asked]).toEqual([1, 0]);
  });
});
