import { describe, expect, it } from "vitest";
import type { VardiffConfig } from "../../../core/pool-config.ts";
import { fixedDifficulty } from "../../../core/stratum/vardiff.ts";
import { DIFFICULTY, job, LOGIN, PoolDriver, snapshot, START_MS } from "./pool-driver.ts";

const VARDIFF: VardiffConfig = {
  targetTimeMs: 3_000,
  retargetTimeMs: 20_000,
  variancePercent: 10,
  minDifficulty: 1_000_000n,
  maxDifficulty: 10n ** 13n,
};
const NONCE = "0x0123456789abcdef";
const MIX = `0x${"e".repeat(64)}`;

/** mulberry32: the same numbers on every machine. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function login(password: string): string {
  return `{"id":1,"method":"eth_submitLogin","params":["${LOGIN}","${password}"]}`;
}

function submit(header: string): string {
  return `{"id":4,"method":"eth_submitWork","params":["${NONCE}","${header}","${MIX}"]}`;
}

/** A rig that searches at a constant rate through the real session, with a new job every 1 to 7 seconds. */
class SimulatedRig {
  readonly pool: PoolDriver;
  readonly hashesPerMs: number;
  readonly #random: () => number;
  #sequence = 1;

  constructor(hashrate: number, seed: number, vardiff = VARDIFF) {
    this.hashesPerMs = hashrate / 1000;
    this.#random = random(seed);
    this.pool = new PoolDriver({ vardiff, maxWorkAgeMs: Infinity, work: this.#work() });
    this.pool.say(login("x"));
  }

  get difficulty(): bigint {
    return this.pool.state.track.current;
  }

  /** Hashes that the pool has credited. */
  get credited(): number {
    return this.pool.shares.reduce((sum, { shareDifficulty }) => sum + Number(shareDifficulty), 0);
  }

  mine(durationMs: number): void {
    const endMs = this.pool.nowMs + durationMs;
    let nextJobMs = this.pool.nowMs;
    while (this.pool.nowMs < endMs) {
      const waitMs = (-Math.log(1 - this.#random()) * Number(this.difficulty)) / this.hashesPerMs;
      const stopMs = Math.min(nextJobMs, endMs);
      // The search has no memory: what a new job interrupts is begun anew without loss.
      if (this.pool.nowMs + waitMs < stopMs) {
        this.pool.nowMs += waitMs;
        this.pool.say(submit(this.pool.context.work?.current.header ?? ""));
      } else {
        this.pool.nowMs = stopMs;
        if (stopMs === endMs) return;
        this.pool.work(this.#work());
        nextJobMs += 1_000 + this.#random() * 6_000;
      }
    }
  }

  #work() {
    const header = `0x${(this.#sequence++).toString(16).padStart(64, "0")}`;
    return snapshot(this.#sequence, [{ ...job("a"), header }]);
  }
}

const RATES = Array.from({ length: 16 }, (_, index) => 10e6 * 1000 ** (index / 15));

describe("variable difficulty", () => {
  it("settles every rig from 10 MH/s to 10 GH/s within 20 % of the target interval in ten minutes", () => {
    const offs = RATES.map((rate, index) => {
      const rig = new SimulatedRig(rate, index + 1);
      rig.mine(600_000);
      const intervalMs = Number(rig.difficulty) / rig.hashesPerMs;
      return { rate: Math.round(rate / 1e6), off: Math.abs(intervalMs / VARDIFF.targetTimeMs - 1) };
    });
    expect(offs.filter(({ off }) => off > 0.2)).toEqual([]);
  });

  it("credits within 1 % of the work done, difficulty changes and all", () => {
    const ratios = RATES.map((rate, index) => {
      const rig = new SimulatedRig(rate, index + 100);
      rig.mine(3 * 3_600_000);
      return rig.credited / (rig.hashesPerMs * 3 * 3_600_000);
    });
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.01);
  });

  it("follows a rig that becomes four times as fast", () => {
    const rig = new SimulatedRig(1e9, 7);
    rig.mine(600_000);
    const before = rig.difficulty;
    Object.assign(rig, { hashesPerMs: 4e6 });
    rig.mine(300_000);
    expect(Number(rig.difficulty) / Number(before)).toBeGreaterThan(3);
  });

  it("changes by no more than eight times at once, whatever a burst or a silence suggests", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(login("x"));
    for (let share = 0; share < 100; share++) pool.say(submit(job("a").header));
    // A hundred shares within the window of 20 seconds ask for 500 times three shares an interval.
    pool.nowMs += VARDIFF.retargetTimeMs;
    pool.work(snapshot(2, [job("b"), job("a")]));
    expect(pool.state.track.current).toBe(DIFFICULTY * 8n);
    // Then nothing for a day.
    pool.nowMs += 86_400_000;
    pool.work(snapshot(3, [job("c"), job("b")]));
    expect(pool.state.track.current).toBe(DIFFICULTY);
  });

  it("stays between its bounds", () => {
    const narrow = { ...VARDIFF, minDifficulty: 1_900_000_000n, maxDifficulty: 2_100_000_000n };
    const [slow, fast] = [new SimulatedRig(1e6, 1, narrow), new SimulatedRig(1e12, 2, narrow)];
    slow.mine(300_000);
    fast.mine(10_000);
    fast.mine(60_000);
    expect([slow.difficulty, fast.difficulty]).toEqual([1_900_000_000n, 2_100_000_000n]);
  });

  it("counts a share at the difficulty that its job was issued at, and changes with a new job only", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(login("x"));
    pool.nowMs = START_MS + 60_000;
    // The time for a change has come, but work for the same header goes out as it was.
    const again = pool.say('{"id":2,"method":"eth_getWork"}');
    expect(again[0]).toContain("0x0000000225c17d04");
    pool.work(snapshot(2, [job("b"), job("a")]));
    const eased = pool.state.track.current;
    expect(eased).toBeLessThan(DIFFICULTY);
    pool.say(submit(job("a").header), submit(job("b").header));
    expect(pool.shares.map(({ shareDifficulty }) => shareDifficulty)).toEqual([DIFFICULTY, eased]);
  });

  it("keeps apart the difficulties of three jobs of the backlog", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(login("x"));
    const given = [pool.state.track.current];
    const jobs = [job("a")];
    for (const digit of ["b", "c"]) {
      pool.nowMs += 60_000;
      jobs.unshift(job(digit));
      pool.work(snapshot(jobs.length, [...jobs]));
      given.push(pool.state.track.current);
    }
    expect(new Set(given).size).toBe(3);
    for (const digit of ["a", "b", "c"]) pool.say(submit(job(digit).header));
    expect(pool.shares.map(({ shareDifficulty }) => shareDifficulty)).toEqual(given);
  });

  it("is off by default: the difficulty stays the pool's whatever happens", () => {
    const pool = new PoolDriver({ maxWorkAgeMs: Infinity });
    pool.say(login("x"));
    pool.nowMs += 3_600_000;
    pool.work(snapshot(2, [job("b"), job("a")]));
    expect([pool.state.track.current, pool.state.track.before]).toEqual([DIFFICULTY, []]);
  });
});

describe("fixed difficulty by password", () => {
  it("is taken alone or among other settings", () => {
    for (const password of ["d=5000000000", "x,d=5000000000", "x d=5000000000;m=me@example.org"]) {
      expect(fixedDifficulty(password, DIFFICULTY, null)).toBe(5_000_000_000n);
    }
  });

  it("is not read into other words", () => {
    for (const password of ["", "x", "id=5000000000", "d=abc", "d=", "d=1.5", "d=-4"]) {
      expect(fixedDifficulty(password, DIFFICULTY, null)).toBeNull();
    }
  });

  it("stays between the bounds of vardiff, or at the pool's difficulty and above without vardiff", () => {
    expect(fixedDifficulty("d=1", DIFFICULTY, null)).toBe(DIFFICULTY);
    expect(fixedDifficulty("d=9999999999999999999", DIFFICULTY, null)).toBe(10n ** 15n);
    expect(fixedDifficulty("d=1", DIFFICULTY, VARDIFF)).toBe(VARDIFF.minDifficulty);
    expect(fixedDifficulty("d=99999999999999", DIFFICULTY, VARDIFF)).toBe(VARDIFF.maxDifficulty);
  });

  it("is sent, credited, and never changed by vardiff", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(login("d=4000000000"));
    pool.nowMs += 600_000;
    pool.work(snapshot(2, [job("b")]));
    pool.say(submit(job("b").header));
    expect(pool.shares.map(({ shareDifficulty }) => shareDifficulty)).toEqual([4_000_000_000n]);
    expect(pool.sent.at(-2)).toContain((2n ** 256n / 4_000_000_000n).toString(16).padStart(64, "0"));
  });
});
