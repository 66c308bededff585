import { describe, expect, it } from "vitest";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import { VerdictTally } from "../../../core/shares/verdict-tally.ts";

const ACCEPTED: ShareVerdict = { kind: "accepted", block: false };

/** A tally with its row, and what the pool's statistics have made of its reports. */
class TallyRig {
  nowMs = 0;
  row: unknown = undefined;
  writes = 0;
  tally = this.#open();

  /** The object is lost with its memory. */
  restart(): void {
    this.tally = this.#open();
  }

  count(verdict: ShareVerdict, atMs = this.nowMs, stale = 0): void {
    this.nowMs = atMs;
    this.tally.count(verdict, stale, "0xa", undefined);
  }

  #open(): VerdictTally {
    const write = (value: object) => {
      this.writes += 1;
      this.row = structuredClone(value);
    };
    return new VerdictTally({ read: () => this.row, write }, () => this.nowMs);
  }
}

describe("what a verifier has judged", () => {
  it("is told to whoever asks, once, and again where the answer did not arrive", () => {
    const rig = new TallyRig();
    const { tally } = rig;
    expect(tally.report(0)).toBeNull();
    tally.count({ kind: "unavailable", reason: "cold" }, 0, "0xa", undefined);
    expect([tally.report(0), rig.writes]).toEqual([null, 0]);
    tally.count({ kind: "accepted", block: true }, 2, "0xa", undefined);
    const first = tally.report(0);
    expect(first).toMatchObject({ counts: { stale: 2, accepted: 1, blocks: 1 }, logins: { good: ["0xa"] } });
    tally.count({ kind: "invalid" }, 0, "0xb", "192.0.2.1");
    const again = tally.report(0);
    expect(again?.counts).toEqual({ stale: 2, accepted: 1, blocks: 1, invalid: 1 });
    expect(again?.logins).toEqual({
      invalid: { "0xb": 1 },
      from: { "0xa": [], "0xb": ["192.0.2.0/24"] },
      good: ["0xa"],
    });
    expect(tally.report(again?.number ?? 0)).toBeNull();
  });

  it("is written down where shares are rare, and now and then in a stream, and outlives the object", () => {
    const rig = new TallyRig();
    rig.count(ACCEPTED, 10_000);
    rig.restart();
    rig.count(ACCEPTED, 40_000);
    expect(rig.writes).toBe(2);
    rig.restart();
    const report = rig.tally.report(0);
    expect(report?.counts).toEqual({ accepted: 2 });
    for (let second = 41; second <= 100; second += 1) rig.count(ACCEPTED, second * 1_000);
    // Two for a minute of a stream, which costs a crash half a minute of a chart at most.
    expect(rig.writes).toBe(4);
    rig.restart();
    expect(rig.tally.report(report?.number ?? 0)?.counts["accepted"]).toBeGreaterThan(30);
  });

  it("that arrived before a crash is not told again after it", () => {
    const rig = new TallyRig();
    rig.count(ACCEPTED, 10_000);
    const report = rig.tally.report(0);
    rig.restart();
    expect(rig.tally.report(report?.number ?? 0)).toBeNull();
    rig.count(ACCEPTED, 60_000);
    expect(rig.tally.report(report?.number ?? 0)?.number).toBeGreaterThan(report?.number ?? 0);
  });

  it("counts for nothing where another version has written it", () => {
    const rig = new TallyRig();
    rig.row = { version: 2 };
    rig.restart();
    expect(rig.tally.report(0)).toBeNull();
  });
});
