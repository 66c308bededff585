import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { guardNameOf } from "../../core/policy/client-guards.ts";
import type { ShareVerdict } from "../../core/shares/share.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { EmbeddedRedis } from "../../durable-objects/embedded-redis.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { LoginSessions } from "../../core/session/login-sessions.ts";
import { IN_FLIGHT } from "../../core/session/share-gate.ts";
import { StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, nodeHas, pushNodeWork, SEED, useStratumPool, workOf, world } from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

useStratumPool();

const PATH = `/stratum/${LOGIN}`;
const LOGIN_LINE = `{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["${LOGIN}"]}`;
const GET_WORK = '{"id":5,"method":"eth_getWork","params":[]}';
const WORK = (variant: number) => `{"id":5,"jsonrpc":"2.0","result":${workOf(variant)}}`;
const MIX = `0x${"e".repeat(64)}`;
const submit = (id: number, more = "") =>
  `{"id":${id},"method":"eth_submitWork","params":["0x0123456789abcdef","${headerOf(1)}","${MIX}"]${more}}`;

const redis = () => ledgerClient(env, loadConfig(env));
const session = () => env.MINER_SESSION.getByName(LOGIN);

async function loggedIn(path = PATH, ip = "192.0.2.1"): Promise<StratumClient> {
  const miner = await StratumClient.connect(path, ip);
  await miner.ask(LOGIN_LINE, 2);
  return miner;
}

/** Moves the clock that the objects read; alarms are run by hand. */
function clockGoesOn(ms: number): void {
  const nowMs = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: nowMs + ms });
}

/** Its guard has closed everything that the ban of the default IP ends, and closes nothing that comes later. */
async function enforced(ip = "192.0.2.1"): Promise<void> {
  await eventually(async () =>
    expect((await env.IP_GUARD.getByName(guardNameOf(ip)).overview(ip)).client.standing.ban?.enforced).toBe(true),
  );
}

async function ringAlarm(): Promise<void> {
  expect(await runDurableObjectAlarm(session())).toBe(true);
}

async function alarmOf(): Promise<number | null> {
  return await runInDurableObject(session(), async (_object, state) => await state.storage.getAlarm());
}

/** The template's push of a job. @returns how many want the next */
async function push(variant: number): Promise<number> {
  const terms = { networkDifficulty: 1n << 50n, poolDifficulty: 1n << 33n, classTable: 1 } as const;
  const job = { header: headerOf(variant), seed: SEED, height: 99 + variant, ...terms };
  return await session().pushWork({ sequence: variant, current: job, jobs: [job], confirmedAtMs: Date.now() });
}

/** Ten times what a rig of 1 MH/s needs for a share of 2^33 hashes. */
const PATIENCE_MS = (10 * 2 ** 33) / 1_000;

describe("hibernation and eviction", () => {
  it("keeps the login, the job and the begun line of a connection", async () => {
    const miner = await loggedIn();
    miner.send(GET_WORK.slice(0, 20));
    await eventually(async () => {
      const partial = await runInDurableObject(session(), (_object, state) => {
        const stored: unknown = state.getWebSockets()[0]?.deserializeAttachment();
        return typeof stored === "object" && stored !== null && "partial" in stored ? stored.partial : null;
      });
      expect(partial).toEqual(new TextEncoder().encode(GET_WORK.slice(0, 20)));
    });
    await evictDurableObject(session());
    miner.send(`${GET_WORK.slice(20)}\n${submit(40)}\n`);
    expect(await miner.read(2)).toEqual([WORK(1), '{"id":40,"jsonrpc":"2.0","result":true}']);
  });

  it("pushes a new job to connections of before", async () => {
    const miner = await loggedIn();
    await evictDurableObject(session());
    nodeHas(2, 101);
    await pushNodeWork();
    expect(await miner.read(1)).toEqual([`{"id":0,"jsonrpc":"2.0","result":${workOf(2)}}`]);
  });

  it("does not push a job that a connection of before has already", async () => {
    const miner = await loggedIn();
    await evictDurableObject(session());
    expect(await miner.ask(GET_WORK)).toEqual([WORK(1)]);
    expect(miner.waiting).toEqual([]);
  });

  it("keeps the deadlines", async () => {
    const miner = await loggedIn();
    await evictDurableObject(session());
    clockGoesOn(PATIENCE_MS + 1_000);
    await ringAlarm();
    expect(await miner.closed()).toEqual({ code: 1008, reason: "Silent for too long" });
  });

  it("asks a miner whose attachment is of another version to come back", async () => {
    const miner = await loggedIn();
    await runInDurableObject(session(), (_object, state) => {
      for (const ws of state.getWebSockets()) ws.serializeAttachment({ version: 3 });
    });
    await evictDurableObject(session());
    miner.send(`${GET_WORK}\n`);
    expect(await miner.closed()).toEqual({ code: 1012, reason: "Session of another version" });
  });

  it("fits the largest attachment into 16 KB", async () => {
    const miner = await loggedIn();
    miner.send("x".repeat(1024));
    await runInDurableObject(session(), (_object, state) => {
      const [ws] = state.getWebSockets();
      const stored: unknown = ws?.deserializeAttachment();
      if (!ws || typeof stored !== "object" || stored === null || !("state" in stored))
        throw new Error("no attachment");
      const before = Array.from({ length: 16 }, (_, at) => ({ difficulty: 10n ** 15n, endedBy: headerOf(at) }));
      ws.serializeAttachment({
        ...stored,
        partial: new Uint8Array(1025),
        tally: { periodS: 1, workers: Array.from({ length: 33 }, () => ["w".repeat(32), ...Array(5).fill(2 ** 53)]) },
        reported: Array.from({ length: 16 }, () => ["w".repeat(32), 1e18, Date.now()]),
        state: { ...Object(stored.state), track: { current: 1n, before } },
      });
    });
  });
});

describe("a reported hashrate", () => {
  it("stands beside the measured one in the account, over the loss of the session's object", async () => {
    const miner = await loggedIn();
    await miner.ask(submit(1, ',"worker":"rig7"'));
    await miner.ask('{"id":9,"method":"eth_submitHashrate","params":["0x3938700","0x1"],"worker":"rig7"}');
    await evictDurableObject(session());
    await redis().command(["ZADD", `eth:hashrate:${LOGIN}`, Math.floor(Date.now() / 1000), "6000000000:rig7:1"]);
    const response = await exports.default.fetch(`https://pool.example/api/accounts/${LOGIN}`);
    expect(await response.json()).toMatchObject({
      reportedHashrate: 60_000_000,
      workers: { rig7: { hr: 10_000_000, reportedHashrate: 60_000_000 } },
      charts: [{ hashrate: expect.any(Number) }],
    });
  });
});

describe("deadlines", () => {
  it("close a peer that has not logged in after 10 seconds", async () => {
    const miner = await StratumClient.connect(PATH);
    clockGoesOn(10_001);
    await ringAlarm();
    expect(await miner.closed()).toEqual({ code: 1008, reason: "No login" });
  });

  it("do not close one that has, and cost no further alarm while pushes come", async () => {
    const miner = await loggedIn();
    await push(2);
    expect(await miner.read(1)).toHaveLength(1);
    clockGoesOn(10_001);
    await ringAlarm();
    expect(await miner.ask(GET_WORK)).toEqual([WORK(2)]);
    expect(await alarmOf()).toBeNull();
    // Nor does whoever comes next.
    await loggedIn();
    expect(await alarmOf()).toBeNull();
  });

  it("are set again where no push has come for a minute, and for whoever comes then", async () => {
    await loggedIn();
    await push(2);
    clockGoesOn(61_000);
    await ringAlarm();
    expect(await alarmOf()).not.toBeNull();
  });

  it("are looked after by a push, without an alarm", async () => {
    const miner = await loggedIn();
    const silent = await StratumClient.connect(PATH);
    clockGoesOn(10_001);
    await push(2);
    expect(await silent.closed()).toEqual({ code: 1008, reason: "No login" });
    clockGoesOn(PATIENCE_MS);
    await push(3);
    await miner.read(2);
    expect(await miner.closed()).toEqual({ code: 1008, reason: "Silent for too long" });
  });

  it("close a peer whose silence no share rate explains, though jobs were pushed to it, and not one that may be slow", async () => {
    const miner = await loggedIn();
    clockGoesOn(PATIENCE_MS - 1_000);
    await ringAlarm();
    expect(await push(2)).toBe(1);
    expect(await miner.read(1)).toEqual([`{"id":0,"jsonrpc":"2.0","result":${workOf(2)}}`]);
    clockGoesOn(2_000);
    await push(3);
    await miner.read(1);
    expect(await miner.closed()).toEqual({ code: 1008, reason: "Silent for too long" });
  });

  it("are renewed by whatever the peer sends, be it an empty line", async () => {
    const miner = await loggedIn();
    clockGoesOn(PATIENCE_MS - 1_000);
    expect(await miner.ask(`\n${GET_WORK}`)).toHaveLength(1);
    clockGoesOn(PATIENCE_MS - 1_000);
    await ringAlarm();
    expect(await miner.ask(GET_WORK)).toHaveLength(1);
  });

  it("stop when nobody is connected", async () => {
    const miner = await loggedIn();
    miner.close();
    await miner.closed();
    await ringAlarm();
    expect(await alarmOf()).toBeNull();
  });
});

describe("the way to the verifier", () => {
  it("retries a lost call with the same identity, so that a share that was recorded is not called a duplicate", async () => {
    const recorded = new Set<string>();
    world.verdict = async ({ retry, timestampMs, login, worker }): Promise<ShareVerdict> => {
      const identity = `${login}:${worker}:${timestampMs}`;
      if (!retry) {
        recorded.add(identity);
        throw new Error("Network connection lost.");
      }
      return recorded.has(identity) ? { kind: "accepted", block: false } : { kind: "duplicate" };
    };
    const miner = await loggedIn();
    expect(await miner.ask(submit(40))).toEqual(['{"id":40,"jsonrpc":"2.0","result":true}']);
    expect(world.shares.map(({ retry }) => retry)).toEqual([false, true]);
  });

  it("says Work not ready when the verifier does not answer at all", async () => {
    world.verdict = async () => {
      throw new Error("Network connection lost.");
    };
    const miner = await loggedIn();
    expect(await miner.ask(submit(40))).toEqual([
      '{"id":40,"jsonrpc":"2.0","result":null,"error":{"code":0,"message":"Work not ready"}}',
    ]);
    expect(world.shares).toHaveLength(4);
  });

  it("gives every share of a worker its own millisecond, over all connections of the login", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const [one, two] = [await loggedIn(), await loggedIn()];
    one.send(Array.from({ length: 20 }, (_, id) => `${submit(id)}\n`).join(""));
    two.send(Array.from({ length: 20 }, (_, id) => `${submit(id)}\n`).join(""));
    await Promise.all([one.read(20), two.read(20)]);
    expect(new Set(world.shares.map(({ timestampMs }) => timestampMs)).size).toBe(40);
  });
});

describe("a peer that misbehaves", () => {
  it("has six hundred submits at once judged, however slowly, and none refused", async () => {
    let [inFlight, most] = [0, 0];
    world.verdict = async () => {
      most = Math.max(most, ++inFlight);
      await scheduler.wait(1);
      inFlight--;
      return { kind: "accepted", block: false };
    };
    const miner = await loggedIn();
    miner.send(Array.from({ length: 600 }, (_, id) => `${submit(id)}\n`).join(""));
    const answers = await miner.read(600);
    expect(answers.filter((answer) => !answer.includes('"result":true'))).toEqual([]);
    expect(new Set(answers).size).toBe(600);
    expect(most).toBeLessThanOrEqual(IN_FLIGHT.proven);
  });

  it("is closed for a frame of newlines, and for many of them one after the other, while another login is answered", async () => {
    const [one, two] = [await loggedIn(), await loggedIn()];
    const other = await StratumClient.connect(`/stratum/0x${"1".repeat(40)}`, "192.0.2.2");
    one.send("\n".repeat(1024 * 1024));
    for (let frame = 0; frame < 2_000; frame++) two.send("\n".repeat(2_000));
    expect(await other.ask(GET_WORK, 1)).toHaveLength(1);
    expect(await one.closed()).toEqual({ code: 1008, reason: "Frame too large" });
    expect(await other.ask(GET_WORK, 1)).toHaveLength(1);
    two.close();
  });

  it("cannot pass itself off as another IP or session by headers", async () => {
    const forged = JSON.stringify({ owner: `0x${"1".repeat(40)}`, ip: "198.51.100.1", worker: "x", begun: null });
    const headers = { "X-Forwarded-For": "198.51.100.1", "edgepool-session": forged };
    const miner = await StratumClient.connect(PATH, "192.0.2.1", headers);
    expect(await miner.ask(LOGIN_LINE, 2)).toHaveLength(2);
    expect(await session().disconnectIp("198.51.100.1", "")).toBe(0);
    expect(await session().disconnectIp("192.0.2.1", "")).toBe(1);
  });

  it("is asked to come back when the pool fails inside", async () => {
    const miner = await StratumClient.connect(PATH);
    vi.spyOn(LoginSessions.prototype, "authenticate").mockRejectedValue(new Error("out of order"));
    miner.send(`${LOGIN_LINE}\n`);
    expect(await miner.closed()).toEqual({ code: 1012, reason: "Please reconnect" });
  });
});

describe("a login in band", () => {
  it("closes who does not log in", async () => {
    const miner = await StratumClient.connect("/stratum", "192.0.2.1", {}, { stratum: { loginTimeout: "1s" } });
    expect(await miner.closed()).toEqual({ code: 1008, reason: "No login" });
  });

  it("asks a miner to come back when the object of its login does not take it", async () => {
    vi.spyOn(MinerSession.prototype, "fetch").mockRejectedValue(new Error("overloaded"));
    const miner = await StratumClient.connect("/stratum");
    miner.send(`${LOGIN_LINE}\n`);
    expect(await miner.closed()).toEqual({ code: 1012, reason: "Please reconnect" });
  });

  it("closes the miner when the object of its login dies", async () => {
    const miner = await loggedIn("/stratum");
    await abortAllDurableObjects();
    expect(await miner.closed()).toEqual({ code: 1012, reason: "Session moved" });
  });
});

describe("lists and live sessions", () => {
  it("refuse a login that the operator blacklists, and go on refusing it while the ledger cannot be read", async () => {
    await redis().command(["SADD", "eth:blacklist", LOGIN]);
    // The list is cached for the whole isolate and is due again after its refresh interval.
    clockGoesOn(24 * 3_600_000);
    const refused = '{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-1,"message":"You are blacklisted"}}';
    const miner = await StratumClient.connect(PATH);
    expect(await miner.ask(LOGIN_LINE)).toEqual([refused]);
    expect(await miner.closed()).toEqual({ code: 1008, reason: "You are blacklisted" });
    await enforced();
    const sick = vi.spyOn(EmbeddedRedis.prototype, "rest").mockRejectedValue(new Error("sick"));
    clockGoesOn(24 * 3_600_000);
    const again = await StratumClient.connect(PATH);
    expect(await again.ask(LOGIN_LINE)).toEqual([refused]);
    await enforced();
    sick.mockRestore();
    await redis().command(["DEL", "eth:blacklist"]);
    clockGoesOn(24 * 3_600_000);
    const welcome = await StratumClient.connect(PATH);
    expect(await welcome.ask(LOGIN_LINE)).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
  });

  it("closes every connection of an IP and no other", async () => {
    const [one, two, other] = [
      await loggedIn(PATH, "192.0.2.1"),
      await loggedIn("/stratum", "192.0.2.1"),
      await loggedIn(PATH, "192.0.2.2"),
    ];
    expect(await session().disconnectIp("192.0.2.1", "Banned")).toBe(2);
    expect([await one.closed(), await two.closed()]).toEqual([
      { code: 1008, reason: "Banned" },
      { code: 1008, reason: "Banned" },
    ]);
    expect(await other.ask(GET_WORK)).toEqual([WORK(1)]);
  });
});

const submitAs = (worker: string, n: number) => {
  const nonce = `0x${n.toString(16).padStart(16, "0")}`;
  return `{"id":${n},"method":"eth_submitWork","params":["${nonce}","${headerOf(1)}","${MIX}"],"worker":"${worker}"}\n`;
};

it("counts more worker names than stratum.maxWorkers as 0, and those that have a share as themselves", async () => {
  const client = await StratumClient.connect(PATH);
  await client.ask(LOGIN_LINE, 2);
  for (let first = 1; first <= 2_048; first += 64) {
    client.send(Array.from({ length: 64 }, (_, at) => submitAs(`rig-${first + at}`, first + at)).join(""));
    await client.read(64);
  }
  world.shares = [];
  client.send(submitAs("one-more", 3_000) + submitAs("rig-5", 3_001));
  await client.read(2);
  expect(world.shares.map(({ worker }) => worker)).toEqual(["0", "rig-5"]);
});
