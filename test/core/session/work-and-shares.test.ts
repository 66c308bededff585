import { describe, expect, it } from "vitest";
import { GET_WORK, GRANTED, job, LOGIN, LOGIN_LINE, NOT_READY, SessionRig, submit } from "./session-rig.ts";
import { settled } from "../../support/virtual-clock.ts";

const pushed = (digit: string) => expect.stringContaining(`{"id":0,"jsonrpc":"2.0","result":["${job(digit).header}"`);

describe("the work of a login", () => {
  it("never goes back: a late push is dropped, from the template and by subscription", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    const [older, newer] = [rig.snapshot(2, [job("c")]), rig.snapshot(3, [job("d"), job("c")])];
    await rig.sessions.push(newer);
    await rig.sessions.push(older);
    rig.work = older;
    await rig.clock.pass(31_000);
    expect(await rig.say(peer, GET_WORK)).toEqual([pushed("d"), expect.stringContaining(job("d").header)]);
  });

  it("that is only confirmed anew is not pushed again, but stays young", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.clock.pass(50_000);
    await rig.sessions.push(rig.snapshot(1, [job("a"), job("b")]));
    await rig.clock.pass(50_000);
    rig.subscribe = () => Promise.reject(new Error("overloaded"));
    expect(await rig.say(peer, GET_WORK)).toEqual([expect.stringContaining(job("a").header)]);
  });

  it("is waited for by everybody who asks while the first answer is on its way, and asked for once", async () => {
    const rig = new SessionRig();
    const peers = [await rig.loggedIn(), await rig.loggedIn(), await rig.loggedIn()];
    rig.hibernate();
    rig.subscriptions.length = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.subscribe = async () => (await promise, rig.work);
    const asked = peers.map((peer) => rig.frame(peer, `${GET_WORK}\n`));
    await settled();
    expect(peers.flatMap((peer) => peer.read())).toEqual([]);
    resolve();
    await Promise.all(asked);
    for (const peer of peers)
      expect(peer.read().join()).toContain(`"id":5,"jsonrpc":"2.0","result":["${job("a").header}`);
    expect(rig.subscriptions).toHaveLength(1);
  });

  it("is asked for at the next line when it has not been confirmed for half its age, once a second at most", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.clock.pass(30_000);
    rig.subscriptions.length = 0;
    await rig.say(peer, GET_WORK);
    expect(rig.subscriptions).toHaveLength(0);
    await rig.clock.pass(1);
    await rig.say(peer, GET_WORK, GET_WORK);
    expect(rig.subscriptions).toHaveLength(1);
    await rig.clock.pass(1_000);
    await rig.say(peer, GET_WORK);
    expect(rig.subscriptions).toHaveLength(2);
  });

  it("is asked for once by a fleet that comes one after the other, and anew when the template was told that nobody listens", async () => {
    const rig = new SessionRig();
    const peers = [];
    for (let socket = 0; socket < 20; socket++) {
      peers.push(await rig.loggedIn());
      await rig.clock.pass(1_500);
    }
    expect(rig.subscriptions).toEqual([`main ${LOGIN}`]);
    for (const peer of peers) await rig.leave(peer);
    expect(await rig.sessions.push(rig.snapshot(2, [job("c")]), "main")).toBe(0);
    await rig.loggedIn();
    expect(rig.subscriptions).toHaveLength(2);
  });

  it("is asked for once however many ask at a time", async () => {
    const rig = new SessionRig();
    const { promise, resolve } = Promise.withResolvers<typeof rig.work>();
    rig.subscribe = () => promise;
    const said = Array.from({ length: 5 }, () => rig.say(rig.connect(), LOGIN_LINE));
    await settled();
    expect(rig.subscriptions).toEqual([`main ${LOGIN}`]);
    resolve(rig.work);
    expect(await Promise.all(said)).toEqual(Array.from({ length: 5 }, () => [GRANTED(1), pushed("a")]));
  });

  it("is not handed out when it is too old, and its shares still count", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    rig.subscribe = () => Promise.reject(new Error("overloaded"));
    await rig.clock.pass(60_001);
    expect(await rig.say(peer, GET_WORK, submit(6))).toEqual([NOT_READY(5), GRANTED(6)]);
    expect(rig.logged.join()).toContain("no answer from the block template");
  });

  it("reaches a login that had none as soon as there is some", async () => {
    const rig = new SessionRig();
    rig.work = null;
    const peer = rig.connect();
    expect(await rig.say(peer, LOGIN_LINE, GET_WORK, submit(6))).toEqual([GRANTED(1), NOT_READY(5), NOT_READY(6)]);
    await rig.sessions.push(rig.snapshot(1, [job("a")]));
    expect(peer.read()).toEqual([pushed("a")]);
  });
});

describe("the way to the verifier", () => {
  it("tries four times, 50, 250 and 1,000 ms apart, under one identity, and marks every try but the first", async () => {
    const rig = new SessionRig();
    const startMs = rig.clock.nowMs();
    const triedMs: number[] = [];
    rig.verdict = async () => {
      triedMs.push(rig.clock.nowMs() - startMs);
      throw new Error("Network connection lost.");
    };
    const peer = await rig.loggedIn();
    expect(await rig.say(peer, submit(40))).toEqual([]);
    await rig.clock.pass(1_300);
    expect(peer.read()).toEqual([NOT_READY(40)]);
    expect(triedMs).toEqual([0, 50, 300, 1_300]);
    expect(rig.attempts.map(({ share }) => share.retry)).toEqual([false, true, true, true]);
    expect(new Set(rig.attempts.map(({ share }) => share.timestampMs)).size).toBe(1);
    expect(rig.logged.join()).toContain("verifier shard-0: Network connection lost.");
  });

  it("takes what an earlier try recorded for accepted", async () => {
    const rig = new SessionRig();
    rig.verdict = async ({ retry }) => {
      if (!retry) throw new Error("Network connection lost.");
      return { kind: "accepted", block: false };
    };
    const peer = await rig.loggedIn();
    await rig.say(peer, submit(40));
    await rig.clock.pass(50);
    expect(peer.read()).toEqual([GRANTED(40)]);
  });

  it("does not try an overloaded verifier again", async () => {
    const rig = new SessionRig();
    rig.verdict = () => Promise.reject(Object.assign(new Error("overloaded"), { overloaded: true }));
    const peer = await rig.loggedIn();
    expect(await rig.say(peer, submit(40))).toEqual([NOT_READY(40)]);
    expect(rig.attempts).toHaveLength(1);
  });

  it.each([
    ["is replaced", {}],
    ["is overloaded", { overloaded: true }],
  ])("brings a block to a verifier that %s until it is there, a minute long", async (_, fault) => {
    const rig = new SessionRig();
    rig.resultOf = () => new Uint8Array(32);
    let backAtMs = rig.clock.nowMs() + 50_000;
    rig.verdict = async () => {
      if (rig.clock.nowMs() < backAtMs) throw Object.assign(new Error("away"), fault);
      return { kind: "accepted", block: true };
    };
    const peer = await rig.loggedIn();
    expect(await rig.say(peer, submit(40))).toEqual([]);
    await rig.clock.pass(61_000);
    expect(peer.read()).toEqual([GRANTED(40)]);
    expect(rig.attempts).toHaveLength(9);
    expect(new Set(rig.attempts.map(({ share }) => share.timestampMs)).size).toBe(1);
    backAtMs = Infinity;
    await rig.say(peer, submit(41));
    await rig.clock.pass(61_000);
    expect(peer.read()).toEqual([NOT_READY(41)]);
  });

  it("gives every share of a worker its own millisecond over all connections, and none in the past", async () => {
    const rig = new SessionRig();
    const [one, two] = [await rig.loggedIn(), await rig.loggedIn()];
    await rig.say(one, submit(1), submit(2), submit(3, "a", ',"worker":"shed"'));
    await rig.say(two, submit(4));
    await rig.clock.pass(2);
    await rig.say(one, submit(5));
    await rig.clock.pass(1_000);
    await rig.say(two, submit(6));
    await settled();
    const startMs = rig.attempts[0]?.share.timestampMs ?? 0;
    const times = rig.attempts.map(({ share: { worker, timestampMs } }) => [worker, timestampMs - startMs]);
    expect(times).toEqual([
      ["rig", 0],
      ["rig", 1],
      ["shed", 0],
      ["rig", 2],
      ["rig", 3],
      ["rig", 1_002],
    ]);
  });
});
