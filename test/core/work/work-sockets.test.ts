import { describe, expect, it } from "vitest";
import { ALIVE_QUESTION, WorkSockets, type WorkSocketEvents } from "../../../core/work/work-sockets.ts";
import { readWork, workText, WorkReader } from "../../../core/work/work-text.ts";
import type { Job, WorkSnapshot } from "../../../core/work/job.ts";
import { settle } from "./support/deferred.ts";

const hash = (digit: string) => `0x${digit.repeat(64)}`;

function workOf(sequence: number): WorkSnapshot {
  const current = {
    header: hash("a"),
    seed: hash("0"),
    height: 1_000 + sequence,
    networkDifficulty: 2n ** 60n,
    poolDifficulty: 2n ** 33n,
    classTable: 1,
  } as const;
  return { sequence, current, jobs: [current, { ...current, roundClosed: true }], confirmedAtMs: 1_700_000_000_000 };
}

function setUp() {
  const world = { nowMs: 0, answers: "open" as "open" | "nobody" | "fails", breaks: false };
  const dialled: string[] = [];
  const called: [string, number][] = [];
  const lost: string[] = [];
  const said: string[] = [];
  const sent: string[] = [];
  const closed: string[] = [];
  const events = new Map<string, WorkSocketEvents>();
  const sockets = new WorkSockets({
    async dial(login, heard) {
      dialled.push(login);
      events.set(login, heard);
      await settle();
      if (world.answers === "fails") throw new Error("overloaded");
      if (world.answers === "nobody") return null;
      return {
        send(text) {
          if (world.breaks) throw new Error("closed");
          sent.push(text === ALIVE_QUESTION ? "?" : `${login} ${readWork(text)?.sequence ?? text}`);
        },
        close: () => void closed.push(login),
      };
    },
    call: async (login, work) => (called.push([login, work.sequence]), 3),
    onSaid: (login, text, answer) => {
      said.push(`${login} ${text}`);
      if (text === "?") return false;
      answer(`re: ${text}`);
      return true;
    },
    onLost: (login) => void lost.push(login),
    nowMs: () => world.nowMs,
  });
  const open = async () => {
    sockets.dial(["0xa"]);
    await settle();
    await settle();
  };
  return { sockets, world, dialled, called, lost, said, sent, closed, events, open };
}

describe("work through a socket", () => {
  it("is what was written, difficulties and all", () => {
    // Required: a field that is added to either must be added to what is read.
    const job: Required<Job> = { ...workOf(7).current, sinceMs: 1_700_000_000_000, roundClosed: true, solo: true };
    const work: Required<WorkSnapshot> = {
      ...workOf(7),
      current: job,
      jobs: [job],
      paused: true,
      solo: true,
      relays: 4,
    };
    expect(readWork(workText(work))).toEqual(work);
    expect(readWork(workText(workOf(8)))).toEqual(workOf(8));
    for (const text of ["", "{}", "[1]", workText(work).replace("1001", "-1").replace("1007", "-1")])
      expect(readWork(text)).toBe(null);
  });

  it("is read once for all sessions of an isolate, which share what they keep", () => {
    const reader = new WorkReader();
    const [text, next] = [workText(workOf(7)), workText(workOf(8))];
    const read = reader.read(text);
    expect(read).toEqual(workOf(7));
    // The same characters, as another socket brings them.
    expect(reader.read(`${text.slice(0, 9)}${text.slice(9)}`)).toBe(read);
    expect(reader.read(next)).toEqual(workOf(8));
    expect(reader.read(text)).toEqual(workOf(7));
    expect(reader.read("{}")).toBe(null);
    expect(reader.read(next)).toEqual(workOf(8));
  });

  it("goes by a call to whoever has no socket, and through the socket from then on", async () => {
    const { sockets, called, sent, open } = setUp();
    expect(await sockets.send("0xa", workOf(1))).toBe(3);
    await open();
    expect(await sockets.send("0xa", workOf(2))).toBe(1);
    expect([called, sent]).toEqual([[["0xa", 1]], ["0xa 2"]]);
  });

  it("goes by calls where nobody opens, and is dialled again when it is next told to", async () => {
    for (const answers of ["nobody", "fails"] as const) {
      const { sockets, called, dialled, world, open } = setUp();
      world.answers = answers;
      await open();
      await sockets.send("0xa", workOf(1));
      world.answers = "open";
      await open();
      await sockets.send("0xa", workOf(2));
      expect([dialled.length, called]).toEqual([2, [["0xa", 1]]]);
    }
  });

  it("dials once, however often it is told to while one is on its way or open", async () => {
    const { sockets, dialled, open } = setUp();
    sockets.dial(["0xa"]);
    await open();
    await open();
    expect(dialled).toEqual(["0xa"]);
  });

  it("comes again when the socket is lost, by a call", async () => {
    const { sockets, called, lost, events, open } = setUp();
    await open();
    events.get("0xa")?.lost();
    events.get("0xa")?.lost();
    expect(lost).toEqual(["0xa"]);
    await sockets.send("0xa", workOf(1));
    expect(called).toEqual([["0xa", 1]]);
  });

  it("does not go into a socket that was lost while it was being opened", async () => {
    const { sockets, called, lost, events, open } = setUp();
    const opening = open();
    events.get("0xa")?.lost();
    await opening;
    await sockets.send("0xa", workOf(1));
    expect([called.length, lost]).toEqual([1, []]);
  });

  it("goes by a call where the socket throws", async () => {
    const { sockets, called, closed, world, open } = setUp();
    await open();
    world.breaks = true;
    expect(await sockets.send("0xa", workOf(1))).toBe(3);
    expect([called.length, closed]).toEqual([1, ["0xa"]]);
  });

  it("asks now and then whether the other end is there, and trusts no socket whose end is silent", async () => {
    const { sockets, called, sent, closed, events, world, open } = setUp();
    await open();
    for (const nowMs of [0, 60_000, 73_000]) {
      world.nowMs = nowMs;
      await sockets.send("0xa", workOf(nowMs + 1));
      if (nowMs === 60_000) events.get("0xa")?.alive();
    }
    expect(sent).toEqual(["0xa 1", "0xa 60001", "?", "0xa 73001"]);
    for (const nowMs of [120_000, 131_000]) {
      world.nowMs = nowMs;
      await sockets.send("0xa", workOf(nowMs + 1));
    }
    expect([called, closed]).toEqual([[["0xa", 131_001]], ["0xa"]]);
  });

  it("takes what the session says, and answers into the same socket; one that nobody understands is closed, and its work comes again", async () => {
    const { sockets, sent, said, closed, lost, called, events, open } = setUp();
    await open();
    events.get("0xa")?.said("shares");
    expect([said, sent, closed]).toEqual([["0xa shares"], ["0xa re: shares"], []]);
    events.get("0xa")?.said("?");
    expect([closed, lost]).toEqual([["0xa"], ["0xa"]]);
    await sockets.send("0xa", workOf(1));
    expect(called).toEqual([["0xa", 1]]);
  });

  it("is over when nobody is behind the login any more, also where the socket opens only then", async () => {
    const { sockets, closed, lost, open } = setUp();
    await open();
    sockets.forget("0xa");
    expect(closed).toEqual(["0xa"]);
    const opening = open();
    sockets.forget("0xa");
    await opening;
    expect([closed.length, lost]).toEqual([2, []]);
  });
});
