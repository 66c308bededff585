import { describe, expect, it } from "vitest";
import { ClosedRounds } from "../../../core/shares/closed-rounds.ts";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import { VerdictNews } from "../../../core/shares/verdict-news.ts";
import type { Job } from "../../../core/work/job.ts";

const ACCEPTED: ShareVerdict = { kind: "accepted", block: false };

const job = (height: number, more: Partial<Job> = {}): Job => ({
  header: `0x${"1".repeat(64)}`,
  seed: `0x${"0".repeat(64)}`,
  height,
  networkDifficulty: 1n,
  poolDifficulty: 1n,
  classTable: 0,
  ...more,
});

describe("what a verifier has to say beside a verdict", () => {
  it("goes to the next one: a refuted share to its own login's, a found block to anybody's", () => {
    const news = new VerdictNews();
    news.refuted("0xa", { worker: "rig", client: "192.0.2.1" });
    news.refuted("0xa", { worker: "old" });
    news.found({ height: 100 });
    expect(news.with("0xb", ACCEPTED)).toEqual({ ...ACCEPTED, found: { height: 100, solo: false } });
    expect(news.with("0xb", ACCEPTED)).toEqual(ACCEPTED);
    const refuted = [{ worker: "rig", client: "192.0.2.1" }, { worker: "old" }];
    expect(news.with("0xa", { kind: "invalid" })).toEqual({ kind: "invalid", refuted });
    expect(news.with("0xa", ACCEPTED)).toEqual(ACCEPTED);
  });

  it("is bounded, by logins and by shares of one", () => {
    const news = new VerdictNews();
    for (let share = 0; share < 100; share += 1) news.refuted("0xa", { worker: String(share) });
    expect(news.with("0xa", ACCEPTED).refuted).toHaveLength(16);
    for (let login = 0; login < 1_025; login += 1) news.refuted(String(login), { worker: "rig" });
    expect([news.with("0", ACCEPTED).refuted, news.with("1", ACCEPTED).refuted?.length]).toEqual([undefined, 1]);
  });
});

describe("a round that closes", () => {
  it("has what was public at its height and below, and nothing that came later, over a restart", () => {
    let row: unknown = undefined;
    const open = () => new ClosedRounds({ read: () => row, write: (value) => (row = structuredClone(value)) });
    const rounds = open();
    rounds.close(100, 5_000);
    rounds.close(100, 9_000);
    for (const known of [rounds, open()]) {
      const marks = [
        job(100, { sinceMs: 5_000 }),
        job(99, { sinceMs: 1 }),
        // Of a template of before: nobody knows since when.
        job(100),
        job(100, { sinceMs: 5_001 }),
        job(101, { sinceMs: 1 }),
        job(100, { sinceMs: 1, solo: true }),
      ].map((one) => known.mark(one).roundClosed === true);
      expect(marks).toEqual([true, true, true, false, false, false]);
    }
  });

  it("is remembered as long as its jobs can come, and no longer", () => {
    let row: unknown = "of another version";
    const rounds = new ClosedRounds({ read: () => row, write: (value) => (row = value) });
    for (let height = 1; height <= 20; height += 1) rounds.close(height, height);
    expect(row).toHaveLength(8);
    expect(rounds.mark(job(20)).roundClosed).toBe(true);
  });
});
