import { describe, expect, it } from "vitest";
import { INPUT_BOUNDS } from "../../../core/session/input-bounds.ts";
import { IsolateRoom, ROOM } from "../../../core/session/isolate-room.ts";
import { IN_FLIGHT } from "../../../core/session/share-gate.ts";
import { NoRoomTally } from "../../../core/shares/no-room.ts";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import { settled } from "../../support/virtual-clock.ts";
import { type FakePeer, GET_WORK, GRANTED, job, NOT_READY, SessionRig, submit } from "./session-rig.ts";

const accepted: ShareVerdict = { kind: "accepted", block: false };

/** A miner of a client of its own that has had a valid share. */
async function miner(rig: SessionRig, number: number): Promise<FakePeer> {
  const peer = await rig.loggedIn({ ip: `198.51.${Math.floor(number / 250)}.${(number % 250) + 1}` });
  expect(await send(rig, peer, [submit(1)])).toEqual([GRANTED(1)]);
  return peer;
}

/** A verifier that answers nothing until it is told to. */
function silent(rig: SessionRig): () => Promise<void> {
  const waiting: (() => void)[] = [];
  rig.verdict = () => new Promise((resolve) => waiting.push(() => resolve(accepted)));
  return async () => {
    for (const answer of waiting.splice(0)) answer();
    await rig.clock.pass(1_000);
  };
}

const shares = (count: number, from = 100) => Array.from({ length: count }, (_, at) => submit(from + at));

/** Sends lines, and waits as long as a farm's shares wait for each other. */
async function send(rig: SessionRig, peer: FakePeer, lines: readonly string[]): Promise<string[]> {
  void rig.frame(peer, lines.map((line) => `${line}\n`).join(""));
  await rig.clock.pass(200);
  return peer.read();
}

/** What submissions took along for /health, each once, however often it was attempted. */
const noRoomTold = ({ attempts }: SessionRig) =>
  [
    ...new Map(attempts.map(({ share }) => [`${share.client}/${share.timestampMs}`, share.noRoomBefore])).values(),
  ].filter((told) => told !== undefined);

describe("the shares of an isolate", () => {
  it("are refused at once where as many wait for their verdicts as fit, however many clients send them; and may come again", async () => {
    const rig = new SessionRig();
    const peers: FakePeer[] = [];
    for (let number = 0; number <= ROOM.shares / IN_FLIGHT.proven; number++) peers.push(await miner(rig, number));
    const answer = silent(rig);
    const before = rig.attempts.length;
    for (const peer of peers.slice(0, -1)) expect(await send(rig, peer, shares(IN_FLIGHT.proven))).toEqual([]);
    const asked = () => new Set(rig.attempts.slice(before).map(({ share }) => `${share.client}/${share.timestampMs}`));
    expect(asked().size).toBe(ROOM.shares);
    const [late] = peers.slice(-1);
    if (!late) throw new Error("no miner");
    expect(await send(rig, late, [submit(7), GET_WORK])).toEqual([NOT_READY(7), expect.stringContaining('"id":5')]);
    expect(asked().size).toBe(ROOM.shares);
    // A block is not lost to too many shares.
    rig.resultOf = () => new Uint8Array(32);
    expect(await send(rig, late, [submit(9)])).toEqual([]);
    expect(asked().size).toBe(ROOM.shares + 1);
    expect(rig.logged.filter((line) => line.includes("shares are refused"))).toEqual([
      expect.stringContaining("198.51.0.9"),
    ]);
    // For /health: the next one that has a place takes it along, once.
    expect(noRoomTold(rig)).toEqual([{ shares: 1, connections: 0 }]);
    await answer();
    expect(late.read()).toEqual([GRANTED(9)]);
    rig.verdict = async () => accepted;
    expect(await send(rig, late, [submit(7)])).toEqual([GRANTED(7)]);
    const answered = peers.flatMap((peer) => peer.read());
    expect(answered).toHaveLength(ROOM.shares);
    expect(rig.room.shares).toBe(0);
  });

  it("leave room to whoever has had a valid one: clients that have not take half", async () => {
    const rig = new SessionRig();
    const known = await miner(rig, 0);
    silent(rig);
    for (let number = 1; number <= ROOM.unprovenShares / IN_FLIGHT.unproven; number++) {
      const peer = await rig.loggedIn({ ip: `203.0.113.${number}` });
      expect(await send(rig, peer, shares(IN_FLIGHT.unproven))).toEqual([]);
    }
    const stranger = await rig.loggedIn({ ip: "203.0.113.200" });
    expect(await send(rig, stranger, [submit(7)])).toEqual([NOT_READY(7)]);
    expect(await send(rig, known, [submit(8)])).toEqual([]);
    expect(rig.room.shares).toBe(ROOM.unprovenShares + 1);
  });

  it("that no longer can come back, as their object was reset, take no room for ever", () => {
    const room = new IsolateRoom(() => new Uint8Array(32).fill(0xff));
    const share = { nonce: "0x1", mixDigest: null, job: job("a") };
    for (let at = 0; at < ROOM.shares; at++) room.takeShare(share, true, 0);
    expect(room.takeShare(share, true, 359_999)).toBeNull();
    expect(room.takeShare(share, true, 360_000)).not.toBeNull();
    expect(room.shares).toBe(1);
  });
});

/** Logged in, and stopped: its client has as many shares in flight as it may. */
async function stopped(rig: SessionRig, number: number): Promise<FakePeer> {
  const peer = await rig.loggedIn({ ip: `203.0.${Math.floor(number / 250)}.${(number % 250) + 1}` });
  void rig.frame(peer, `${shares(IN_FLIGHT.unproven + 1).join("\n")}\n`);
  await settled();
  return peer;
}

describe("what a verifier is told of rooms", () => {
  it("is told for an hour", () => {
    const tally = new NoRoomTally();
    tally.add({ shares: 2, connections: 0 }, 0);
    tally.add({ shares: 1, connections: 3 }, 30_000);
    tally.add({ shares: 5, connections: 0 }, 600_000);
    expect(tally.recent(3_599_999)).toEqual({ shares: 8, connections: 3 });
    expect(tally.recent(3_600_000)).toEqual({ shares: 5, connections: 0 });
    expect(tally.recent(4_200_000)).toEqual({ shares: 0, connections: 0 });
  });
});

describe("what an isolate's connections have waiting", () => {
  const FRAME = `${GET_WORK}\n`.repeat(100);
  const COST = FRAME.length + INPUT_BOUNDS.frameCost;

  it("is bounded for all of them together; who is greedy has to come back, is not reported, and leaves room for the next", async () => {
    const rig = new SessionRig();
    silent(rig);
    const greedy: FakePeer[] = [];
    for (let number = 0; number < 30; number++) greedy.push(await stopped(rig, number));
    let kept = 0;
    for (const peer of greedy) {
      const before = kept;
      for (let bytes = 0; bytes < INPUT_BOUNDS.queuedBytes - 2 * COST && peer.closed === null; bytes += COST) {
        void rig.frame(peer, FRAME);
        if (peer.closed === null) kept += COST;
      }
      // What one that was closed had waiting is nobody's any more.
      if (peer.closed !== null) kept = before;
      await settled();
    }
    expect(kept).toBeLessThanOrEqual(ROOM.inputBytes);
    expect(greedy.filter(({ closed }) => closed !== null).length).toBeGreaterThan(20);
    const reasons = new Set(greedy.flatMap(({ closed }) => (closed === null ? [] : [closed.reason, closed.code])));
    expect(reasons).toEqual(new Set(["No room", 1012]));
    expect(rig.reports).toEqual([]);
    const honest = await rig.loggedIn({ ip: "198.51.100.1" });
    expect(await rig.say(honest, GET_WORK)).toHaveLength(1);
    const connections = greedy.filter(({ closed }) => closed !== null).length;
    void send(rig, honest, [submit(7)]);
    await rig.clock.pass(200);
    expect(noRoomTold(rig)).toEqual([{ shares: 0, connections }]);
  });

  it("costs its bytes and no turn of its own: whoever brings a frame behind others does not wait for it", async () => {
    const rig = new SessionRig();
    const answer = silent(rig);
    const peer = await stopped(rig, 1);
    void rig.frame(peer, `${GET_WORK}\n`);
    let brought = 0;
    for (let frame = 0; frame < 10; frame++) void rig.frame(peer, `${GET_WORK}\n`).then(() => (brought += 1));
    await settled();
    expect([brought, peer.read()]).toEqual([10, []]);
    await answer();
    await answer();
    const answers = peer.read();
    expect(answers.filter((line) => line.startsWith('{"id":5,'))).toHaveLength(11);
    expect(answers).toHaveLength(11 + IN_FLIGHT.unproven + 1);
  });
});
