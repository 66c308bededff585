import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sleep } from "../../../core/clock.ts";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import { settled } from "../../support/virtual-clock.ts";
import { GET_WORK, GRANTED, IP, job, LOGIN, LOGIN_LINE, SessionRig, submit } from "./session-rig.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Everything that a byte stream leads to, cut into these frames. */
async function outcome(frames: readonly Uint8Array[]) {
  const rig = new SessionRig();
  // Verdicts come when everything has been said: how they mingle with other answers is chance.
  rig.verdict = async () => {
    await sleep(rig.clock, 1);
    return { kind: "accepted", block: false };
  };
  const peer = rig.connect();
  for (const frame of frames) await rig.frame(peer, frame);
  await rig.clock.pass(1);
  // What follows in a connection that has been closed is nobody's business.
  const partial = peer.closed ? null : rig.sessions.connection(peer)?.record.partial;
  const shares = rig.attempts.map(({ share }) => share.worker);
  return { lines: peer.lines, closed: peer.closed, reports: rig.reports, partial, shares };
}

describe("frames", () => {
  const line = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(GET_WORK, submit(40), submit(41, "7"), submit(42, "b", ',"worker":"räg"'), ""),
    },
    fc.constantFrom("{", '"😀"', "x".repeat(1_024), "x".repeat(1_025)),
  );

  it("may cut the stream anywhere, inside a character too: answers, shares, reports and what is left are the same", async () => {
    const stream = fc
      .tuple(fc.array(line, { maxLength: 6 }), fc.constantFrom("\n", "\r\n"), fc.boolean())
      .map(([said, end, ended]) => encode([LOGIN_LINE, ...said].join(end) + (ended ? end : "")));
    const cuts = fc.array(fc.nat({ max: 4_000 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(stream, cuts, async (whole, places) => {
        const ends = [...places.map((place) => place % whole.length), whole.length].toSorted((a, b) => a - b);
        const frames = ends.map((end, index) => whole.slice(ends[index - 1] ?? 0, end));
        expect(await outcome(frames)).toEqual(await outcome([whole]));
      }),
      { seed: 20261126, numRuns: 100 },
    );
  });

  it("are handled in order though the first waits for the lists", async () => {
    const rig = new SessionRig();
    const { promise, resolve } = Promise.withResolvers<void>();
    const { lists } = rig;
    rig.sessions = rig.sessionsWith({
      lists: async () => {
        await promise;
        return lists;
      },
    });
    const peer = rig.connect();
    const handled = [rig.frame(peer, `${LOGIN_LINE}\n`), rig.frame(peer, `${GET_WORK}\n`)];
    await settled();
    expect(peer.read()).toEqual([]);
    resolve();
    await Promise.all(handled);
    expect(peer.read().map((text) => /"id":(\d+)/.exec(text)?.[1])).toEqual(["1", "0", "5"]);
  });

  it("renew the idle deadline, whatever is in them", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.clock.pass(119_000);
    await rig.frame(peer, "\n");
    await rig.clock.pass(119_000);
    await rig.sessions.sweep();
    expect(peer.closed).toBeNull();
  });
});

describe("verdicts", () => {
  it("are not waited for: other requests are answered meanwhile, and verdicts in the order in which they come", async () => {
    const rig = new SessionRig();
    const waiting: ((verdict: ShareVerdict) => void)[] = [];
    rig.verdict = () => new Promise((resolve) => waiting.push(resolve));
    const peer = await rig.loggedIn();
    expect(await rig.say(peer, submit(40), submit(41), GET_WORK)).toHaveLength(1);
    await rig.clock.pass(25);
    waiting[1]?.({ kind: "accepted", block: false });
    await settled();
    waiting[0]?.({ kind: "duplicate" });
    await settled();
    expect(peer.read()).toEqual([
      GRANTED(41),
      '{"id":40,"jsonrpc":"2.0","result":null,"error":{"code":22,"message":"Duplicate share"}}',
    ]);
  });

  it("are reported, valid and invalid ones before the answer, and a refusal closes", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    await rig.say(peer, submit(1));
    await rig.clock.pass(25);
    rig.verdict = async () => ({ kind: "duplicate" });
    await rig.say(peer, submit(2));
    await rig.clock.pass(25);
    rig.verdict = async () => ({ kind: "unavailable", reason: "outbox full" });
    await rig.say(peer, submit(3));
    await rig.clock.pass(25);
    rig.verdict = async () => ({ kind: "invalid" });
    rig.allows = (event) => event !== "invalidShare";
    expect(await rig.say(peer, submit(4))).toEqual([
      '{"id":4,"jsonrpc":"2.0","result":null,"error":{"code":23,"message":"Invalid share"}}',
    ]);
    expect(rig.reports).toEqual([
      [IP, "validShare"],
      [IP, "invalidShare"],
    ]);
    expect(peer.closed).toEqual({ code: 1008, reason: "Invalid share" });
    expect(rig.logged.join()).toContain("outbox full");
  });
});

describe("a connection that ends", () => {
  it("is asked to come back when the pool fails inside, in a line or in a verdict", async () => {
    const rig = new SessionRig();
    const [one, two] = [rig.connect(), await rig.loggedIn()];
    rig.sessions.authenticate = () => Promise.reject(new Error("out of order"));
    await rig.say(one, LOGIN_LINE);
    rig.allows = () => {
      throw new Error("out of order, too");
    };
    await rig.say(two, submit(1));
    expect([one.closed, two.closed]).toEqual([
      { code: 1012, reason: "Please reconnect" },
      { code: 1012, reason: "Please reconnect" },
    ]);
    expect(rig.logged).toHaveLength(2);
  });

  it("is closed when the guard wants the client gone, and says nothing more", async () => {
    const rig = new SessionRig();
    rig.allows = () => false;
    const peer = rig.connect();
    await rig.say(peer, '{"id":1,"method":"mining.subscribe","params":["a","EthereumStratum/1.0.0"]}');
    const replies = await rig.say(peer, '{"id":4,"method":"mining.nonsense","params":[]}', GET_WORK);
    expect(replies).toEqual([expect.stringContaining("Method not found")]);
    expect(peer.closed).toEqual({ code: 1008, reason: "Refused" });
  });

  it("loses nothing else when the peer is gone before its answer", async () => {
    const rig = new SessionRig();
    const { promise, resolve } = Promise.withResolvers<ShareVerdict>();
    rig.verdict = () => promise;
    const peer = await rig.loggedIn();
    await rig.say(peer, submit(40));
    peer.close(1006, "");
    await rig.leave(peer);
    resolve({ kind: "accepted", block: false });
    await settled();
    expect(rig.logged).toEqual([]);
    expect(rig.reports).toEqual([[IP, "validShare"]]);
  });

  it("gets the job of the moment and the next one pushed while it lasts, each in a write of its own", async () => {
    const rig = new SessionRig();
    const peer = await rig.loggedIn();
    const early = rig.connect();
    expect(await rig.sessions.push(rig.snapshot(2, [job("c"), job("a")]))).toBe(2);
    expect(peer.read()).toEqual([expect.stringContaining(job("c").header)]);
    expect(early.read()).toEqual([]);
    expect(new Set(rig.subscriptions)).toEqual(new Set([`main ${LOGIN}`]));
  });

  it("keeps the snapshot that was pushed, which a thousand logins of an isolate have together", async () => {
    const rig = new SessionRig();
    await rig.loggedIn();
    rig.hasLine = true;
    const pushed = rig.snapshot(2, [job("c"), job("a")]);
    await rig.sessions.push(pushed);
    expect(rig.sessions.work).toBe(pushed);
    expect(rig.keptWork).toBe(pushed);
  });
});
