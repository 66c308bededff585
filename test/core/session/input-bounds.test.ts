import { describe, expect, it } from "vitest";
import { INPUT_BOUNDS } from "../../../core/session/input-bounds.ts";
import { IN_FLIGHT } from "../../../core/session/share-gate.ts";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import { settled } from "../../support/virtual-clock.ts";
import { type FakePeer, GET_WORK, GRANTED, IP, LOGIN, LOGIN_LINE, SessionRig, submit } from "./session-rig.ts";

const STRANGER = "198.51.100.7";
const newlines = (count: number) => "\n".repeat(count);

/** Verdicts that come when the test says so, in order. */
function held(rig: SessionRig): (verdict?: ShareVerdict) => Promise<void> {
  const waiting: ((verdict: ShareVerdict) => void)[] = [];
  rig.verdict = () => new Promise((resolve) => waiting.push(resolve));
  return async (verdict = { kind: "accepted", block: false }) => {
    waiting.shift()?.(verdict);
    await settled();
  };
}

/** Sends lines without waiting until they are handled. */
const send = async (rig: SessionRig, peer: FakePeer, lines: readonly string[]) => {
  const done = rig.frame(peer, lines.map((line) => `${line}\n`).join(""));
  await rig.clock.pass(100);
  return done;
};

describe("a peer that says too much", () => {
  it.each([
    ["a frame of eight million newlines", newlines(8 * 1024 * 1024), "Frame too large"],
    ["a frame of many newlines", newlines(INPUT_BOUNDS.frameLines + 1), "Too many lines in a frame"],
  ])("is reported and closed before anything of it is read: %s", async (_what, frame, reason) => {
    const rig = new SessionRig();
    const [peer, other] = [await rig.loggedIn(), await rig.loggedIn()];
    await rig.frame(peer, `${GET_WORK}\n${frame}`);
    expect(peer.closed).toEqual({ code: 1008, reason });
    expect(peer.read()).toEqual([]);
    expect(rig.reports).toEqual([[IP, "ban"]]);
    expect(await rig.say(other, GET_WORK)).toHaveLength(1);
  });

  it("lets others have their turn between its lines", async () => {
    const rig = new SessionRig();
    const [peer, other] = [await rig.loggedIn(), await rig.loggedIn()];
    const asked = Array.from({ length: 1_000 }, () => GET_WORK);
    void rig.frame(peer, `${asked.join("\n")}\n`);
    await settled();
    expect(peer.read().length).toBeLessThan(64);
    expect(await rig.say(other, GET_WORK)).toHaveLength(1);
    await rig.clock.pass(100);
    expect(peer.read().length).toBeGreaterThan(900);
  });

  it("is slowed down to what a second allows, and closed when it goes on all the same", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    const keepAlives = newlines(INPUT_BOUNDS.frameLines);
    // The burst is used up by an eighth of the frame; of what follows, 32 keep-alives are taken a second.
    void rig.frame(peer, keepAlives);
    void rig.frame(peer, `${GET_WORK}\n`);
    await rig.clock.pass(50_000);
    expect(peer.read()).toEqual([]);
    await rig.clock.pass(10_000);
    expect(peer.read()).toHaveLength(1);
    for (let frame = 0; frame < 1_000 && peer.closed === null; frame++) void rig.frame(peer, keepAlives);
    await settled();
    expect(peer.closed).toEqual({ code: 1008, reason: "Too much at once" });
    expect(rig.reports).toEqual([[IP, "malformed"]]);
  });

  it("has some lines before its login, and no more", async () => {
    const rig = new SessionRig();
    const [one, two] = [rig.connect(), rig.connect()];
    const early = Array.from({ length: INPUT_BOUNDS.linesBeforeLogin - 1 }, () => GET_WORK);
    await send(rig, one, [...early, LOGIN_LINE, ...early]);
    expect(one.closed).toBeNull();
    await send(rig, two, [...early, GET_WORK, LOGIN_LINE]);
    expect(two.closed).toEqual({ code: 1008, reason: "Too many lines before the login" });
    expect(rig.reports).toEqual([[IP, "malformed"]]);
  });

  it("costs no more than the sockets it holds: of those without a login the oldest makes way for the newest", async () => {
    const rig = new SessionRig();
    const miner = await rig.loggedIn();
    const idlers = Array.from({ length: 1_030 }, () => rig.connect({ ip: STRANGER }));
    expect(idlers.filter(({ closed }) => closed !== null)).toEqual(idlers.slice(0, 6));
    const late = await rig.loggedIn();
    expect([miner.closed, late.closed]).toEqual([null, null]);
  });
});

describe("many shares at once", () => {
  it("are all judged, six hundred on one connection, and none is refused", async () => {
    const rig = new SessionRig();
    const judge = held(rig);
    const peer = await rig.loggedIn();
    const said = send(
      rig,
      peer,
      Array.from({ length: 600 }, (_, id) => submit(id)),
    );
    // Shares that come close together go to the verifier together, and are answered together.
    const answers = new Set<string>();
    while (answers.size < 600) {
      await judge();
      await rig.clock.pass(1);
      for (const answer of peer.read()) answers.add(answer);
    }
    await said;
    expect(answers).toEqual(new Set(Array.from({ length: 600 }, (_, id) => GRANTED(id))));
  });

  it("of one client are few until one was valid, however many connections it has, and keep nobody else waiting", async () => {
    const rig = new SessionRig();
    const judge = held(rig);
    const strangers = await Promise.all(Array.from({ length: 13 }, () => rig.loggedIn({ ip: STRANGER })));
    for (const peer of strangers)
      void send(
        rig,
        peer,
        Array.from({ length: 29 }, (_, id) => submit(id)),
      );
    await rig.clock.pass(100);
    expect(rig.attempts).toHaveLength(IN_FLIGHT.unproven);
    for (let share = 0; share < IN_FLIGHT.unproven; share++) await judge({ kind: "invalid" });
    await rig.clock.pass(400);
    // Junk keeps its place for half a second; what follows then goes to the verifier together.
    expect(rig.attempts).toHaveLength(IN_FLIGHT.unproven);
    await rig.clock.pass(150);
    expect(rig.attempts).toHaveLength(2 * IN_FLIGHT.unproven);
    const miner = await rig.loggedIn();
    await rig.say(miner, submit(700));
    expect(rig.attempts).toHaveLength(2 * IN_FLIGHT.unproven + 1);
    await judge();
    await rig.clock.pass(100);
    expect(rig.attempts.length).toBeGreaterThan(100);
  });

  it("may be many at once again after a hibernation, for a client that had a valid one", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.say(peer, submit(1));
    rig.hibernate();
    held(rig);
    void send(
      rig,
      peer,
      Array.from({ length: 100 }, (_, id) => submit(id)),
    );
    await rig.clock.pass(100);
    expect(rig.attempts).toHaveLength(101);
  });

  it("by HTTP getwork are refused only when hundreds wait", async () => {
    const rig = new SessionRig();
    held(rig);
    await rig.sessions.getwork({ login: LOGIN, worker: "0", ip: STRANGER, body: GET_WORK });
    const answers: string[] = [];
    for (let id = 0; id < 300; id++)
      void rig.sessions
        .getwork({ login: LOGIN, worker: "0", ip: STRANGER, body: submit(id) })
        .then((answer) => answers.push(answer));
    await rig.clock.pass(25);
    expect(rig.attempts).toHaveLength(IN_FLIGHT.unproven);
    expect(answers).toHaveLength(300 - IN_FLIGHT.unproven - 256);
    expect(answers.every((answer) => answer.includes("Work not ready"))).toBe(true);
    // What claims to be a block waits with them.
    rig.resultOf = () => new Uint8Array(32);
    const refused = answers.length;
    void rig.sessions
      .getwork({ login: LOGIN, worker: "0", ip: STRANGER, body: submit(300) })
      .then((answer) => answers.push(answer));
    await rig.clock.pass(25);
    expect(answers).toHaveLength(refused);
  });
});

describe("a stranger", () => {
  it("writes nothing into a login's history: 150 connections of junk under random names, stale and invalid", async () => {
    const rig = new SessionRig();
    const miner = await rig.loggedIn();
    await rig.say(miner, submit(1));
    rig.verdict = async () => ({ kind: "invalid" });
    for (let connection = 0; connection < 150; connection++) {
      const peer = await rig.loggedIn({ ip: STRANGER });
      const junk = Array.from({ length: 29 }, (_, id) => submit(id, "ab7"[id % 3], `,"worker":"w${connection}-${id}"`));
      const sent = send(rig, peer, junk);
      await rig.clock.pass(2_000);
      await sent;
      await rig.leave(peer);
    }
    expect(rig.sessions.history("1d").workers).toEqual([["rig", 1, 0, 0, 0, 2_000_000_000]]);
    expect(rig.sql.exec("SELECT name FROM sqlite_master")).toEqual([]);
    // The rig's own invalid and stale shares count, as before.
    await rig.say(miner, submit(2), submit(3, "7"));
    expect(rig.sessions.history("1d").workers).toEqual([["rig", 1, 0, 1, 1, 2_000_000_000]]);
  });
});

describe("the history", () => {
  it("stands between no miner and its answer: what cannot be written is logged", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.say(peer, submit(1));
    rig.history.settle = () => {
      throw new Error("string or blob too big");
    };
    await rig.clock.pass(600_000);
    expect(await rig.say(peer, submit(2))).toEqual([GRANTED(2)]);
    await rig.leave(peer);
    expect(peer.closed).toBeNull();
    expect(rig.released).toEqual([]);
    expect(rig.logged.join()).toContain("string or blob too big");
  });
});
