import { describe, expect, it } from "vitest";
import { allWithin } from "../../../core/clock.ts";
import { ShareSubmitter } from "../../../core/session/share-submitter.ts";
import { SubmissionTimes } from "../../../core/session/submission-times.ts";
import type { ShareSubmission, ShareVerdict } from "../../../core/shares/share.ts";
import { makeJob, submission } from "../../support/proofs.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { CarriedRig } from "./carried-rig.ts";

const accepted: ShareVerdict = { kind: "accepted", block: false };
const job = makeJob(1);

const [SHARE, BLOCK] = [`0x${"5".repeat(64)}`, `0x${"b".repeat(64)}`];

/** A submitter before a verifier that takes its time, and what was called. */
function setUp(
  options: {
    readonly knowsBundles?: boolean;
    readonly slow?: string;
    readonly takesMs?: number;
    readonly mixDigest?: string;
  } = {},
) {
  const clock = new VirtualClock();
  const calls: { readonly shares: readonly ShareSubmission[]; readonly atMs: number }[] = [];
  const startMs = clock.nowMs();
  const judged = new Map<string, Promise<ShareVerdict>>();
  const begin = (share: ShareSubmission) =>
    new Promise<ShareVerdict>((resolve) => {
      clock.after(share.nonce === options.slow ? 900 : (options.takesMs ?? 20), () => resolve(accepted));
    });
  // The same again joins the first.
  const judge = (share: ShareSubmission) => {
    const verdict = judged.get(share.nonce) ?? begin(share);
    judged.set(share.nonce, verdict);
    return verdict;
  };
  const note = (shares: readonly ShareSubmission[]) => calls.push({ shares, atMs: clock.nowMs() - startMs });
  const submitter = new ShareSubmitter({
    clock,
    log: { warn: () => undefined },
    shards: 1,
    times: new SubmissionTimes(),
    resultOf: (_header, _nonce, mixDigest) => new Uint8Array(32).fill(mixDigest === BLOCK ? 0 : 0xff),
    submit: async (_, share) => {
      note([share]);
      return await judge(share);
    },
    submitAll: async (_, shares) => {
      note(shares);
      if (options.knowsBundles === false) throw new TypeError('the receiver does not implement the method "submitAll"');
      return await allWithin(clock, 250, shares.map(judge));
    },
  });
  const verdicts: (ShareVerdict & { readonly atMs: number })[] = [];
  let nonce = 0;
  const submit = (mixDigest: string | null = options.mixDigest ?? null): string => {
    const share = submission(job, { nonce: `0x${(nonce++).toString(16).padStart(16, "0")}`, mixDigest });
    const sentMs = clock.nowMs();
    void submitter.submit(share, sentMs).then((verdict) => verdicts.push({ ...verdict, atMs: clock.nowMs() - sentMs }));
    return share.nonce;
  };
  return { clock, calls, verdicts, submit };
}

describe("the shares of a login", () => {
  it("go at once where they come alone", async () => {
    const { clock, calls, submit } = setUp();
    for (let at = 0; at < 5; at++) {
      submit();
      await clock.pass(30);
    }
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 30, 60, 90, 120]);
    expect(calls.every(({ shares }) => shares.length === 1 && shares[0]?.waitedMs === 0)).toBe(true);
  });

  it("of a farm go together: at 200 a second in a fifth of the calls, at 1,000 in a fifteenth, and none waits longer than 25 ms", async () => {
    for (const [perSecond, fewer] of [
      [200, 5],
      [1_000, 15],
    ] as const) {
      const { clock, calls, verdicts, submit } = setUp();
      for (let at = 0; at < 2 * perSecond; at++) {
        submit();
        await clock.pass(1_000 / perSecond);
      }
      await clock.pass(100);
      expect(verdicts).toHaveLength(2 * perSecond);
      expect(calls.length).toBeLessThanOrEqual((2 * perSecond) / fewer + 1);
      expect(Math.max(...verdicts.map(({ atMs }) => atMs))).toBeLessThanOrEqual(25 + 20);
      expect(calls.flatMap(({ shares }) => shares).every(({ waitedMs = -1 }) => waitedMs >= 0 && waitedMs <= 25)).toBe(
        true,
      );
    }
  });

  it("of a small farm, which claim to be no blocks, go together, too: five and more a call, none waits longer than 100 ms", async () => {
    for (const perSecond of [60, 80, 100, 150, 200]) {
      const { clock, calls, verdicts, submit } = setUp({ mixDigest: SHARE });
      for (let at = 0; at < 10 * perSecond; at++) {
        submit();
        await clock.pass(1_000 / perSecond);
      }
      await clock.pass(200);
      expect(verdicts).toHaveLength(10 * perSecond);
      // Its first second is that of a farm that is not known yet.
      const since = calls.filter(({ atMs }) => atMs > 2_000);
      const shares = since.reduce((sum, call) => sum + call.shares.length, 0);
      expect(shares / since.length).toBeGreaterThanOrEqual(5);
      expect(Math.max(...verdicts.map(({ atMs }) => atMs))).toBeLessThanOrEqual(100 + 20);
    }
  });

  it("at thirty a second go as they come, claimed or not", async () => {
    for (const mixDigest of [SHARE, undefined]) {
      const { clock, calls, submit } = setUp(mixDigest === undefined ? {} : { mixDigest });
      for (let at = 0; at < 300; at++) {
        submit();
        await clock.pass(1_000 / 30);
      }
      expect(calls).toHaveLength(300);
    }
  });

  it("of a farm go at once where one claims to be a block, and in 25 ms where it may be one", async () => {
    const { clock, calls, submit } = setUp({ mixDigest: SHARE });
    for (let at = 0; at < 300; at++) {
      submit();
      await clock.pass(12);
    }
    const callOf = (nonce: string) => calls.find(({ shares }) => shares.some((share) => share.nonce === nonce));
    await clock.pass(3);
    const before = calls.length;
    const share = submit();
    const block = submit(BLOCK);
    await clock.pass(1);
    expect(calls).toHaveLength(before + 1);
    expect(callOf(block)).toBe(callOf(share));
    submit();
    await clock.pass(1);
    const unclaimed = submit(null);
    await clock.pass(24);
    expect(callOf(unclaimed)?.shares).toHaveLength(2);
  });

  it("do not wait for the slowest of a call: it is asked for again, as the same", async () => {
    const { clock, calls, verdicts, submit } = setUp({ slow: "0x0000000000000003" });
    for (let at = 0; at < 6; at++) submit();
    await clock.pass(300);
    expect(verdicts).toHaveLength(5);
    await clock.pass(2_000);
    expect(verdicts).toHaveLength(6);
    const [first, again] = calls.flatMap(({ shares }) => shares).filter(({ nonce }) => nonce === "0x0000000000000003");
    expect(again).toMatchObject({ retry: true, timestampMs: first?.timestampMs });
  });

  it("of a call that a busy verifier owes are asked for again together: it is not kept busier by questions", async () => {
    const { clock, calls, verdicts, submit } = setUp({ takesMs: 400 });
    for (let at = 0; at < 16; at++) submit();
    await clock.pass(1_000);
    expect(verdicts).toHaveLength(16);
    // The first one went alone, as nothing waited yet.
    expect(calls.map(({ shares }) => shares.length)).toEqual([1, 15, 15]);
    expect(calls[2]?.shares.map((share) => share.retry)).toEqual(Array.from({ length: 15 }, () => true));
    expect(calls[2]?.shares.map((share) => share.timestampMs)).toEqual(calls[1]?.shares.map((one) => one.timestampMs));
  });

  it("go singly to a verifier that knows no bundles, as during a deploy, for a minute", async () => {
    const { clock, calls, verdicts, submit } = setUp({ knowsBundles: false });
    for (let at = 0; at < 6; at++) submit();
    await clock.pass(200);
    expect(verdicts.map(({ kind }) => kind)).toEqual(Array.from({ length: 6 }, () => "accepted"));
    for (let at = 0; at < 6; at++) submit();
    await clock.pass(200);
    expect(verdicts).toHaveLength(12);
    expect(calls.filter(({ shares }) => shares.length > 1)).toHaveLength(1);
    await clock.pass(60_000);
    for (let at = 0; at < 6; at++) submit();
    await clock.pass(200);
    expect(calls.filter(({ shares }) => shares.length > 1)).toHaveLength(2);
  });

  it("go on by a relay's socket while calls go singly", async () => {
    const rig = new CarriedRig();
    const { session, verifier } = rig;
    verifier.fate = (by) => (by === "session" ? "lostBefore" : "well");
    for (let at = 0; at < 3; at++) session.submit("share", false);
    await rig.clock.pass(40);
    verifier.fate = () => "well";
    await rig.clock.pass(2_000);
    verifier.calls.length = 0;
    session.submit();
    await rig.clock.pass(100);
    expect(verifier.calls.map(({ by }) => by)).toEqual(["relay"]);
    expect(session.verdicts).toHaveLength(4);
  });
});
