import { expect, it } from "vitest";
import { MOST_SENT_BYTES } from "../../../core/session/output-bound.ts";
import { type FakePeer, GET_WORK, job, SessionRig, submit } from "./session-rig.ts";

const CLOSED = { code: 1012, reason: "Sent too much without a share" };
const ASKED_AT_ONCE = 500;

/** Asks for work, over and over. @returns bytes that it was sent */
async function ask(rig: SessionRig, peer: FakePeer, most = Infinity): Promise<number> {
  let bytes = 0;
  while (peer.closed === null && bytes < most) {
    void rig.frame(peer, `${GET_WORK}\n`.repeat(ASKED_AT_ONCE));
    await rig.clock.pass(1_000);
    bytes += peer.read().reduce((sum, line) => sum + line.length, 0);
  }
  return bytes;
}

it("a peer that asks and asks, and perhaps reads nothing, is sent a megabyte and is to come back then; nobody is told", async () => {
  const rig = new SessionRig();
  const [peer, other] = [await rig.loggedIn(), await rig.loggedIn()];
  const sent = await ask(rig, peer);
  expect(peer.closed).toEqual(CLOSED);
  expect(sent).toBeLessThanOrEqual(MOST_SENT_BYTES);
  expect(sent).toBeGreaterThan(MOST_SENT_BYTES - 1_000);
  expect(rig.reports).toEqual([]);
  expect(await rig.say(other, GET_WORK)).toHaveLength(1);
});

it("a valid share lets it have as much again, an invalid or a stale one does not", async () => {
  const rig = new SessionRig();
  const [honest, junk] = [await rig.loggedIn(), await rig.loggedIn({ ip: "198.51.100.7" })];
  for (const peer of [honest, junk]) await ask(rig, peer, MOST_SENT_BYTES - 2 * 300 * ASKED_AT_ONCE);
  await rig.say(honest, submit(1));
  rig.verdict = async () => ({ kind: "invalid" });
  await rig.say(junk, submit(2), submit(3, "f"));
  await ask(rig, junk);
  expect(junk.closed).toEqual(CLOSED);
  expect(await ask(rig, honest)).toBeGreaterThan(MOST_SENT_BYTES - 1_000);
});

it("what nobody has asked for counts as well, and over hibernations", async () => {
  const rig = new SessionRig();
  const peer = await rig.loggedIn();
  let bytes = 0;
  for (let sequence = 2; peer.closed === null && sequence < 10_000; sequence++) {
    await rig.sessions.push(rig.snapshot(sequence, [job(sequence % 2 === 0 ? "b" : "a", 1_000 + sequence)]));
    bytes += peer.read().reduce((sum, line) => sum + line.length, 0);
    if (sequence % 500 === 0) rig.hibernate();
  }
  expect(peer.closed).toEqual(CLOSED);
  expect(bytes).toBeGreaterThan(MOST_SENT_BYTES - 1_000);
});
