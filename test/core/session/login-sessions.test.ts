import { describe, expect, it } from "vitest";
import { createLogger } from "../../../core/log.ts";
import { readRecord, storedRecord } from "../../../core/session/connection-record.ts";
import { settled } from "../../support/virtual-clock.ts";
import { CONFIG, FakePeer, GET_WORK, GRANTED, IP, job, LOGIN, LOGIN_LINE, SessionRig, submit } from "./session-rig.ts";

/** Ten times what a rig of 1 MH/s needs for a share of 2,000,000,000 hashes. */
const PATIENCE_MS = 20_000_000;

describe("deadlines", () => {
  it("close who has not logged in, and who is silent, each at its own time", async () => {
    const rig = new SessionRig();
    const startMs = rig.clock.nowMs();
    const miner = await rig.loggedIn();
    const mute = rig.connect();
    expect(await rig.sessions.sweep()).toBe(startMs + 10_000);
    await rig.clock.pass(10_000);
    expect(await rig.sessions.sweep()).toBe(startMs + PATIENCE_MS);
    expect([miner.closed, mute.closed]).toEqual([null, { code: 1008, reason: "No login" }]);
    await rig.clock.pass(PATIENCE_MS - 10_000);
    expect(await rig.sessions.sweep()).toBeNull();
    expect(miner.closed).toEqual({ code: 1008, reason: "Silent for too long" });
  });

  // Defect 17: there a silent peer stays as long as jobs are pushed.
  it("are not renewed by what the pool pushes", async () => {
    const rig = new SessionRig();
    const miner = await rig.loggedIn();
    await rig.clock.pass(PATIENCE_MS - 1);
    expect(await rig.sessions.push(rig.snapshot(2, [job("c")]))).toBe(1);
    expect(miner.read()).toHaveLength(1);
    await rig.clock.pass(1);
    await rig.sessions.sweep();
    expect(miner.closed).toEqual({ code: 1008, reason: "Silent for too long" });
  });
});

describe("hibernation", () => {
  it("keeps the login, the job, the begun line and the deadlines of a connection", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.frame(peer, GET_WORK.slice(0, 20));
    rig.hibernate();
    expect(await rig.say(peer, GET_WORK.slice(20), submit(40))).toEqual([
      expect.stringContaining(`"result":["${job("a").header}"`),
      GRANTED(40),
    ]);
    expect(rig.attempts.map(({ share }) => share.worker)).toEqual(["rig"]);
    rig.hibernate();
    await rig.clock.pass(120_000);
    await rig.sessions.sweep();
    expect(peer.closed).toEqual({ code: 1008, reason: "Silent for too long" });
  });

  it("does not push a job again that a connection had before, and does push the next", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    rig.hibernate();
    await rig.sessions.push(rig.snapshot(1, [job("a")]));
    expect(peer.read()).toEqual([]);
    await rig.sessions.push(rig.snapshot(2, [job("c")]));
    expect(peer.read()).toHaveLength(1);
  });

  it("keeps what was counted and is not in the history yet", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.say(peer, submit(1));
    rig.hibernate();
    expect(rig.sessions.history("1d").workers).toEqual([["rig", 1, 0, 0, 0, 2_000_000_000]]);
  });

  it("asks a miner to come back whose attachment cannot be read", async () => {
    const rig = new SessionRig();
    const [other, none] = [new FakePeer(), new FakePeer()];
    const peer = await rig.loggedIn();
    other.attachment = { ...Object(peer.attachment), version: 3 };
    rig.peers.push(other, none);
    rig.hibernate();
    expect(await rig.sessions.push(rig.snapshot(2, [job("c")]))).toBe(1);
    expect([other.closed, none.closed, peer.closed]).toEqual([
      { code: 1012, reason: "Session of another version" },
      { code: 1012, reason: "Session of another version" },
      null,
    ]);
  });

  it("stores no question that is still open, and reads back what it stored", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    const record = rig.sessions.connection(peer)?.record;
    if (!record) throw new Error("no connection");
    const waiting = { ...record, state: { ...record.state, waiting: { for: "class", id: "1" } as const } };
    expect(readRecord(structuredClone(storedRecord(waiting)))).toEqual({ ...record, partial: new Uint8Array(0) });
    expect(readRecord(waiting)).toBeNull();
  });
});

describe("counting", () => {
  it("credits a stale share to the worker that submits it, and the next share tells the verifier of all of them", async () => {
    const rig = new SessionRig();
    const [one, two] = [await rig.loggedIn(), await rig.loggedIn()];
    await rig.say(one, submit(0));
    await rig.say(one, submit(1, "7"), submit(2, "7", ',"worker":"shed"'));
    await rig.say(two, submit(3, "7"));
    await rig.sessions.getwork({ login: LOGIN, worker: "post", ip: IP, body: submit(4, "7") });
    await rig.clock.pass(25);
    await rig.say(two, submit(5), submit(6));
    await rig.clock.pass(25);
    expect(rig.attempts.map(({ share }) => share.staleBefore)).toEqual([0, 4, 0]);
    expect(rig.sessions.history("1d").workers).toEqual([
      ["rig", 3, 0, 0, 2, 6_000_000_000],
      ["shed", 0, 0, 0, 1, 0],
      ["post", 0, 0, 0, 1, 0],
    ]);
    expect(rig.conducts.every(({ invalid, malformed, ban }) => !invalid && !malformed && !ban)).toBe(true);
  });

  it("writes one row for all connections when ten minutes are over, and the rest of one that leaves", async () => {
    const rig = new SessionRig();
    const [one, two] = [await rig.loggedIn(), await rig.loggedIn()];
    await rig.say(one, submit(1));
    await rig.say(two, submit(2));
    await rig.clock.pass(600_000);
    await rig.say(one, submit(3));
    expect([one, two].map((peer) => rig.sessions.connection(peer)?.tally?.workers.length ?? 0)).toEqual([1, 0]);
    await rig.leave(one);
    await rig.leave(two);
    rig.hibernate();
    expect(rig.sessions.history("1d").workers).toEqual([["rig", 3, 0, 0, 0, 6_000_000_000]]);
  });

  it("does not count what has no verdict", async () => {
    const rig = new SessionRig();
    rig.verdict = async () => ({ kind: "unavailable", reason: "" });
    await rig.say(await rig.loggedIn(), submit(1));
    expect(rig.sessions.history("1d").workers).toEqual([]);
  });
});

describe("the names of workers", () => {
  it("are told to the operator where they were cleaned, once for each, however often the rig comes back and submits", async () => {
    const rig = new SessionRig();
    const told: string[] = [];
    const log = createLogger({ level: "info", sink: (line) => told.push(line), now: () => 0 });
    rig.sessions = rig.sessionsWith({ log });
    for (const suffix of [".rig7/me@example.org", ".rig7/me@example.org", ".rig 8", ".rig9", ""]) {
      const peer = rig.connect();
      await rig.say(peer, LOGIN_LINE.replace(".rig", suffix), submit(1));
    }
    await rig.say(rig.connect(), LOGIN_LINE.replace(".rig", ".rig9"), submit(1, "a", ',"worker":"rig 8"'));
    await rig.clock.pass(1_000);
    expect(told.map((line): unknown => JSON.parse(line))).toMatchObject([
      { login: LOGIN, written: "rig7/me@example.org", worker: "rig7" },
      { login: LOGIN, written: "rig 8", worker: "rig-8" },
    ]);
    expect(rig.attempts.map(({ share }) => share.worker)).toEqual(["rig7", "rig7", "rig-8", "rig9", "0", "rig-8"]);
  });
});

describe("clients and lists", () => {
  it("say goodbye to the guard with the last connection of a client, and tell what was not reported yet", async () => {
    const rig = new SessionRig();
    const peers = [await rig.loggedIn(), await rig.loggedIn(), await rig.loggedIn({ ip: "192.0.2.2" })];
    for (const peer of peers.slice(0, 2)) {
      await rig.say(peer, submit(1), submit(2), submit(3));
      await rig.clock.pass(100);
    }
    expect(rig.conducts).toEqual([{ valid: 1 }, { valid: 1 }]);
    for (const peer of peers) await rig.leave(peer);
    expect(rig.goodbyes).toEqual([
      [IP, 0, { valid: 4 }],
      ["192.0.2.2", 0, {}],
    ]);
  });

  it("tell a guard that was away afterwards what it has missed, also over hibernation, and do not ask it at each share meanwhile", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    rig.isGuardAway = true;
    for (const kind of ["accepted", "invalid", "accepted", "invalid", "accepted"] as const) {
      rig.verdict = async () => (kind === "invalid" ? { kind } : { kind, block: false });
      await rig.say(peer, submit(1));
      await rig.clock.pass(1_000);
    }
    expect(rig.conducts).toHaveLength(3);
    rig.hibernate();
    rig.isGuardAway = false;
    await rig.clock.pass(60_000);
    await rig.say(peer, submit(1));
    expect(rig.conducts.at(-1)).toEqual({ valid: 4, invalid: 2 });
    await rig.leave(peer);
    expect(rig.goodbyes).toEqual([[IP, 0, {}]]);
  });

  it("leave nothing behind, however many come and go beside one that stays", async () => {
    const rig = new SessionRig();
    await rig.loggedIn();
    let restored = 0;
    for (let n = 0; n < 20; n++) {
      const peer = await rig.loggedIn({ ip: "192.0.2.2" });
      peer.deserializeAttachment = () => {
        restored++;
        return structuredClone(peer.attachment);
      };
      await rig.leave(peer);
    }
    // One that is restored while it goes would stay for as long as the object lives, and count as a connection.
    expect(restored).toBe(0);
    expect(rig.goodbyes).toHaveLength(20);
  });

  it("say goodbye with every connection where connections are limited", async () => {
    const { policy } = CONFIG;
    const rig = new SessionRig({ ...CONFIG, policy: { ...policy, limits: { ...policy.limits, enabled: true } } });
    const peers = [rig.connect(), rig.connect()];
    for (const peer of peers) await rig.leave(peer);
    expect(rig.goodbyes).toEqual([
      [IP, 1, {}],
      [IP, 0, {}],
    ]);
  });

  it("closes who was let in just before the ban and arrives after it", async () => {
    const rig = new SessionRig();
    rig.sessions.disconnectIp(IP, "Banned");
    expect([rig.connect().closed, rig.connect({ ip: "192.0.2.2" }).closed]).toEqual([
      { code: 1008, reason: "Banned" },
      null,
    ]);
    expect(rig.forgotten).toEqual([IP]);
    await rig.clock.pass(10_000);
    expect(rig.connect().closed).toBeNull();
  });

  it("are disconnected by IP and no other is", async () => {
    const rig = new SessionRig();
    const [one, two, other] = [rig.connect(), await rig.loggedIn(), rig.connect({ ip: "192.0.2.2" })];
    expect(rig.sessions.disconnectIp(IP, "Banned")).toBe(2);
    expect(rig.sessions.disconnectIp(IP, "Banned")).toBe(0);
    expect([one.closed?.reason, two.closed?.reason, other.closed]).toEqual(["Banned", "Banned", null]);
  });

  it("refuse a blacklisted login, and go on refusing it while the lists cannot be read, after a hibernation too", async () => {
    const rig = new SessionRig();
    rig.lists.isBlacklisted = (login) => login === LOGIN;
    const refused = '{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-1,"message":"You are blacklisted"}}';
    expect(await rig.say(rig.connect(), LOGIN_LINE)).toEqual([refused]);
    rig.lists = { loaded: false, isBlacklisted: () => false, isSolo: () => false };
    rig.hibernate();
    expect(await rig.say(rig.connect(), LOGIN_LINE)).toEqual([refused]);
    rig.lists = { loaded: true, isBlacklisted: () => false, isSolo: () => false };
    expect((await rig.say(rig.connect(), LOGIN_LINE))[0]).toBe(GRANTED(1));
    await settled();
    expect(rig.kept.get("blacklisted")).toBe(false);
  });
});

describe("a share that was accepted and refuted since", () => {
  it("counts as invalid for its worker, and with the guard of its client, which may end its connections", async () => {
    const rig = new SessionRig();
    const [peer, neighbour] = [await rig.loggedIn(), await rig.loggedIn({ ip: "192.0.2.9" })];
    await rig.sessions.refuted("rig", IP, LOGIN);
    await rig.sessions.refuted("old", undefined, LOGIN);
    expect(rig.reports).toEqual([[IP, "invalidShare"]]);
    // By the name that the guard knows: what was earned under it stands for the address of all.
    expect(rig.reportedLogins).toEqual([LOGIN]);
    expect(peer.closed).toBeNull();
    rig.allows = () => false;
    await rig.sessions.refuted("rig", IP, LOGIN);
    expect(peer.closed).toEqual({ code: 1008, reason: "High rate of invalid shares" });
    expect(neighbour.closed).toBeNull();
    await rig.clock.pass(600_000);
    expect(rig.sessions.history("1d").workers).toEqual([
      ["rig", 0, 0, 2, 0, 0],
      ["old", 0, 0, 1, 0, 0],
    ]);
  });
});
