import { describe, expect, it } from "vitest";
import type { Clock } from "../../../core/clock.ts";
import { readVerdicts, sharesText } from "../../../core/shares/carried-text.ts";
import type { JudgedShare, ShareSubmission } from "../../../core/shares/share.ts";
import { ShareRelay, WAY_MS } from "../../../core/work/share-relay.ts";
import { makeJob, submission } from "../../support/proofs.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";

const job = makeJob(1);
const ACCEPTED: JudgedShare = { kind: "accepted", block: false };
const loginOf = (at: number) => `0x${at.toString(16).padStart(40, "0")}`;

interface Call {
  readonly verifier: string;
  readonly shares: readonly ShareSubmission[];
  readonly answer: (verdicts: readonly (JudgedShare | null)[]) => void;
}

/** A relay whose verifiers answer when the test says so. */
function setUp(over: Partial<Clock> = {}) {
  const clock = new VirtualClock();
  const calls: Call[] = [];
  const timers: number[] = [];
  const relay = new ShareRelay({
    clock: {
      nowMs: () => clock.nowMs(),
      after: (delayMs, work) => (timers.push(delayMs), clock.after(delayMs, work)),
      ...over,
    },
    submitAll: async (verifier, shares) => {
      const { promise, resolve } = Promise.withResolvers<readonly (JudgedShare | null)[]>();
      calls.push({ verifier, shares, answer: resolve });
      return await promise;
    },
  });
  const answers: { readonly number: number; readonly verdicts: readonly (JudgedShare | null)[] | null }[] = [];
  const hear = (text: string): void => {
    const answer = readVerdicts(text);
    if (answer === null) throw new Error(`no verdicts: ${text}`);
    answers.push(answer);
  };
  let [number, nonce] = [0, 0];
  /** A message with so many shares of a login. @returns its number */
  const say = (
    login = loginOf(1),
    count = 1,
    verifier = "shard-0",
    answer = hear,
    more: Partial<ShareSubmission> = {},
  ): number => {
    const shares = Array.from({ length: count }, () =>
      submission(job, { nonce: `0x${(++nonce).toString(16).padStart(16, "0")}`, mixDigest: null }, { login, ...more }),
    );
    const text = sharesText({ number: ++number, verifier, shares });
    if (text === null || !relay.take(login, text, answer)) throw new Error("not taken");
    return number;
  };
  /** Two full calls, after which so much comes that company is worth waiting for. */
  const busy = (): void => {
    for (const login of [8, 9]) say(loginOf(login), 16);
    calls.length = timers.length = 0;
  };
  return { clock, relay, calls, timers, answers, say, busy };
}

describe("a relay with shares", () => {
  it("says at once that it takes no more where 1,024 shares wait, in however few messages", async () => {
    const { clock, answers, calls, say } = setUp();
    for (let message = 0; message < 64; message += 1) say(loginOf(1), 16);
    await settled();
    expect([answers, calls.length]).toEqual([[], 64]);
    const refused = say();
    expect(answers).toEqual([{ number: refused, verdicts: null }]);
    calls[0]?.answer(Array.from({ length: 16 }, () => ACCEPTED));
    await settled();
    say(loginOf(2), 16);
    await clock.pass(30);
    expect([calls.length, answers.length]).toEqual([65, 2]);
  });

  it("reckons with every share of a message, and not with the message, when it is to be worth waiting for others", async () => {
    const { clock, calls, say, busy } = setUp();
    busy();
    say();
    await settled();
    expect(calls).toEqual([]);
    await clock.pass(22);
    expect(calls).toHaveLength(1);
  });

  it("has one timer for all that wait, and calls nobody when it rings and all are gone", async () => {
    const { clock, calls, timers, say, busy } = setUp();
    busy();
    for (let at = 0; at < 5; at += 1) say(loginOf(at));
    expect(timers).toHaveLength(1);
    say(loginOf(6), 16);
    expect(calls.map(({ shares }) => shares.length)).toEqual([21]);
    await clock.pass(50);
    expect(calls).toHaveLength(1);
  });

  it("needs none for what is due by one that is set already, also after another one has rung before it", async () => {
    const { clock, calls, timers, say, busy } = setUp();
    busy();
    say();
    say(loginOf(2), 1, "shard-0", undefined, { waitedMs: 10 });
    await clock.pass(5);
    say();
    await clock.pass(10);
    say();
    expect(calls.map(({ shares }) => shares.length)).toEqual([2, 1]);
    // Two of those are limits on the answers to the calls.
    expect(timers).toHaveLength(3 + 2);
    await clock.pass(22);
    expect(calls.map(({ shares }) => shares.length)).toEqual([2, 1, 1]);
  });

  it("lets nothing wait longer where its clock is put back", async () => {
    const world = { backMs: 0 };
    const played = new VirtualClock();
    const { calls, say, busy } = setUp({
      nowMs: () => played.nowMs() - world.backMs,
      after: (delayMs, work) => played.after(delayMs, work),
    });
    busy();
    say();
    world.backMs = 60_000;
    say();
    await played.pass(22);
    expect(calls.map(({ shares }) => shares.length)).toEqual([2]);
    expect(calls[0]?.shares.every(({ waitedMs = 0 }) => waitedMs >= 0)).toBe(true);
  });

  it("tells the verifier how long a share has waited: in its session, here, and for the longer way", async () => {
    const { clock, calls, say, busy } = setUp();
    busy();
    say(loginOf(1), 1, "shard-0", undefined, { waitedMs: 5 });
    await clock.pass(9);
    expect(calls.map(({ shares }) => shares.map(({ waitedMs }) => waitedMs))).toEqual([[5 + 9 + WAY_MS]]);
    // Of a session whose clock was put back.
    say(loginOf(1), 1, "shard-0", undefined, { waitedMs: -60_000 });
    await clock.pass(22);
    expect(calls).toHaveLength(2);
  });

  it("takes no message with a share of another login, not even among others of the right one", () => {
    const { relay, calls } = setUp();
    const shares = [loginOf(1), loginOf(2)].map((login, at) =>
      submission(job, { nonce: `0x${at.toString().padStart(16, "0")}`, mixDigest: null }, { login }),
    );
    const text = sharesText({ number: 1, verifier: "shard-0", shares }) ?? "";
    expect(relay.take(loginOf(1), text, () => undefined)).toBe(false);
    expect(calls).toEqual([]);
  });

  it("calls each verifier for its own, and waits for nobody where little comes for it", async () => {
    const { clock, calls, say, busy } = setUp();
    busy();
    say(loginOf(1), 1, "shard-0");
    say(loginOf(2), 1, "shard-1");
    await clock.pass(30);
    expect(calls.map(({ verifier, shares }) => [verifier, shares.map(({ login }) => login)])).toEqual([
      ["shard-1", [loginOf(2)]],
      ["shard-0", [loginOf(1)]],
    ]);
  });

  it("answers everybody else where one of a call has gone", async () => {
    const { clock, answers, calls, say, busy } = setUp();
    busy();
    say(loginOf(1), 1, "shard-0", () => {
      throw new Error("closed");
    });
    const other = say(loginOf(2), 2);
    await clock.pass(22);
    calls[0]?.answer([{ kind: "invalid" }, ACCEPTED, null]);
    await settled();
    expect(answers).toEqual([{ number: other, verdicts: [ACCEPTED, null] }]);
  });
});
