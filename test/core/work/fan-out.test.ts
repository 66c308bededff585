import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { FanOut } from "../../../core/work/fan-out.ts";
import type { WorkSnapshot } from "../../../core/work/job.ts";
import { deferred, ManualTime, settle, type Deferred } from "./support/deferred.ts";

function workOf(sequence: number): WorkSnapshot {
  const terms = { networkDifficulty: 131_072n, poolDifficulty: 10n, classTable: 0 } as const;
  const current = { header: `0x${sequence}`, seed: "0x0", height: sequence, ...terms };
  return { sequence, current, jobs: [current], confirmedAtMs: sequence };
}

interface Delivery {
  readonly target: string;
  readonly sequence: number;
  readonly reply: Deferred<number>;
}

function setUp({ concurrency = 100, answer = (_delivery: Delivery): void => {} } = {}) {
  const time = new ManualTime();
  const deliveries: Delivery[] = [];
  const gone: string[] = [];
  const fanOut = new FanOut({
    send: (target, work) => {
      const delivery = { target, sequence: work.sequence, reply: deferred<number>() };
      deliveries.push(delivery);
      answer(delivery);
      return delivery.reply.promise;
    },
    onGone: (target) => void gone.push(target),
    wait: time.wait,
    concurrency,
    slowAfterMs: 1000,
  });
  const to = (target: string) => deliveries.filter((delivery) => delivery.target === target);
  const sent = (target: string) => to(target).map((delivery) => delivery.sequence);
  return { time, fanOut, deliveries, gone, to, sent };
}

describe("fan-out", () => {
  it("brings new work to every target", async () => {
    const { fanOut, deliveries } = setUp({ answer: ({ reply }) => reply.resolve(1) });
    for (let n = 0; n < 250; n += 1) fanOut.add(`miner-${n}`);
    fanOut.publish(workOf(1));
    await settle();
    expect(new Set(deliveries.map(({ target }) => target)).size).toBe(250);
    expect(deliveries.length).toBe(250);
    expect(fanOut.pending).toBe(false);
  });

  it("has no more deliveries under way than it may", async () => {
    const { fanOut, deliveries } = setUp({ concurrency: 3 });
    for (let n = 0; n < 10; n += 1) fanOut.add(`miner-${n}`);
    fanOut.publish(workOf(1));
    expect(deliveries.length).toBe(3);
    deliveries[0]?.reply.resolve(1);
    await settle();
    expect(deliveries.length).toBe(4);
  });

  it("lets slow targets delay nobody", async () => {
    const { fanOut, deliveries, time, sent } = setUp({
      concurrency: 2,
      answer: ({ target, reply }) => target.startsWith("slow") || reply.resolve(1),
    });
    for (const name of ["slow-1", "slow-2", "quick-1", "quick-2"]) fanOut.add(name);
    fanOut.publish(workOf(1));
    await settle();
    expect(deliveries.length).toBe(2);
    await time.advance(1000);
    expect(sent("quick-1")).toEqual([1]);
    expect(sent("quick-2")).toEqual([1]);
    fanOut.publish(workOf(2));
    await settle();
    expect(sent("quick-1")).toEqual([1, 2]);
  });

  it("gives a slow target the newest work when it is ready, and nothing that it missed", async () => {
    const { fanOut, to, sent } = setUp();
    fanOut.add("slow");
    for (const sequence of [1, 2, 3, 4]) fanOut.publish(workOf(sequence));
    expect(sent("slow")).toEqual([1]);
    to("slow")[0]?.reply.resolve(1);
    await settle();
    expect(sent("slow")).toEqual([1, 4]);
  });

  it("ignores work that is older than what went out", async () => {
    const { fanOut, sent } = setUp({ answer: ({ reply }) => reply.resolve(1) });
    fanOut.add("miner");
    fanOut.publish(workOf(5));
    fanOut.publish(workOf(4));
    await settle();
    fanOut.publish(workOf(4));
    await settle();
    expect(sent("miner")).toEqual([5]);
  });

  it("brings the same work again when asked to", async () => {
    const { fanOut, sent } = setUp({ answer: ({ reply }) => reply.resolve(1) });
    fanOut.add("miner");
    fanOut.publish(workOf(5));
    await settle();
    fanOut.publish(workOf(5));
    expect(sent("miner")).toEqual([5, 5]);
  });

  it("tries a failed target again, less and less often, until it is the next job's turn", async () => {
    const { fanOut, sent, time } = setUp({ answer: ({ reply }) => reply.reject(new Error("object reset")) });
    fanOut.add("broken");
    fanOut.publish(workOf(1));
    await time.advance(60_000);
    expect(sent("broken")).toEqual([1, 1, 1, 1]);
    fanOut.publish(workOf(2));
    await time.advance(0);
    expect(sent("broken")).toEqual([1, 1, 1, 1, 2]);
    expect(fanOut.size).toBe(1);
  });

  it("skips the retry of a job that newer work has replaced", async () => {
    const { fanOut, sent, time } = setUp({
      answer: ({ sequence, reply }) => (sequence === 1 ? reply.reject(new Error("reset")) : reply.resolve(1)),
    });
    fanOut.add("miner");
    fanOut.publish(workOf(1));
    await settle();
    fanOut.publish(workOf(2));
    await time.advance(60_000);
    expect(sent("miner")).toEqual([1, 2]);
  });

  it("forgets a target that says nobody is connected", async () => {
    const { fanOut, gone, sent } = setUp({ answer: ({ reply }) => reply.resolve(0) });
    fanOut.add("empty");
    fanOut.publish(workOf(1));
    await settle();
    expect(gone).toEqual(["empty"]);
    fanOut.publish(workOf(2));
    expect(sent("empty")).toEqual([1]);
  });

  it("keeps a target that subscribed again while its 0 was under way", async () => {
    const { fanOut, gone, to, sent } = setUp();
    fanOut.add("miner");
    fanOut.publish(workOf(1));
    expect(fanOut.add("miner")).toBe(false);
    to("miner")[0]?.reply.resolve(0);
    await settle();
    expect(gone).toEqual([]);
    fanOut.publish(workOf(2));
    expect(sent("miner")).toEqual([1, 2]);
  });

  it("keeps a target that left and came back while its 0 was under way", async () => {
    const { fanOut, gone, to } = setUp();
    fanOut.add("miner");
    fanOut.publish(workOf(1));
    fanOut.remove("miner");
    fanOut.add("miner");
    to("miner")[0]?.reply.resolve(0);
    await settle();
    expect([gone, fanOut.size]).toEqual([[], 1]);
  });

  it("gives a target that waits for its turn only the newest work, once", async () => {
    const { fanOut, to, sent } = setUp({ concurrency: 1 });
    fanOut.add("first");
    fanOut.add("second");
    for (const sequence of [1, 2, 3]) fanOut.publish(workOf(sequence));
    expect(fanOut.pending).toBe(true);
    to("first")[0]?.reply.resolve(1);
    await settle();
    to("second")[0]?.reply.resolve(1);
    await settle();
    to("first")[1]?.reply.resolve(1);
    await settle();
    expect([sent("first"), sent("second"), fanOut.pending]).toEqual([[1, 3], [3], false]);
  });

  it("sends nothing to a target that left while it waited, nor to its return, which has the work already", async () => {
    const { fanOut, to, sent } = setUp({ concurrency: 1 });
    for (const name of ["first", "second", "third"]) fanOut.add(name);
    fanOut.publish(workOf(1));
    fanOut.remove("second");
    fanOut.remove("third");
    fanOut.add("third");
    to("first")[0]?.reply.resolve(1);
    await settle();
    expect([sent("second"), sent("third")]).toEqual([[], []]);
  });

  it("knows what every target has answered", async () => {
    const { fanOut } = setUp({ answer: ({ target, reply }) => reply.resolve(target === "relay-0" ? 40 : 2) });
    for (const name of ["relay-0", "0xa"]) fanOut.add(name);
    fanOut.publish(workOf(1));
    await settle();
    expect([...fanOut.counts()]).toEqual([
      ["relay-0", 40],
      ["0xa", 2],
    ]);
  });
});

it("never gives a target an older job after a newer one, and ends with the newest everywhere, whatever fails or dawdles", async () => {
  const steps = array(
    record({
      kind: constantFrom("publish", "reply", "fail", "time"),
      pick: integer({ min: 0, max: 99 }),
    }),
    { maxLength: 80 },
  );
  await assert(
    asyncProperty(steps, integer({ min: 1, max: 4 }), async (script, concurrency) => {
      const open: Delivery[] = [];
      const { fanOut, time, sent } = setUp({ concurrency, answer: (delivery) => open.push(delivery) });
      const targets = ["a", "b", "c", "d", "e"];
      for (const target of targets) fanOut.add(target);
      let sequence = 0;
      for (const { kind, pick } of script) {
        if (kind === "publish") fanOut.publish(workOf((sequence += 1)));
        else if (kind === "time") await time.advance(pick * 50);
        else {
          const [delivery] = open.splice(pick % Math.max(open.length, 1), 1);
          if (kind === "reply") delivery?.reply.resolve(1);
          else delivery?.reply.reject(new Error("reset"));
        }
        await settle();
      }
      fanOut.publish(workOf((sequence += 1)));
      for (let round = 0; round < 20; round += 1) {
        for (const { reply } of open.splice(0)) reply.resolve(1);
        await time.advance(1000);
      }
      for (const target of targets) {
        expect(sent(target)).toEqual(sent(target).toSorted((a, b) => a - b));
        expect(sent(target).at(-1)).toBe(sequence);
      }
      expect(fanOut.pending).toBe(false);
    }),
    { seed: 9, numRuns: 200 },
  );
});
