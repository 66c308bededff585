import { describe, expect, it } from "vitest";
import { ShareLine } from "../../../core/session/share-line.ts";
import { readShares, verdictsText } from "../../../core/shares/carried-text.ts";
import type { JudgedShare, ShareVerdict } from "../../../core/shares/share.ts";
import { settled } from "../../support/virtual-clock.ts";
import { GRANTED, IP, LOGIN, SessionRig, submit } from "./session-rig.ts";

/** A login behind a relay, whose end of the socket the test holds. */
async function setUp() {
  const rig = new SessionRig();
  const sent: string[] = [];
  const socket = { send: (text: string) => void sent.push(text) };
  const carry = new ShareLine({ clock: rig.clock, socket: () => socket, heard: () => undefined });
  const awake = { tasks: 0 };
  rig.sessions = rig.sessionsWith({
    carry,
    background(task) {
      awake.tasks += 1;
      void task.finally(() => (awake.tasks -= 1));
    },
  });
  const answer = async (at: number, verdict: JudgedShare) => {
    const asked = readShares(sent[at] ?? "");
    carry.hear(socket, verdictsText({ number: asked?.number ?? 0, verdicts: [verdict] }));
    await settled();
  };
  const miner = await rig.loggedIn();
  await settled();
  miner.read();
  return { rig, sent, carry, socket, awake, answer, miner };
}

/** The same, whose miner has had a valid share. */
async function proven() {
  const world = await setUp();
  const { rig, miner } = world;
  expect(await rig.say(miner, submit(40))).toEqual([GRANTED(40)]);
  await rig.clock.pass(100);
  rig.attempts.length = 0;
  return world;
}

describe("a session behind a relay's socket", () => {
  it("asks for a stranger's share by a call, and is held awake for it", async () => {
    const { rig, sent, awake, miner } = await setUp();
    const verdict = Promise.withResolvers<ShareVerdict>();
    rig.verdict = () => verdict.promise;
    expect(await rig.say(miner, submit(40))).toEqual([]);
    expect([rig.attempts.length, sent, awake.tasks]).toEqual([1, [], 1]);
    verdict.resolve({ kind: "accepted", block: false });
    await settled();
    expect([miner.read(), awake.tasks]).toEqual([[GRANTED(40)], 0]);
  });

  it("is not held awake by a share that is at the relay, and is by what its answer brings", async () => {
    const { rig, sent, awake, answer, miner } = await proven();
    expect(await rig.say(miner, submit(41))).toEqual([]);
    expect([sent.length, rig.attempts.length, awake.tasks]).toEqual([1, 0, 0]);
    const guard = Promise.withResolvers<void>();
    rig.guardAnswers = guard.promise;
    await answer(0, { kind: "invalid" });
    expect([miner.read(), awake.tasks]).toEqual([[], 1]);
    guard.resolve();
    await settled();
    expect([miner.read().length, awake.tasks]).toEqual([1, 0]);
  });

  it("is held awake for a share that may be a block, and for a call that takes a share's place", async () => {
    const { rig, sent, carry, socket, awake, miner } = await proven();
    rig.resultOf = () => {
      throw new Error("the kernel is sick");
    };
    expect(await rig.say(miner, submit(41))).toEqual([]);
    expect([sent.length, awake.tasks]).toEqual([1, 1]);
    carry.lost(socket);
    await settled();
    expect(rig.attempts.map(({ share }) => share.retry)).toEqual([true]);
    expect([miner.read(), awake.tasks]).toEqual([[GRANTED(41)], 0]);
  });

  it("asks for a block by a call at once, also where others wait for company", async () => {
    const { rig, sent, miner } = await proven();
    rig.resultOf = () => new Uint8Array(32);
    expect(await rig.say(miner, submit(41))).toEqual([GRANTED(41)]);
    expect([rig.attempts.length, sent]).toEqual([1, []]);
  });

  it("asks for the share of a POST by a call, as nothing but its answer ends it", async () => {
    const { rig, sent } = await proven();
    expect(await rig.sessions.getwork({ login: LOGIN, worker: "", ip: IP, body: submit(41) })).toBe(GRANTED(41));
    expect([rig.attempts.length, sent]).toEqual([1, []]);
  });

  it("tells every miner its own answer, whoever's comes first", async () => {
    const { rig, sent, answer, miner } = await proven();
    await rig.say(miner, submit(41));
    await rig.clock.pass(30);
    await rig.say(miner, submit(42, "b"));
    expect(sent).toHaveLength(2);
    await answer(1, { kind: "accepted", block: false });
    expect(miner.read()).toEqual([GRANTED(42)]);
    await answer(0, { kind: "accepted", block: false });
    expect(miner.read()).toEqual([GRANTED(41)]);
    expect(rig.attempts).toEqual([]);
  });
});
