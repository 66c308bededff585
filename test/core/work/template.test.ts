import { array, assert, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import type { HeaderTerms, Job, NodeJob } from "../../../core/work/job.ts";
import {
  acceptWork,
  EMPTY_TEMPLATE,
  MAX_JOBS,
  snapshotOf,
  type OfferOutcome,
  type TemplateState,
  type WorkOffer,
} from "../../../core/work/template.ts";

const MAX_AGE_MS = 60_000;
const ORDER = ["first", "second", "third"];

const TERMS = { poolDifficulty: 1_000n, classTable: 1 } as const;

const jobOf = (height: number, variant = 0, difficulty = 131_072n): Job => ({
  ...TERMS,
  header: `0x${(height * 1000 + variant).toString(16).padStart(64, "0")}`,
  seed: `0x${"00".repeat(32)}`,
  height,
  networkDifficulty: difficulty,
});

const timeless = ({ sinceMs: _sinceMs, ...job }: Job): Job => job;

/** The state machine with a clock that a test sets. */
class Pool {
  state: TemplateState = EMPTY_TEMPLATE;
  nowMs = 1_000_000;
  sick = new Set<string>();
  terms: HeaderTerms = TERMS;
  /** The node that lost its chain. */
  fallen: string | null = null;

  offer(job: NodeJob, from: Partial<WorkOffer> = {}): OfferOutcome {
    const offer: WorkOffer = { job, node: "first", via: "poll", askedAtMs: this.nowMs, ...from };
    const rankOf = (node: string) => ORDER.indexOf(node) + (this.sick.has(node) ? ORDER.length : 0);
    const result = acceptWork(this.state, offer, {
      nowMs: this.nowMs,
      maxAgeMs: MAX_AGE_MS,
      rankOf,
      terms: this.terms,
      isFall: ({ node }) => this.fallen !== null && node === this.fallen,
      isDead: ({ node, height }) => node === this.fallen && height > offer.job.height,
    });
    this.state = result.state;
    return result.outcome;
  }

  /** Without the moments at which headers became public. */
  get work() {
    const work = snapshotOf(this.state, { nowMs: this.nowMs, maxAgeMs: MAX_AGE_MS });
    return work && { ...work, current: timeless(work.current), jobs: work.jobs.map(timeless) };
  }

  get current() {
    return this.work?.current;
  }
}

describe("the current work", () => {
  it("is none before a node has given any", () => {
    expect(new Pool().work).toBeNull();
  });

  it("says since when it is public, from the first time on that it was seen", () => {
    const pool = new Pool();
    const since = () => pool.state.jobs.map(({ sinceMs }) => sinceMs);
    pool.offer(jobOf(10));
    pool.nowMs += 1_000;
    pool.offer(jobOf(10, 1));
    pool.nowMs += 1_000;
    pool.offer(jobOf(10));
    expect(since()).toEqual([1_000_000, 1_001_000]);
  });

  it("is the higher one, wherever it comes from", () => {
    const pool = new Pool();
    expect(pool.offer(jobOf(10))).toBe("current");
    expect(pool.offer(jobOf(11), { node: "third" })).toBe("current");
    expect(pool.offer(jobOf(12), { node: null, via: "push" })).toBe("current");
    expect(pool.current).toEqual(jobOf(12));
  });

  it("goes back with a node that lost its chain, and leaves behind every job above", () => {
    const pool = new Pool();
    for (const height of [9, 10, 11]) pool.offer(jobOf(height));
    pool.fallen = "first";
    expect(pool.offer(jobOf(10, 1))).toBe("current");
    expect(pool.work?.jobs).toEqual([jobOf(10, 1), jobOf(10), jobOf(9)]);
    expect(pool.work?.sequence).toBe(4);
  });

  it("never goes back to a lower height (defect 9)", () => {
    const pool = new Pool();
    pool.offer(jobOf(12));
    expect(pool.offer(jobOf(11, 7))).toBe("older");
    expect(pool.offer(jobOf(11, 8), { via: "push", node: null })).toBe("older");
    expect(pool.current).toEqual(jobOf(12));
    expect(pool.work?.sequence).toBe(1);
  });

  it("follows a node through its headers of one height", () => {
    const pool = new Pool();
    pool.offer(jobOf(12, 1));
    pool.nowMs += 1000;
    expect(pool.offer(jobOf(12, 2))).toBe("current");
    expect(pool.current).toEqual(jobOf(12, 2));
    expect(pool.work?.jobs).toEqual([jobOf(12, 2), jobOf(12, 1)]);
  });

  it("is not replaced by a poll that was asked before a push of the same height came (defect 9)", () => {
    const pool = new Pool();
    const askedAtMs = pool.nowMs;
    pool.nowMs += 100;
    pool.offer(jobOf(12, 2), { via: "push", node: null });
    pool.nowMs += 100;
    expect(pool.offer(jobOf(12, 1), { askedAtMs })).toBe("older");
    expect(pool.current).toEqual(jobOf(12, 2));
  });

  it("is put right by the next poll when pushes came in the wrong order", () => {
    const pool = new Pool();
    pool.offer(jobOf(12, 2), { via: "push", node: null });
    pool.offer(jobOf(12, 1), { via: "push", node: null });
    pool.nowMs += 1000;
    expect(pool.offer(jobOf(12, 2))).toBe("current");
    expect(pool.current).toEqual(jobOf(12, 2));
  });

  it("is not changed by a push that comes twice", () => {
    const pool = new Pool();
    pool.offer(jobOf(12, 1), { via: "push", node: null });
    pool.offer(jobOf(12, 2), { via: "push", node: null });
    expect(pool.offer(jobOf(12, 1), { via: "push", node: null })).toBe("older");
    expect(pool.current).toEqual(jobOf(12, 2));
  });

  it("stays with the node further up while heights are equal, and moves on when that node is sick", () => {
    const pool = new Pool();
    pool.offer(jobOf(12, 1), { node: "first" });
    pool.nowMs += 1000;
    expect(pool.offer(jobOf(12, 2), { node: "second" })).toBe("outranked");
    expect(pool.offer(jobOf(12, 3), { node: "second", via: "push" })).toBe("outranked");
    pool.sick.add("first");
    expect(pool.offer(jobOf(12, 2), { node: "second" })).toBe("current");
    pool.sick.clear();
    expect(pool.offer(jobOf(12, 1), { node: "first" })).toBe("current");
  });

  it("begins anew with a lower height once nobody has confirmed it for maxAge", () => {
    const pool = new Pool();
    pool.offer(jobOf(1_000_000));
    pool.nowMs += MAX_AGE_MS;
    expect(pool.offer(jobOf(12))).toBe("older");
    pool.nowMs += 1;
    expect(pool.work).toBeNull();
    expect(pool.offer(jobOf(12))).toBe("current");
    expect(pool.work).toMatchObject({ sequence: 2, current: jobOf(12), jobs: [jobOf(12)] });
  });

  it("lives on under its number when it expired and is confirmed again", () => {
    const pool = new Pool();
    pool.offer(jobOf(11));
    pool.offer(jobOf(12));
    pool.nowMs += MAX_AGE_MS + 1;
    expect(pool.offer(jobOf(12))).toBe("confirmed");
    expect(pool.work).toMatchObject({ sequence: 2, jobs: [jobOf(12), jobOf(11)] });
  });

  it("is confirmed by every poll that finds its height, and expires without", () => {
    const pool = new Pool();
    pool.offer(jobOf(12));
    for (let poll = 0; poll < 5; poll += 1) {
      pool.nowMs += MAX_AGE_MS;
      expect(pool.offer(jobOf(12), { node: poll % 2 ? "first" : "second" })).toBe("confirmed");
    }
    expect(pool.work).toMatchObject({ sequence: 1, confirmedAtMs: pool.nowMs });
    pool.nowMs += MAX_AGE_MS + 1;
    expect(pool.work).toBeNull();
  });
});

describe("the backlog", () => {
  it("keeps three heights, each header with its own height and difficulty", () => {
    const pool = new Pool();
    for (const height of [10, 11, 12, 13]) pool.offer(jobOf(height, 0, BigInt(height) * 1_000_000n));
    expect(pool.work?.jobs.map((job) => [job.height, job.networkDifficulty])).toEqual([
      [13, 13_000_000n],
      [12, 12_000_000n],
      [11, 11_000_000n],
    ]);
  });

  it.each([0, 1, 2])("does not underflow at height %i (defect 6)", (height) => {
    const pool = new Pool();
    for (let lower = 0; lower <= height; lower += 1) pool.offer(jobOf(lower));
    expect(pool.work?.jobs.map((job) => job.height)).toEqual([2, 1, 0].slice(2 - height));
  });

  it("is bounded where one height lasts long", () => {
    const pool = new Pool();
    for (let variant = 0; variant < 2 * MAX_JOBS; variant += 1) pool.offer(jobOf(12, variant));
    expect(pool.work?.jobs.length).toBe(MAX_JOBS);
    expect(pool.work?.jobs.at(-1)).toEqual(jobOf(12, MAX_JOBS));
  });
});

/** A node that goes through its headers in order; each event is what somebody saw of it at some moment. */
const events = array(
  record({
    node: constantFrom("first", "second", "third"),
    /** How many steps the node makes before this event is seen. */
    steps: integer({ min: 0, max: 2 }),
    newHeight: constantFrom(true, false, false),
    via: constantFrom("push" as const, "poll" as const, "anonymous push" as const),
    /** How late it arrives: pushes and answers overtake one another. */
    delayMs: integer({ min: 0, max: 900 }),
  }),
  { minLength: 1, maxLength: 60 },
);

it("never goes back and ends at the best work, whatever the order in which pushes and polls of several nodes arrive", () => {
  assert(
    property(events, (script) => {
      const pool = new Pool();
      const nodes = new Map(ORDER.map((node) => [node, { height: 100, variant: 0 }]));
      const headOf = (node: string) => {
        const { height, variant } = nodes.get(node) ?? { height: 0, variant: 0 };
        return jobOf(height, variant * 10 + ORDER.indexOf(node));
      };
      const arrivals = script.map(({ node, steps, newHeight, via, delayMs }, index) => {
        const askedAtMs = 1_000_000 + index * 300;
        const head = nodes.get(node);
        if (head && newHeight) head.height += 1;
        if (head) head.variant += steps;
        return {
          job: headOf(node),
          node: via === "anonymous push" ? null : node,
          via,
          askedAtMs,
          at: askedAtMs + delayMs,
        };
      });
      let before = pool.work;
      const check = () => {
        const after = pool.work;
        if (before && after) {
          expect(after.current.height).toBeGreaterThanOrEqual(before.current.height);
          expect(after.sequence - before.sequence).toBe(after.current.header === before.current.header ? 0 : 1);
        }
        if (after) {
          expect(after.jobs[0]).toEqual(after.current);
          expect(new Set(after.jobs.map((job) => job.header)).size).toBe(after.jobs.length);
          expect(after.jobs.every((job) => job.height > after.current.height - 3)).toBe(true);
        }
        before = after;
      };
      for (const { job, node, via, askedAtMs, at } of arrivals.toSorted((a, b) => a.at - b.at)) {
        pool.nowMs = at;
        if (via === "poll") pool.offer(job, { node, askedAtMs });
        else pool.offer(job, { node, via: "push" });
        check();
      }
      // Each node is polled twice more: the first time tells whose an anonymous push was.
      for (const node of ["third", "first", "second", "second", "first", "third"]) {
        pool.nowMs += 1000;
        pool.offer(headOf(node), { node });
        check();
      }
      const best = ORDER.map(headOf).reduce((a, b) => (b.height > a.height ? b : a));
      expect(pool.current).toEqual(best);
    }),
    { seed: 20, numRuns: 500 },
  );
});
