import { describe, expect, it } from "vitest";
import { StrangersWork } from "../../../core/session/strangers-work.ts";
import type { WorkSnapshot } from "../../../core/work/job.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";
import { job, snapshot } from "../stratum/pool-driver.ts";

const workOf = (sequence: number) => snapshot(sequence, [job("a")]);

/** A template that answers after a time, and one isolate in front of it. */
function world(answersAfterMs = 100) {
  const clock = new VirtualClock();
  const work = new StrangersWork(clock);
  const calls = { asked: 0 };
  const template = async (): Promise<WorkSnapshot | null> => {
    const sequence = ++calls.asked;
    await new Promise<void>((resolve) => void clock.after(answersAfterMs, resolve));
    return workOf(sequence);
  };
  const many = (count: number, ask = template) => Array.from({ length: count }, () => work.get(ask));
  return { clock, work, calls, template, many };
}

describe("the work of connections without an object", () => {
  it("is asked for once by hundreds that come in one moment, when there is none yet", async () => {
    const { clock, calls, many } = world();
    const asked = many(400);
    await clock.pass(150);
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 400 }, () => workOf(1)));
    expect(calls.asked).toBe(1);
  });

  it("is the one of before for all others while one of them asks for newer", async () => {
    const { clock, work, calls, template, many } = world();
    const first = work.get(template);
    await clock.pass(150);
    await first;
    await clock.pass(1_000);
    const asked = many(10);
    await settled();
    expect(await Promise.all(asked.slice(1))).toEqual(Array.from({ length: 9 }, () => workOf(1)));
    await clock.pass(100);
    expect([await asked[0], calls.asked]).toEqual([workOf(2), 2]);
    expect(await work.get(template)).toEqual(workOf(2));
  });

  it("is asked for by the next one when the first has gone with its answer", async () => {
    const { clock, work, calls, many } = world();
    void work.get(() => new Promise(() => undefined));
    const others = many(20);
    await clock.pass(900);
    expect(calls.asked).toBe(0);
    await clock.pass(300);
    expect((await Promise.all(others)).map((one) => one?.sequence)).toEqual(Array.from({ length: 20 }, () => 1));
    expect(calls.asked).toBe(1);
  });

  it("is none for all who waited when the template fails or has none, and is asked for by whoever comes after", async () => {
    const { clock, work, calls, template } = world();
    const fails = async (): Promise<WorkSnapshot | null> => {
      await new Promise<void>((resolve) => void clock.after(100, resolve));
      throw new Error("away");
    };
    const failed = work.get(fails).catch(() => "failed");
    const waited = [work.get(template), work.get(template)];
    await clock.pass(150);
    expect([await failed, ...(await Promise.all(waited)), calls.asked]).toEqual(["failed", null, null, 0]);
    expect(await work.get(async () => null)).toBeNull();
    const next = work.get(template);
    await clock.pass(150);
    expect([await next, calls.asked]).toEqual([workOf(1), 1]);
  });

  it("comes also after the clock was set back", async () => {
    const { clock, work, template } = world();
    void work.get(() => new Promise(() => undefined));
    clock.spend(-3_600_000);
    const next = work.get(template);
    await clock.pass(150);
    expect(await next).toEqual(workOf(1));
  });
});
