import { describe, expect, it } from "vitest";
import type { VardiffConfig } from "../../../core/pool-config.ts";
import { classDifficulty, classesOf, classOf, shareWorth } from "../../../core/shares/difficulty-classes.ts";
import { askedDifficulty } from "../../../core/stratum/vardiff.ts";
import { seeded } from "../../support/credit-simulation.ts";
import { DIFFICULTY, job, LOGIN, PoolDriver, snapshot, START_MS } from "./pool-driver.ts";

const VARDIFF: VardiffConfig = {
  targetTimeMs: 30_000,
  retargetTimeMs: 60_000,
  variancePercent: 30,
  minDifficulty: 1_000_000n,
  maxDifficulty: 10n ** 13n,
};
const TAIL = "23456789ab";
const SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}';
const EXTRANONCE_SUBSCRIBE = '{"id":2,"method":"mining.extranonce.subscribe","params":[]}';
const authorize = (password = "x") => `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","${password}"]}`;
const submit = (digit: string) =>
  `{"id":4,"method":"mining.submit","params":["${LOGIN}.rig","${digit.repeat(16)}","${TAIL}"]}`;

function ready(context = {}, password = "x"): PoolDriver {
  const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity, ...context });
  pool.say(SUBSCRIBE, EXTRANONCE_SUBSCRIBE, authorize(password));
  return pool;
}

const targetOf = (difficulty: bigint) => (2n ** 256n / difficulty).toString(16).padStart(64, "0");
const classNow = (pool: PoolDriver) => classOf(pool.state.track.current, 1);
const methods = (lines: readonly string[]) => lines.flatMap((line) => /"method":"([^"]+)"/.exec(line)?.[1] ?? []);

/** A rig that searches at a constant rate through the real session, with a new job every 1 to 7 seconds. */
class SimulatedRig {
  readonly pool: PoolDriver;
  hashesPerMs: number;
  readonly #random: () => number;
  #sequence = 1;

  constructor(hashrate: number, seed: number, vardiff = VARDIFF) {
    this.hashesPerMs = hashrate / 1000;
    this.#random = seeded(seed);
    this.pool = ready({ vardiff, work: this.#work() });
  }

  get difficulty(): number {
    return Number(classDifficulty(classNow(this.pool), DIFFICULTY));
  }

  /** Hashes that the pool has credited. */
  get credited(): number {
    return this.pool.shares.reduce((sum, { nonce, job: on }) => sum + Number(shareWorth(nonce.slice(2), on)), 0);
  }

  mine(durationMs: number): void {
    const endMs = this.pool.nowMs + durationMs;
    let nextJobMs = this.pool.nowMs;
    while (this.pool.nowMs < endMs) {
      const waitMs = (-Math.log(1 - this.#random()) * this.difficulty) / this.hashesPerMs;
      const stopMs = Math.min(nextJobMs, endMs);
      // The search has no memory: what a new job interrupts is begun anew without loss.
      if (this.pool.nowMs + waitMs < stopMs) {
        this.pool.nowMs += waitMs;
        const id = this.pool.context.work?.current.header.slice(2, 18) ?? "";
        this.pool.say(`{"id":4,"method":"mining.submit","params":["${LOGIN}.rig","${id}","${TAIL}"]}`);
      } else {
        this.pool.nowMs = stopMs;
        if (stopMs === endMs) return;
        this.pool.work(this.#work());
        nextJobMs += 1_000 + this.#random() * 6_000;
      }
    }
  }

  #work() {
    // A job of EthereumStratum is named by the first digits of its header.
    const header = `0x${(this.#sequence++).toString(16).padStart(16, "0")}${"0".repeat(48)}`;
    return snapshot(this.#sequence, [{ ...job("a"), header }]);
  }
}

const RATES = Array.from({ length: 16 }, (_, index) => 1e6 * 30_000 ** (index / 15));

describe("variable difficulty", () => {
  it("brings every rig from 1 MH/s to 30 GH/s to the class that suits it in an hour, or to the one beside it", () => {
    const off = RATES.flatMap((rate, index) => {
      const rig = new SimulatedRig(rate, index + 1);
      rig.mine(3_600_000);
      const times = rig.difficulty / rig.hashesPerMs / VARDIFF.targetTimeMs;
      // The easiest class there is may be too hard, and the hardest too easy.
      const reachable = rate > 4e6 && rate < 16e9;
      return reachable && (times > 2 * 1.3 * 1.1 || times < 1 / (2 * 1.3 * 1.1)) ? [{ rate, times }] : [];
    });
    expect(off).toEqual([]);
  });

  it("credits within 1 % of the work done, changes of class and all", () => {
    const ratios = RATES.filter((rate) => rate > 5e7).map((rate, index) => {
      const rig = new SimulatedRig(rate, index + 100);
      rig.mine(20 * 3_600_000);
      return rig.credited / (rig.hashesPerMs * 20 * 3_600_000);
    });
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.01);
  });

  it("follows a rig that becomes sixteen times as fast, one class a retarget", () => {
    const rig = new SimulatedRig(66e6, 7);
    rig.mine(600_000);
    expect(classNow(rig.pool)).toBe(0);
    rig.hashesPerMs *= 16;
    const seen: number[] = [];
    for (let minute = 0; minute < 6; minute++) {
      rig.mine(60_000);
      seen.push(classNow(rig.pool));
    }
    expect(seen.at(-1)).toBe(4);
    expect(seen).toContain(2);
  });

  it("changes by one class at once, whatever a burst or a silence suggests", () => {
    const pool = ready();
    for (let share = 0; share < 1_000; share++) pool.say(submit("a"));
    pool.nowMs += VARDIFF.retargetTimeMs;
    pool.work(snapshot(2, [job("b"), job("a")]));
    pool.work(snapshot(3, [job("c"), job("b")]));
    expect(classNow(pool)).toBe(2);
    // Then nothing for a day.
    pool.nowMs += 86_400_000;
    pool.work(snapshot(4, [job("d"), job("c")]));
    pool.work(snapshot(5, [job("e"), job("d")]));
    expect(classNow(pool)).toBe(0);
  });

  it("does not take a lucky minute for a faster rig", () => {
    const pool = ready();
    for (let share = 0; share < 5; share++) pool.say(submit("a"));
    pool.nowMs += 60_000;
    pool.work(snapshot(2, [job("b"), job("a")]));
    pool.work(snapshot(3, [job("c"), job("b"), job("a")]));
    expect(classNow(pool)).toBe(0);
  });

  it("stays between the operator's bounds", () => {
    const narrow = { ...VARDIFF, minDifficulty: DIFFICULTY / 4n, maxDifficulty: DIFFICULTY * 4n };
    const [slow, fast] = [new SimulatedRig(1e6, 1, narrow), new SimulatedRig(1e10, 2, narrow)];
    slow.mine(3_600_000);
    fast.mine(600_000);
    expect([classNow(slow.pool), classNow(fast.pool)]).toEqual([-2, 2]);
  });

  it("is a change of extranonce, said before the next job, and shares of earlier jobs keep theirs", () => {
    const pool = ready();
    pool.nowMs += 200_000;
    // The time for a change has come: the extranonce is asked for with this job, and holds from the next one on.
    expect(methods(pool.work(snapshot(2, [job("b"), job("a")])))).toEqual(["mining.notify"]);
    const said = pool.work(snapshot(3, [job("c"), job("b"), job("a")]));
    expect(methods(said)).toEqual(["mining.set_extranonce", "mining.set_difficulty", "mining.notify"]);
    expect(said[0]).toBe('{"id":null,"method":"mining.set_extranonce","params":["616000"]}');
    pool.say(submit("a"), submit("b"), submit("c"));
    expect(pool.shares.map(({ nonce }) => nonce)).toEqual([`0x080c01${TAIL}`, `0x080c01${TAIL}`, `0x616000${TAIL}`]);
    expect(pool.shares.map(({ shareDifficulty }) => shareDifficulty)).toEqual([
      DIFFICULTY,
      DIFFICULTY,
      DIFFICULTY / 4n,
    ]);
  });

  it("sets the new extranonce and target of EthereumStratum/2 together", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(
      '{"id":0,"method":"mining.hello","params":{"proto":"EthereumStratum/2.0.0"}}',
      '{"id":1,"method":"mining.subscribe"}',
      authorize(),
    );
    pool.nowMs += 200_000;
    pool.work(snapshot(2, [job("b"), job("a")]));
    const [set] = pool.work(snapshot(3, [job("c"), job("b")]));
    const target = (2n ** 256n / (DIFFICULTY / 4n)).toString(16).padStart(64, "0");
    expect(set).toBe(`{"method":"mining.set","params":{"target":"${target}","extranonce":"616000"}}`);
  });

  it("keeps the extranonce of a miner that did not ask for changes, and begins its next connection in the class that suits it", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity }, "rig");
    pool.say(SUBSCRIBE, authorize());
    pool.nowMs += 200_000;
    pool.work(snapshot(2, [job("b")]));
    expect(methods(pool.work(snapshot(3, [job("c")])))).toEqual(["mining.notify"]);
    expect([...pool.classes]).toEqual([["rig", -2]]);
    const next = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity }, "rig");
    next.classes.set("rig", -2);
    expect(next.say(SUBSCRIBE)[0]).toContain('"616000"');
    expect(methods(next.say(authorize()))).toEqual(["mining.set_difficulty", "mining.notify"]);
  });

  it("keeps the old extranonce where none of the new class can be had", () => {
    const pool = ready();
    pool.extranonces = () => null;
    pool.nowMs += 200_000;
    pool.work(snapshot(2, [job("b")]));
    expect(methods(pool.work(snapshot(3, [job("c")])))).toEqual(["mining.notify"]);
    expect(pool.closed).toBeNull();
  });

  it("does not touch miners that choose their nonces themselves", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(`{"id":1,"method":"eth_submitLogin","params":["${LOGIN}","d=32000000000"]}`);
    pool.nowMs = START_MS + 3_600_000;
    const [line] = pool.work(snapshot(2, [job("b"), job("a")]));
    expect(line).toContain("0x0000000225c17d04");
    expect(pool.state.track).toEqual({ current: "", before: [] });
  });

  it("is off where the operator says so: every session keeps the pool's difficulty", () => {
    const terms = { poolDifficulty: DIFFICULTY, classTable: 0 } as const;
    const pool = ready({ vardiff: null, terms }, "d=32000000000");
    pool.nowMs += 3_600_000;
    pool.work(snapshot(2, [{ ...job("b"), classTable: 0 }]));
    expect(methods(pool.work(snapshot(3, [{ ...job("c"), classTable: 0 }])))).toEqual(["mining.notify"]);
  });
});

describe("a difficulty asked for by password", () => {
  it("is read alone or among other settings", () => {
    for (const password of ["d=5000000000", "x,d=5000000000", "x d=5000000000;m=me@example.org"]) {
      expect(askedDifficulty(password)).toBe(5_000_000_000n);
    }
  });

  it("is not read into other words", () => {
    for (const password of ["", "x", "id=5000000000", "d=abc", "d=", "d=1.5", "d=-4"]) {
      expect(askedDifficulty(password)).toBeNull();
    }
  });

  it("gives the class that comes nearest with the first job, and vardiff leaves it alone", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(SUBSCRIBE, EXTRANONCE_SUBSCRIBE);
    const said = pool.say(authorize("d=32000000000"));
    expect(methods(said)).toEqual(["mining.set_extranonce", "mining.set_difficulty", "mining.notify"]);
    expect(said[1]).toContain('"610000"');
    pool.nowMs += 3_600_000;
    pool.work(snapshot(2, [job("b")]));
    pool.work(snapshot(3, [job("c")]));
    pool.say(submit("c"));
    expect(pool.shares.map(({ nonce, shareDifficulty }) => [nonce, shareDifficulty])).toEqual([
      [`0x610000${TAIL}`, DIFFICULTY * 16n],
    ]);
  });

  it("holds from the next connection on for a miner whose extranonce cannot change", () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(SUBSCRIBE);
    expect(methods(pool.say(authorize("d=32000000000")))).toEqual(["mining.set_difficulty", "mining.notify"]);
    expect([...pool.classes]).toEqual([["rig", 4]]);
  });

  it("stays between the operator's bounds", () => {
    expect(classNow(ready({}, "d=1"))).toBe(-6);
    expect(classNow(ready({}, "d=9999999999999999999"))).toBe(8);
    const bounds = { ...VARDIFF, minDifficulty: DIFFICULTY, maxDifficulty: DIFFICULTY * 4n };
    expect([
      classNow(ready({ vardiff: bounds }, "d=1")),
      classNow(ready({ vardiff: bounds }, "d=99999999999999")),
    ]).toEqual([0, 2]);
  });
});

describe("a miner that chooses its nonces itself", () => {
  const login = `{"id":1,"method":"eth_submitLogin","params":["${LOGIN}","x"]}`;
  const mix = `0x${"e".repeat(64)}`;
  const work = (digit: string, nonce: string) =>
    `{"id":4,"method":"eth_submitWork","params":["0x${nonce}","${job(digit).header}","${mix}"]}`;
  const roaming = () => {
    const pool = new PoolDriver({ vardiff: VARDIFF, maxWorkAgeMs: Infinity });
    pool.say(login);
    return pool;
  };

  it("is told of the class that its first nonce is in with the next job, and hears false until then", () => {
    const pool = roaming();
    pool.verdict = () => ({ kind: "lowDifficulty" });
    expect(pool.say(work("a", "6100000000000000"))).toEqual(['{"id":4,"jsonrpc":"2.0","result":false}']);
    expect(pool.reports).toEqual([]);
    expect(pool.shares[0]?.shareDifficulty).toBe(DIFFICULTY);
    expect(pool.work(snapshot(2, [job("b"), job("a")]))[0]).toContain(targetOf(DIFFICULTY * 16n));
    pool.say(work("b", "6100000000000001"), work("a", "6100000000000002"));
    expect(pool.shares.slice(1).map(({ shareDifficulty }) => shareDifficulty)).toEqual([DIFFICULTY * 16n, DIFFICULTY]);
  });

  it("is told of an easier class at once, and of a harder one when nothing else comes", () => {
    const pool = roaming();
    pool.say(work("a", "0000000000000001"), work("a", "6160000000000000"));
    expect(pool.work(snapshot(2, [job("b")]))[0]).toContain(targetOf(DIFFICULTY / 4n));
    for (let share = 1; share <= 3; share++) pool.say(work("b", `000000000000000${share}`));
    expect(pool.work(snapshot(3, [job("c")]))[0]).toContain(targetOf(DIFFICULTY / 4n));
    pool.say(work("c", "0000000000000009"));
    expect(pool.work(snapshot(4, [job("d")]))[0]).toContain(targetOf(DIFFICULTY));
  });

  it("is told the network's difficulty where that is less than the class's", () => {
    const pool = roaming();
    pool.say(work("a", "6100000000000000"));
    const easy = { ...job("b"), networkDifficulty: DIFFICULTY * 2n };
    expect(pool.work(snapshot(2, [easy]))[0]).toContain(targetOf(DIFFICULTY * 2n));
  });
});

it("has a class for every difficulty that a pool can want, a factor of 4 apart", () => {
  const all = classesOf(1).map((each) => Number(classDifficulty(each, DIFFICULTY)));
  for (let i = 1; i < all.length; i++) expect((all[i] ?? 0) / (all[i - 1] ?? 1)).toBeCloseTo(4, 5);
});
