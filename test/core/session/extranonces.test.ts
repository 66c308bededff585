import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockSize, ExtranonceLender, LEASE_MS, RESUME_MS } from "../../../core/session/extranonce-lender.ts";
import { ExtranoncePool } from "../../../core/session/extranonce-pool.ts";
import { classesOf, classOf, extranoncesOf } from "../../../core/shares/difficulty-classes.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";
import { CONFIG, HOLDER, job, LOGIN, SessionRig } from "./session-rig.ts";

const SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}';
const AUTHORIZE = `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","x"]}`;
const resume = (id: string) =>
  `{"id":1,"method":"mining.subscribe","params":["bridge","EthereumStratum/1.0.0","${id}"]}`;
/** Session and extranonce of the answer to a subscribe. */
const told = (line = "") => {
  const [, session = "", extranonce = ""] = /"mining.notify","([^"]+)","[^"]+"\],"([0-9a-f]{6})"/.exec(line) ?? [];
  return { session, extranonce };
};

function lender() {
  const sql = nodeSql();
  const world = {
    nowMs: 0,
    open: () =>
      new ExtranonceLender(
        sql,
        () => world.nowMs,
        () => 0,
      ),
  };
  return world;
}

describe("the lender of extranonces", () => {
  it("lends blocks of the class that is asked for, each to one holder, over restarts", () => {
    const world = lender();
    for (const wanted of classesOf(1)) {
      const lent = ["a", "b", "c"].flatMap((holder) => world.open().lend(holder, wanted, 2));
      expect(new Set(lent.map(({ first }) => first)).size).toBe(6);
      for (const { first } of lent) {
        expect([first, first + blockSize(wanted) - 1].map((at) => classOf(at.toString(16), 1))).toEqual([
          wanted,
          wanted,
        ]);
      }
    }
  });

  it("lends all of a class and not one more, and again what has run out, as late as can be", () => {
    const world = lender();
    const [open, count] = [world.open(), extranoncesOf(8).size / blockSize(8)];
    expect(open.lend("a", 8, count + 5)).toHaveLength(count);
    expect(open.lend("b", 8, 1)).toEqual([]);
    world.nowMs = LEASE_MS + 1;
    expect(open.lend("b", 8, 1)[0]?.first).toBe(extranoncesOf(8).first);
  });

  it("keeps what is renewed, names what is another's, and keeps what is given back for a return", () => {
    const world = lender();
    const open = world.open();
    const [block] = open.lend("a", 0, 1);
    const first = block?.first ?? 0;
    expect(open.renew("a", [first, first + 32])).toEqual([first + 32]);
    expect(open.renew("thief", [first])).toEqual([first]);
    open.release("thief", [first]);
    world.nowMs = LEASE_MS - 1;
    expect(open.renew("a", [first])).toEqual([]);
    open.release("a", [first]);
    world.nowMs += RESUME_MS;
    expect(open.renew("a", [first])).toEqual([]);
  });

  it("makes a block another's only by its holder's leave", () => {
    const open = lender().open();
    const first = open.lend("session", 0, 1)[0]?.first ?? 0;
    expect(open.transfer("stranger", "login", first)).toBeNull();
    expect(open.transfer("session", "login", first)).toBe(LEASE_MS);
    expect(open.renew("login", [first])).toEqual([]);
  });

  it("makes a block another's as often as it is asked to, for who ended before it had written that down", () => {
    const open = lender().open();
    const first = open.lend("session", 0, 1)[0]?.first ?? 0;
    for (let time = 0; time < 3; time++) expect(open.transfer("session", "login", first)).toBe(LEASE_MS);
    expect([open.transfer("stranger", "login", first), open.transfer("session", "other", first)]).toEqual([null, null]);
    expect(open.transfer("login", "other", first)).toBe(LEASE_MS);
    expect(open.transfer("session", "login", first)).toBeNull();
  });
});

function pool() {
  const world = lender();
  const clock = new VirtualClock();
  world.nowMs = clock.nowMs();
  const open = world.open();
  const calls = { lend: 0, renew: 0 };
  const inUse = new Set<string>();
  let kept: unknown;
  const make = () =>
    new ExtranoncePool(
      "login",
      {
        lend: async (holder, wanted, count) => (calls.lend++, open.lend(holder, wanted, count)),
        renew: async (holder, firsts) => (calls.renew++, open.renew(holder, firsts)),
        release: async (holder, firsts) => open.release(holder, firsts),
        transfer: async (from, to, first) => open.transfer(from, to, first),
        takeOver: async (session, to, extranonce) => open.takeOver(session, to, extranonce),
        resume: async (session, extranonce, owner) => open.resume(session, extranonce, owner),
        forget: async (session) => open.forget(session),
      },
      { get: () => structuredClone(kept), set: (value) => void (kept = structuredClone(value)) },
      clock,
      () => inUse,
    );
  const pass = async (ms: number) => {
    await clock.pass(ms);
    world.nowMs = clock.nowMs();
  };
  return { world, open, calls, inUse, make, pass };
}

describe("the extranonces of a login", () => {
  it("are all different, and two thousand rigs need few questions", async () => {
    const { calls, inUse, make } = pool();
    const extranonces = make();
    for (let rig = 0; rig < 2_000; rig++) inUse.add((await extranonces.take(0, null, () => undefined)) ?? "");
    expect(inUse.size).toBe(2_000);
    expect(calls.lend).toBeLessThan(15);
  });

  it("are served without a question to anyone after the object was restarted", async () => {
    const { calls, inUse, make, pass } = pool();
    const before = make();
    for (let rig = 0; rig < 100; rig++) inUse.add((await before.take(0, null, () => undefined)) ?? "");
    calls.lend = 0;
    inUse.clear();
    await pass(3_600_000);
    const again = make();
    for (let rig = 0; rig < 100; rig++) inUse.add((await again.take(0, null, () => undefined)) ?? "");
    expect([inUse.size, calls.lend, calls.renew]).toEqual([100, 0, 0]);
  });

  it("come from the next class on the way to the pool's own where a class has run out", async () => {
    const { open, make } = pool();
    open.lend("others", 8, 2_000);
    open.lend("others", -6, 3_000);
    const extranonces = make();
    expect(classOf((await extranonces.take(8, null, () => undefined)) ?? "", 1)).toBe(6);
    expect(classOf((await extranonces.take(-6, null, () => undefined)) ?? "", 1)).toBe(-4);
  });

  it("return to a session that comes back, and to no other before two minutes are over", async () => {
    const { inUse, make, pass } = pool();
    const extranonces = make();
    const mine = (await extranonces.take(0, null, () => undefined)) ?? "";
    inUse.add(mine).add((await extranonces.take(0, null, () => undefined)) ?? "");
    inUse.delete(mine);
    await extranonces.left(mine);
    expect(await extranonces.take(0, null, () => undefined)).not.toBe(mine);
    expect(await extranonces.take(0, { extranonce: mine, session: "a session" }, () => undefined)).toBe(mine);
    inUse.add(mine);
    expect(await extranonces.take(0, { extranonce: mine, session: "a session" }, () => undefined)).not.toBe(mine);
    expect(await extranonces.take(0, { extranonce: "ffffff", session: "a session" }, () => undefined)).not.toBe(
      "ffffff",
    );
    inUse.delete(mine);
    await extranonces.left(mine);
    await pass(RESUME_MS + 1);
    expect(await extranonces.take(0, null, () => undefined)).toBe(mine);
  });

  it("are given back with the last session, and had again when it returns", async () => {
    const { open, inUse, make, pass } = pool();
    const extranonces = make();
    const mine = (await extranonces.take(8, null, () => undefined)) ?? "";
    inUse.add(mine);
    inUse.delete(mine);
    await extranonces.left(mine);
    await pass(RESUME_MS / 2);
    expect(await extranonces.take(8, { extranonce: mine, session: "a session" }, () => undefined)).toBe(mine);
    await extranonces.left(mine);
    await pass(RESUME_MS + 1);
    expect(open.lend("others", 8, 2_000)).toHaveLength(1_024);
  });

  it("that nobody has run out, so that sessions which bring their own leave nothing behind at a login that never ends", async () => {
    const { open, inUse, make, pass } = pool();
    const extranonces = make();
    const mine = (await extranonces.take(0, null, () => undefined)) ?? "";
    inUse.add(mine);
    for (let hour = 0; hour < 48; hour++) {
      const [block] = open.lend(`session ${hour}`, 0, 1);
      const theirs = (block?.first ?? 0).toString(16);
      inUse.add(theirs);
      expect(await extranonces.adopt(theirs, `session ${hour}`, false, null)).toBe(theirs);
      inUse.delete(theirs);
      await extranonces.left(theirs);
      await pass(3_600_000);
      expect(await extranonces.renew()).toEqual(new Set());
    }
    expect(open.count()).toBeLessThanOrEqual(1 + LEASE_MS / 3_600_000);
    expect(open.renew("login", [Number.parseInt(mine, 16)])).toEqual([]);
  });

  it("are renewed at once where they come from a block that was about to run out", async () => {
    const { open, inUse, make, pass } = pool();
    const extranonces = make();
    const [mine, other] = [
      (await extranonces.take(8, null, () => undefined)) ?? "",
      (await extranonces.take(0, null, () => undefined)) ?? "",
    ];
    inUse.add(mine).add(other);
    inUse.delete(mine);
    await extranonces.left(mine);
    await pass(LEASE_MS / 2 + 1);
    await extranonces.renew();
    await pass(LEASE_MS / 2 - 2);
    expect(await make().take(8, { extranonce: mine, session: "a session" }, (hex) => void inUse.add(hex))).toBe(mine);
    await pass(60_000);
    expect(open.lend("others", 8, 2_000)).toHaveLength(1_023);
  });

  it("are told to be another's only when the lender says so", async () => {
    const { world, open, inUse, make, pass } = pool();
    const extranonces = make();
    const mine = (await extranonces.take(8, null, () => undefined)) ?? "";
    inUse.add(mine);
    expect(await extranonces.renew()).toEqual(new Set());
    await pass(4 * 3_600_000);
    expect(await extranonces.renew()).toEqual(new Set());
    world.nowMs += 7 * 3_600_000;
    expect(open.lend("others", 8, 2_000)).toHaveLength(1_024);
    await pass(0);
    world.nowMs += 1;
    await pass(4 * 3_600_000);
    expect(await extranonces.renew()).toEqual(new Set([mine]));
  });
});

describe("sessions and their extranonces", () => {
  it("no two live connections have one, whatever they resume, at once or not, and however slow the lender is", async () => {
    const step = fc.record({
      peer: fc.nat({ max: 5 }),
      act: fc.constantFrom("come", "resume", "begun", "leave", "wait"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.scheduler(), async (steps, scheduler) => {
        const rig = new SessionRig();
        const ports = rig.ports();
        const slow = (call: (...args: never[]) => Promise<unknown>) => scheduler.scheduleFunction(call);
        const slowLender = Object.fromEntries(Object.entries(ports.lender).map(([name, call]) => [name, slow(call)]));
        rig.sessions = rig.sessionsWith({ ...ports, lender: { ...ports.lender, ...slowLender } });
        const ids: string[] = [];
        for (const { peer, act } of steps) {
          const id = ids[peer % Math.max(1, ids.length)] ?? "00000000-0000-4000-8000-000000800000";
          if (act === "wait") {
            await settled();
            await scheduler.waitIdle();
          } else if (act === "leave") {
            const gone = rig.peers[peer];
            if (gone) void rig.leave(gone);
          } else {
            const begun = { id, dialect: "es1", extranonce: id.slice(-6), canMove: true } as const;
            const now = rig.connect(act === "begun" ? { begun } : {});
            void rig.frame(now, `${act === "come" ? SUBSCRIBE : resume(id)}\n${AUTHORIZE}\n`);
          }
          if (act === "wait" || act === "leave") await settled();
          for (const { lines } of rig.peers) ids.push(...lines.map((line) => told(line).session).filter(Boolean));
        }
        await scheduler.waitIdle();
        await settled();
        await scheduler.waitIdle();
        const using = rig.sessions.live().map(({ state }) => state.extranonce);
        expect(new Set(using).size).toBe(using.length);
      }),
      { seed: 20261126, numRuns: 200 },
    );
  });

  it("one live connection has an extranonce: six that resume one session end each other, and the last has it", async () => {
    const rig = new SessionRig();
    const first = rig.connect();
    const { session, extranonce } = told((await rig.say(first, SUBSCRIBE, AUTHORIZE))[0]);
    expect(session.endsWith(extranonce)).toBe(true);
    const peers = [first];
    for (let i = 0; i < 5; i++) {
      const peer = rig.connect();
      expect(told((await rig.say(peer, resume(session), AUTHORIZE))[0])).toEqual({ session, extranonce });
      peers.push(peer);
    }
    expect(peers.map(({ closed }) => closed?.reason)).toEqual([
      ...Array.from({ length: 5 }, () => "Session resumed on another connection"),
      undefined,
    ]);
    const live = rig.sessions.live().map(({ state }) => state.extranonce);
    expect(live).toEqual([extranonce]);
  });

  it("three that resume one session at once end each other too, before any of them has its extranonce", async () => {
    const rig = new SessionRig();
    const { session, extranonce } = told((await rig.say(rig.connect(), SUBSCRIBE, AUTHORIZE))[0]);
    const peers = [rig.connect(), rig.connect(), rig.connect()];
    await Promise.all(peers.map((peer) => rig.say(peer, resume(session), AUTHORIZE)));
    expect(rig.sessions.live().map(({ state }) => state.extranonce)).toEqual([extranonce]);
    expect(peers.filter(({ closed }) => closed === null)).toHaveLength(1);
  });

  it("an extranonce that another session has is not had by naming it", async () => {
    const rig = new SessionRig();
    const { session, extranonce } = told((await rig.say(rig.connect(), SUBSCRIBE, AUTHORIZE))[0]);
    const forged = `11111111${session.slice(8)}`;
    const other = told((await rig.say(rig.connect(), resume(forged)))[0]);
    expect(other.extranonce).not.toBe(extranonce);
    expect(rig.peers.map(({ closed }) => closed)).toEqual([null, null]);
  });

  it("nor is it had by naming it before the login, where nobody can look", async () => {
    const rig = new SessionRig();
    const mine = rig.connect();
    const { session, extranonce } = told((await rig.say(mine, SUBSCRIBE, AUTHORIZE))[0]);
    const id = `11111111${session.slice(8)}`;
    const forger = rig.connect({ begun: { id, dialect: "es1", extranonce, canMove: true } });
    const [granted, moved = "", , notify] = await rig.say(forger, AUTHORIZE);
    expect([granted, notify]).toEqual([expect.stringContaining("true"), expect.stringContaining("mining.notify")]);
    const other = /"mining.set_extranonce","params":\["([0-9a-f]{6})"/.exec(moved)?.[1];
    expect([mine.closed, forger.closed, other === undefined || other === extranonce]).toEqual([null, null, false]);
    expect(new Set(rig.sessions.live().map(({ state }) => state.extranonce))).toEqual(new Set([extranonce, other]));
  });

  it("an extranonce of another login's is not kept: who takes no other is to come back, and gets a fresh one then", async () => {
    const rig = new SessionRig();
    const [block] = rig.lender?.lend("another login", 0, 1) ?? [];
    const extranonce = block?.first.toString(16) ?? "";
    const id = `11111111-0000-4000-8000-000000${extranonce}`;
    const [stays, moves] = [false, true].map((canMove) =>
      rig.connect({ begun: { id: canMove ? `2${id.slice(1)}` : id, dialect: "es1", extranonce, canMove } }),
    );
    expect(stays && (await rig.say(stays, AUTHORIZE))).toEqual([]);
    expect(stays?.closed).toEqual({ code: 1012, reason: "Extranonce not to be had" });
    expect(moves && (await rig.say(moves, AUTHORIZE))[1]).toContain("mining.set_extranonce");
    expect(rig.sessions.live().some(({ state }) => state.extranonce === extranonce)).toBe(false);
  });

  it("a session that was never given what it searches, as its object ended before it could look, is closed", async () => {
    const rig = new SessionRig();
    const peer = rig.connect({ begun: { id: "x800000", dialect: "es1", extranonce: "800000", canMove: true } });
    rig.hibernate();
    await rig.sessions.sweep();
    expect(peer.closed).toEqual({ code: 1008, reason: "Extranonce lost" });
  });

  it("a session comes back with its extranonce after the object lost its memory", async () => {
    const rig = new SessionRig();
    const peer = rig.connect();
    const before = told((await rig.say(peer, SUBSCRIBE, AUTHORIZE))[0]);
    rig.peers.length = 0;
    rig.hibernate();
    expect(told((await rig.say(rig.connect(), resume(before.session)))[0])).toEqual(before);
  });

  it("a class is remembered for the worker's next connection, over a restart", async () => {
    const vardiff = { targetTimeMs: 30_000, retargetTimeMs: 60_000, variancePercent: 30 };
    const bounds = { minDifficulty: 1n, maxDifficulty: 10n ** 15n };
    const config = { ...CONFIG, stratum: { ...CONFIG.stratum, vardiff: { ...vardiff, ...bounds } } };
    const rig = new SessionRig(config);
    const peer = rig.connect({ worker: "rig" });
    const asking = AUTHORIZE.replace('"x"', '"d=32000000000"');
    const { extranonce } = told((await rig.say(peer, SUBSCRIBE, asking))[0]);
    expect(classOf(extranonce, 1)).toBe(0);
    await rig.leave(peer);
    rig.hibernate(config);
    expect(classOf(told((await rig.say(rig.connect({ worker: "rig" }), SUBSCRIBE))[0]).extranonce, 1)).toBe(4);
  });

  it("are renewed at half their lease, and one that was lost closes its connection", async () => {
    const rig = new SessionRig();
    const peer = rig.connect();
    const first = Number.parseInt(told((await rig.say(peer, SUBSCRIBE, AUTHORIZE))[0]).extranonce, 16);
    const goOn = async (ms: number) => {
      await rig.clock.pass(ms);
      await rig.frame(peer, "\n");
      await rig.sessions.sweep();
    };
    await goOn(LEASE_MS / 2);
    expect(rig.renewals).toEqual([]);
    const known = rig.lender;
    rig.lender = null;
    await goOn(1);
    rig.lender = known;
    await goOn(1);
    await goOn(60_000);
    expect(rig.renewals).toEqual([[first], [first]]);
    known?.transfer(HOLDER, "another", first);
    await goOn(LEASE_MS / 2);
    expect(peer.closed).toEqual({ code: 1008, reason: "Extranonce lost" });
  });

  it("are given back by the last connection that ends, and not where its session has come back on another", async () => {
    const rig = new SessionRig();
    const dead = rig.connect();
    const { session, extranonce } = told((await rig.say(dead, SUBSCRIBE, AUTHORIZE))[0]);
    const back = rig.connect();
    await rig.say(back, resume(session), AUTHORIZE);
    await rig.leave(dead);
    expect(rig.released).toEqual([]);
    await rig.leave(back);
    expect(rig.released).toEqual([[Number.parseInt(extranonce, 16)]]);
    // The template has not heard yet that nobody is left.
    await rig.sessions.push(rig.snapshot(2, [job("c")]));
    await settled();
    expect(rig.renewals).toEqual([]);
  });

  it("a change of class reaches the miner with the job after the next, and the old extranonce is free then", async () => {
    const vardiff = { targetTimeMs: 30_000, retargetTimeMs: 60_000, variancePercent: 30 };
    const bounds = { minDifficulty: 1n, maxDifficulty: 10n ** 15n };
    const rig = new SessionRig({ ...CONFIG, stratum: { ...CONFIG.stratum, vardiff: { ...vardiff, ...bounds } } });
    const peer = rig.connect();
    const { extranonce } = told(
      (await rig.say(peer, SUBSCRIBE, '{"id":2,"method":"mining.extranonce.subscribe"}', AUTHORIZE))[0],
    );
    await rig.clock.pass(200_000);
    await rig.sessions.push(rig.snapshot(2, [job("c")]));
    await settled();
    peer.read();
    await rig.sessions.push(rig.snapshot(3, [job("d"), job("c")]));
    const [set] = peer.read();
    expect(set).toContain('"mining.set_extranonce"');
    const now = rig.sessions.live()[0]?.state.extranonce ?? "";
    expect([classOf(extranonce, 1), classOf(now, 1)]).toEqual([0, -2]);
  });

  it("what a session got before its login named itself becomes the login's", async () => {
    const rig = new SessionRig();
    const block = rig.lender?.lend("00000000-0000-4000-8000-000000", 0, 1)[0]?.first ?? 0;
    const extranonce = block.toString(16).padStart(6, "0");
    const id = `00000000-0000-4000-8000-000000${extranonce}`;
    rig.connect({ begun: { id, dialect: "es1", extranonce, canMove: true } });
    await settled();
    expect(rig.lender?.renew(HOLDER, [block])).toEqual([]);
  });
});
