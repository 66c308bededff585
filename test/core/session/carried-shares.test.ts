import { describe, expect, it } from "vitest";
import type { ShareSubmission } from "../../../core/shares/share.ts";
import { readShares, verdictsText } from "../../../core/shares/carried-text.ts";
import { WAY_MS } from "../../../core/work/share-relay.ts";
import { CarriedRig, type Call } from "./carried-rig.ts";

const accepted = { kind: "accepted", block: false };

/** Every share that came was recorded once and told true once, and none waits. */
function expectAll(rig: CarriedRig, nonces: readonly string[]): void {
  const told = rig.sessions.flatMap(({ verdicts }) => verdicts);
  expect(told.map(({ nonce }) => nonce).toSorted()).toEqual([...nonces].toSorted());
  expect(told.map(({ verdict }) => verdict)).toEqual(nonces.map(() => accepted));
  expect([...rig.verifier.recorded.keys()].toSorted()).toEqual([...nonces].toSorted());
}

const by = (calls: readonly Call[], who: Call["by"]) => calls.filter((call) => call.by === who);
const identities = (shares: readonly ShareSubmission[]) =>
  new Set(shares.map(({ login, worker, timestampMs }) => `${login} ${worker} ${timestampMs}`));

/** So many come for a while that the relay waits for company; nothing is under way afterwards. @returns their nonces */
async function busy(rig: CarriedRig): Promise<string[]> {
  const nonces: string[] = [];
  for (let at = 0; at < 100; at += 1) {
    nonces.push(rig.sessions[at % rig.sessions.length]?.submit() ?? "");
    await rig.clock.pass(2);
  }
  await rig.clock.pass(60);
  rig.verifier.calls.length = 0;
  return nonces;
}

describe("shares by a relay's socket", () => {
  it("go as a message, and a relay's call brings the verdict: the session has no timer meanwhile", async () => {
    const rig = new CarriedRig();
    const nonce = rig.session.submit();
    await rig.clock.pass(10);
    expect([rig.session.timers, rig.session.verdicts, rig.session.socket?.up.length]).toEqual([0, [], 1]);
    await rig.clock.pass(30);
    expectAll(rig, [nonce]);
    expect(rig.verifier.calls.map((call) => [call.by, call.shares.length])).toEqual([["relay", 1]]);
  });

  it("of many logins go together: at 167 a second of 170 logins nearly three a call, and none waits longer than the way leaves of 22 ms", async () => {
    const rig = new CarriedRig(170);
    const nonces: string[] = [];
    const random = (at: number) => rig.sessions[(at * 61) % 170];
    for (let at = 0; at < 1_700; at += 1) {
      nonces.push(random(at)?.submit() ?? "");
      await rig.clock.pass(6);
    }
    await rig.clock.pass(200);
    expectAll(rig, nonces);
    expect(by(rig.verifier.calls, "session")).toEqual([]);
    expect(rig.verifier.calls.length).toBeLessThanOrEqual(1_700 / 2.9);
    const took = rig.sessions.flatMap(({ verdicts }) => verdicts.map(({ tookMs }) => tookMs));
    // There and back by the socket, and the verifier's 20 ms.
    expect(Math.max(...took)).toBeLessThanOrEqual(1 + 22 - WAY_MS + 20 + 1 + 1);
    const waited = rig.verifier.calls.flatMap(({ shares }) => shares.map(({ waitedMs = -1 }) => waitedMs));
    expect(Math.min(...waited)).toBeGreaterThanOrEqual(WAY_MS);
    expect(Math.max(...waited)).toBeLessThanOrEqual(22);
  });

  it("go at once as long as few come, fifty a second of many logins", async () => {
    const rig = new CarriedRig(50);
    for (const session of [...rig.sessions, ...rig.sessions]) {
      session.submit();
      await rig.clock.pass(20);
    }
    expect(rig.verifier.calls).toHaveLength(100);
    expect(rig.verifier.calls.flatMap(({ shares }) => shares.map(({ waitedMs }) => waitedMs))).toEqual(
      Array.from({ length: 100 }, () => WAY_MS),
    );
  });

  it("go with sixteen at most, and then wait for nobody", async () => {
    const rig = new CarriedRig(100);
    await busy(rig);
    for (const session of rig.sessions.slice(0, 40)) session.submit();
    await rig.clock.pass(1);
    const [first, second, ...more] = rig.verifier.calls.map(({ shares }) => shares.length);
    expect([first, second, more]).toEqual([16, 16, []]);
    await rig.clock.pass(25);
    expect(rig.verifier.calls.map(({ shares }) => shares.length)).toEqual([16, 16, 8]);
  });

  it("of a farm are one message for many, that waits for no others when it has waited already", async () => {
    const rig = new CarriedRig();
    const nonces: string[] = [];
    for (let at = 0; at < 800; at += 1) {
      nonces.push(rig.session.submit());
      await rig.clock.pass(5);
    }
    await rig.clock.pass(200);
    expectAll(rig, nonces);
    expect(rig.session.socket?.up.length).toBeLessThanOrEqual(800 / 4);
    expect(Math.max(...rig.session.verdicts.map(({ tookMs }) => tookMs))).toBeLessThanOrEqual(1 + 100 + 20 + 2);
  });

  it("that claim a block go by a call at once; so do those of a miner who has shown nothing; one that claims nothing is carried, and nobody rests for it", async () => {
    const rig = new CarriedRig();
    const { session } = rig;
    rig.verifier.takesMs = () => 200;
    for (const [claim, mayCarry] of [
      ["block", true],
      ["share", false],
      ["unknown", true],
    ] as const) {
      session.submit(claim, mayCarry);
      await rig.clock.pass(40);
    }
    expect(rig.verifier.calls.map((call) => call.by)).toEqual(["session", "session", "relay"]);
    expect((["share", "block", "unknown"] as const).map((claim) => session.rests(claim))).toEqual([true, false, false]);
    session.socket?.close();
    expect(session.rests("share")).toBe(false);
  });

  it("bring what comes beside a verdict to the session, as a call does", async () => {
    const rig = new CarriedRig();
    rig.verifier.news = { refuted: [{ worker: "rig" }], found: { height: 7, solo: false } };
    rig.session.submit();
    await rig.clock.pass(50);
    expect(rig.session.heard).toEqual([{ ...accepted, ...rig.verifier.news }]);
  });

  it("of others are not held up by one that takes long, and this one is asked for by its session", async () => {
    const rig = new CarriedRig(8);
    const before = await busy(rig);
    const nonces = rig.sessions.map((session) => session.submit());
    rig.verifier.takesMs = ({ nonce }) => (nonce === nonces[3] ? 600 : 20);
    await rig.clock.pass(1_000);
    expectAll(rig, [...before, ...nonces]);
    expect(rig.verifier.calls[0]?.shares).toHaveLength(8);
    const took = rig.sessions.map(({ verdicts }) => verdicts.at(-1)?.tookMs ?? Infinity);
    expect(Math.max(...took.toSpliced(3, 1))).toBeLessThanOrEqual(1 + 25 + 20 + 100 + 2);
    const asked = by(rig.verifier.calls, "session").flatMap(({ shares }) => shares);
    expect(asked.map(({ nonce, retry }) => [nonce, retry])).toEqual([[nonces[3], true]]);
    expect(rig.verifier.calls.flatMap(({ shares }) => shares).filter(({ nonce }) => nonce === nonces[3])).toHaveLength(
      2,
    );
  });

  it("of all are waited for where the verifier is slow for all, so that none is asked for twice", async () => {
    const rig = new CarriedRig(8);
    const before = await busy(rig);
    rig.verifier.takesMs = () => 200;
    const nonces = rig.sessions.map((session) => session.submit());
    await rig.clock.pass(400);
    expectAll(rig, [...before, ...nonces]);
    expect(rig.verifier.calls.map(({ shares }) => shares.length)).toEqual([8]);
    expect(by(rig.verifier.calls, "session")).toEqual([]);
  });
});

/** One share through a rig that has gone wrong in some way; the calls of its session. */
async function afterwards(rig: CarriedRig, nonces: readonly string[]): Promise<readonly Call[]> {
  await rig.clock.pass(5_000);
  expectAll(rig, nonces);
  const own = by(rig.verifier.calls, "session");
  expect(own.flatMap(({ shares }) => shares).every(({ retry }) => retry)).toBe(true);
  expect(identities(rig.verifier.calls.flatMap(({ shares }) => shares)).size).toBe(nonces.length);
  return own;
}

describe("a share that was given to a relay is asked for by a call, once, under its identity, and told true once", () => {
  it("when the relay dies before it has called the verifier", async () => {
    const rig = new CarriedRig();
    if (rig.session.socket) rig.session.socket.arrives = () => [];
    const nonce = rig.session.submit();
    await rig.clock.pass(10);
    rig.resetRelay();
    expect(await afterwards(rig, [nonce])).toHaveLength(1);
  });

  it("when the relay dies after it has called, and whether or not the verifier is through", async () => {
    for (const diesAfterMs of [2, 10, 21]) {
      const rig = new CarriedRig();
      const nonce = rig.session.submit();
      await rig.clock.pass(diesAfterMs);
      expect(by(rig.verifier.calls, "relay")).toHaveLength(1);
      rig.resetRelay();
      expect(await afterwards(rig, [nonce])).toHaveLength(1);
    }
  });

  it("when the relay's call fails, before it arrived or with its answer", async () => {
    for (const fate of ["lostBefore", "lostAfter"] as const) {
      const rig = new CarriedRig(2);
      rig.verifier.fate = (who) => (who === "relay" ? fate : "well");
      const nonces = rig.sessions.map((session) => session.submit());
      expect(await afterwards(rig, nonces)).toHaveLength(2);
    }
  });

  it("when the relay's call is never answered: the relay says so after a second", async () => {
    const rig = new CarriedRig();
    rig.verifier.fate = (who) => (who === "relay" ? "hangs" : "well");
    const nonce = rig.session.submit();
    expect(await afterwards(rig, [nonce])).toHaveLength(1);
    expect(rig.session.verdicts[0]?.tookMs).toBeLessThanOrEqual(1_000 + 1 + 1 + 20);
  });

  it("when the verifier is away for both and comes back", async () => {
    const rig = new CarriedRig();
    rig.verifier.fate = () => "lostAfter";
    const nonce = rig.session.submit();
    await rig.clock.pass(100);
    rig.verifier.fate = () => "well";
    expect((await afterwards(rig, [nonce])).length).toBeGreaterThan(1);
  });

  it("when the answer comes too late, or not at all: with the first event after two seconds; and no more shares go by that line until it answers", async () => {
    const rig = new CarriedRig();
    const { session } = rig;
    const line = session.socket;
    if (line === null) throw new Error("no line");
    line.arrives = (text, way) => (way === "up" ? [{ text, afterMs: 1 }] : [{ text, afterMs: 3_000 }]);
    const first = session.submit();
    await rig.clock.pass(1_900);
    session.line.lookAfter();
    await rig.clock.pass(90);
    expect(by(rig.verifier.calls, "session")).toEqual([]);
    await rig.clock.pass(20);
    expect(session.line.isOpen).toBe(true);
    session.line.lookAfter();
    await rig.clock.pass(1);
    expect([session.verdicts, by(rig.verifier.calls, "session").length, session.line.isOpen]).toEqual([[], 1, false]);
    const second = session.submit();
    await rig.clock.pass(100);
    expect(line.up).toHaveLength(1);
    // The late answer is dropped, and shows that somebody is there.
    await rig.clock.pass(1_500);
    expect([session.verdicts.length, session.line.isOpen]).toEqual([2, true]);
    line.arrives = (text) => [{ text, afterMs: 1 }];
    const third = session.submit();
    await rig.clock.pass(100);
    expect(line.up).toHaveLength(2);
    expectAll(rig, [first, second, third]);
  });

  it("when the line is replaced, or closed from this end, or throws", async () => {
    for (const ends of ["replaced", "closed", "throws"] as const) {
      const rig = new CarriedRig();
      const line = rig.session.socket;
      if (line === null) throw new Error("no line");
      line.throws = ends === "throws";
      const nonce = rig.session.submit();
      if (ends === "replaced") rig.session.dialled();
      if (ends === "closed") line.close();
      expect(await afterwards(rig, [nonce])).toHaveLength(1);
    }
  });

  it("when the relay says what is no answer: the line is ended", async () => {
    const garbled: ((text: string) => string)[] = [
      (text) => text.slice(0, -1),
      (text) => text.replace("accepted", "fine"),
      (text) => text.replace('"of":[', '"of":[null,'),
      (text) => text.replace(/"of":.*/, '"of":[]}'),
    ];
    for (const garble of garbled) {
      const rig = new CarriedRig();
      const line = rig.session.socket;
      if (line === null) throw new Error("no line");
      line.arrives = (text, way) => [{ text: way === "up" ? text : garble(text), afterMs: 1 }];
      const nonce = rig.session.submit();
      expect(await afterwards(rig, [nonce])).toHaveLength(1);
      expect(line.isOpen).toBe(false);
    }
  });

  it("when the relay does not understand it, or it is another login's: the relay ends the line", async () => {
    const garbled: ((text: string, login: string) => string)[] = [
      (text) => text.slice(1),
      (text) => "x".repeat(text.length),
      (text, login) => text.replace(login, `0x${"9".repeat(40)}`),
    ];
    for (const garble of garbled) {
      const rig = new CarriedRig();
      const line = rig.session.socket;
      if (line === null) throw new Error("no line");
      line.arrives = (text) => [{ text: garble(text, rig.session.login), afterMs: 1 }];
      const nonce = rig.session.submit();
      expect(await afterwards(rig, [nonce])).toHaveLength(1);
      expect([line.isOpen, by(rig.verifier.calls, "relay").length]).toEqual([false, 0]);
    }
  });

  it("when as much waits at the relay as it takes: it says so at once, and takes more when that is through", async () => {
    const rig = new CarriedRig(1_100);
    rig.verifier.fate = (who) => (who === "relay" ? "hangs" : "well");
    const nonces = rig.sessions.map((session) => session.submit());
    await rig.clock.pass(100);
    expect(by(rig.verifier.calls, "session")).toHaveLength(1_100 - 1_024);
    await rig.clock.pass(1_000);
    rig.verifier.fate = () => "well";
    nonces.push(rig.session.submit());
    await afterwards(rig, nonces);
    expect(by(rig.verifier.calls, "session")).toHaveLength(1_100);
  });
});

describe("an answer", () => {
  it("that comes twice is heard once", async () => {
    const rig = new CarriedRig();
    const line = rig.session.socket;
    if (line === null) throw new Error("no line");
    line.arrives = (text, way) =>
      way === "up"
        ? [{ text, afterMs: 1 }]
        : [
            { text, afterMs: 1 },
            { text, afterMs: 2 },
          ];
    const nonce = rig.session.submit();
    await rig.clock.pass(100);
    expectAll(rig, [nonce]);
    expect([rig.session.heard.length, line.isOpen]).toEqual([1, true]);
  });

  it("to a session of before its sleep, or to the other end of another line, is heard by nobody", async () => {
    const rig = new CarriedRig(2);
    const [one, other] = rig.sessions;
    const line = one?.socket;
    if (!line || !other) throw new Error("no line");
    line.arrives = () => [];
    one?.submit();
    await rig.clock.pass(1);
    const asked = readShares(line.up[0] ?? "");
    if (asked === null || other.socket === null) throw new Error("nothing was sent");
    const invalid = verdictsText({ number: asked.number, verdicts: [{ kind: "invalid" }] });
    const before = verdictsText({ number: asked.number - 10_000_000, verdicts: [{ kind: "invalid" }] });
    one.dialled().hear(invalid);
    other.socket.hear(invalid);
    line.hear(before);
    await rig.clock.pass(100);
    expect(rig.sessions.flatMap(({ heard }) => heard)).toEqual([]);
    expectAll(rig, [asked.shares[0]?.nonce ?? ""]);
  });

  it("is one for each share, whatever happens to relays, lines and calls: 3,000 shares of 20 logins, none lost, none counted twice", async () => {
    let state = 20_261_127;
    const random = () => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0), state / 2 ** 32);
    const rig = new CarriedRig(20);
    rig.verifier.takesMs = () => (random() < 0.05 ? 400 * random() : 10 + 20 * random());
    rig.verifier.fate = (who) => {
      const at = random();
      if (at < 0.05) return "lostBefore";
      if (at < 0.1) return "lostAfter";
      return who === "relay" && at < 0.12 ? "hangs" : "well";
    };
    const unruly = (text: string, way: "up" | "down") => {
      const at = random();
      if (at < 0.02) return [];
      if (at < 0.04) return [{ text, afterMs: 3_000 * random() }];
      // No socket says twice what was said once; a relay could.
      if (at < 0.06 && way === "down") return [1, 5].map((afterMs) => ({ text, afterMs }));
      return [{ text: at < 0.07 ? text.slice(2) : text, afterMs: 1 }];
    };
    const nonces: string[] = [];
    const claims = ["share", "share", "share", "unknown", "block"] as const;
    for (let at = 0; at < 3_000; at += 1) {
      const session = rig.sessions[Math.floor(random() * 20)];
      if (session === undefined) throw new RangeError("no session");
      session.line.lookAfter();
      nonces.push(session.submit(claims[Math.floor(random() * claims.length)], random() < 0.9));
      if (random() < 0.02) session.socket?.close();
      if (random() < 0.005) rig.resetRelay();
      if (session.socket?.isOpen !== true && random() < 0.5) session.dialled().arrives = unruly;
      await rig.clock.pass(Math.floor(20 * random()));
    }
    rig.verifier.fate = () => "well";
    for (let second = 0; second < 60; second += 1) {
      await rig.clock.pass(1_000);
      for (const { line } of rig.sessions) line.lookAfter();
    }
    const told = rig.sessions.flatMap(({ verdicts }) => verdicts);
    expect(told.map(({ nonce }) => nonce).toSorted()).toEqual(nonces.toSorted());
    // A share whose every attempt failed is told that it was not taken; whatever is told true is in the ledger, and nothing is a duplicate.
    const kinds = new Map(told.map(({ nonce, verdict }) => [nonce, verdict.kind]));
    for (const [nonce, kind] of kinds) {
      expect(["accepted", "unavailable"]).toContain(kind);
      if (kind === "accepted") expect(rig.verifier.recorded.has(nonce)).toBe(true);
    }
    expect([...kinds.values()].filter((kind) => kind === "unavailable").length).toBeLessThan(10);
    // Both ways were gone by many times.
    expect(by(rig.verifier.calls, "relay").length).toBeGreaterThan(500);
    expect(by(rig.verifier.calls, "session").length).toBeGreaterThan(500);
  });
});
