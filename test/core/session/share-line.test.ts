import { describe, expect, it } from "vitest";
import { ShareLine, type ShareSocket } from "../../../core/session/share-line.ts";
import { readShares, verdictsText } from "../../../core/shares/carried-text.ts";
import type { JudgedShare, ShareSubmission } from "../../../core/shares/share.ts";
import { makeJob, submission } from "../../support/proofs.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";

const VERIFIER = "shard-0";
const job = makeJob(1);
let serial = 0;
const newShare = (more: Partial<ShareSubmission> = {}) =>
  submission(job, { nonce: `0x${(++serial).toString(16).padStart(16, "0")}`, mixDigest: null }, more);

const ACCEPTED: JudgedShare = { kind: "accepted", block: false };
const INVALID: JudgedShare = { kind: "invalid" };

/** A relay's socket, whose other end the test is. */
class HeldSocket implements ShareSocket {
  readonly sent: string[] = [];

  send(text: string): void {
    this.sent.push(text);
  }

  /** The number of a message that went by it. */
  number(at: number): number {
    const asked = readShares(this.sent[at] ?? "");
    if (asked === null) throw new Error(`no shares at ${at}`);
    return asked.number;
  }
}

/** A session's line at a relay. */
function setUp(clock = new VirtualClock(), heard: (share: ShareSubmission) => void = () => undefined) {
  const world = { socket: new HeldSocket() };
  const line = new ShareLine({ clock, socket: () => world.socket, heard });
  /** What each question was told, by the order of the questions; undefined for one that waits. */
  const told: ((JudgedShare | null)[] | null | undefined)[] = [];
  const ask = (...shares: ShareSubmission[]) => {
    const at = told.push(undefined) - 1;
    void line.ask(VERIFIER, shares).then((verdicts) => (told[at] = verdicts && [...verdicts]));
  };
  const answer = (socket: HeldSocket, number: number, ...verdicts: JudgedShare[]) =>
    line.hear(socket, verdictsText({ number, verdicts }));
  return { clock, world, line, told, ask, answer };
}

/** A share is at one of two relays, and another one at the second. */
async function moved() {
  const rig = setUp();
  const first = rig.world.socket;
  rig.ask(newShare());
  const second = (rig.world.socket = new HeldSocket());
  rig.ask(newShare());
  await settled();
  return { ...rig, first, second };
}

describe("a session with the sockets of two relays, as when their number has changed", () => {
  it("has its shares asked for by calls that are at the one that ends, and no others", async () => {
    const { line, told, answer, first, second } = await moved();
    line.lost(second);
    await settled();
    expect(told).toEqual([undefined, null]);
    answer(first, first.number(0), ACCEPTED);
    await settled();
    expect(told).toEqual([[ACCEPTED], null]);
  });

  it("hears from neither what was asked of the other", async () => {
    const { told, answer, first, second } = await moved();
    expect(answer(second, first.number(0), INVALID)).toBe(true);
    expect(answer(first, second.number(0), INVALID)).toBe(true);
    await settled();
    expect(told).toEqual([undefined, undefined]);
    answer(second, second.number(0), ACCEPTED);
    answer(first, first.number(0), ACCEPTED);
    await settled();
    expect(told).toEqual([[ACCEPTED], [ACCEPTED]]);
  });
});

describe("the number of a message", () => {
  it("is its own, however many go in one moment", async () => {
    const { world, told, ask, answer } = setUp();
    for (let at = 0; at < 5; at += 1) ask(newShare());
    const { socket } = world;
    const numbers = [0, 1, 2, 3, 4].map((at) => socket.number(at));
    expect(new Set(numbers).size).toBe(5);
    for (const [at, number] of numbers.entries()) answer(socket, number, at === 2 ? INVALID : ACCEPTED);
    await settled();
    expect(told).toEqual([[ACCEPTED], [ACCEPTED], [INVALID], [ACCEPTED], [ACCEPTED]]);
  });

  it("is none of a former life's, which may be answered in the next one", async () => {
    const former = setUp();
    for (let at = 0; at < 5; at += 1) former.ask(newShare());
    const numbers = [0, 1, 2, 3, 4].map((at) => former.world.socket.number(at));
    former.clock.spend(1);
    const next = setUp(former.clock);
    for (let at = 0; at < 5; at += 1) next.ask(newShare());
    for (const number of numbers) expect(next.answer(next.world.socket, number, INVALID)).toBe(true);
    await settled();
    expect(next.told).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
});

describe("shares that a session has at a relay", () => {
  it("are asked for by a call at once where they are more than a relay reads, and nothing goes to it", async () => {
    const { world, told, ask } = setUp();
    ask(...Array.from({ length: 17 }, () => newShare()));
    ask(newShare({ client: "x".repeat(65_536) }));
    await settled();
    expect([told, world.socket.sent]).toEqual([[null, null], []]);
  });

  it("are all asked for by calls that have waited for two seconds, and only these", async () => {
    const { clock, line, told, ask } = setUp();
    ask(newShare());
    ask(newShare());
    clock.spend(500);
    ask(newShare());
    clock.spend(1_500);
    line.lookAfter();
    await settled();
    expect(told).toEqual([null, null, undefined]);
    clock.spend(500);
    line.lookAfter();
    await settled();
    expect(told).toEqual([null, null, null]);
  });

  it("have their verdicts also where what came beside one of them could not be passed on", async () => {
    const { world, told, ask, answer } = setUp(undefined, () => {
      throw new Error("no news today");
    });
    ask(newShare(), newShare());
    expect(() => answer(world.socket, world.socket.number(0), ACCEPTED, INVALID)).toThrow("no news today");
    await settled();
    expect(told).toEqual([[ACCEPTED, INVALID]]);
  });
});
