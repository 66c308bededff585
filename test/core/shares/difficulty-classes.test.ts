import { assert, bigInt, constantFrom, nat, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  classDifficulty,
  classesOf,
  classOf,
  classOfPrefix,
  extranoncesOf,
  nearestClass,
  shareWorth,
  type ShareTerms,
} from "../../../core/shares/difficulty-classes.ts";

const POOL = 2n ** 33n;
const TERMS: ShareTerms = { poolDifficulty: POOL, classTable: 1, networkDifficulty: 10n ** 15n };
const ANY = { minDifficulty: 1n, maxDifficulty: 10n ** 18n };
const hex = (prefix: number) => prefix.toString(16).padStart(6, "0");

describe("difficulty classes", () => {
  it("lie apart from each other, and together are 0.6 % of all nonces", () => {
    const counts = new Map<number, number>();
    for (let prefix = 0; prefix < 2 ** 24; prefix++) {
      const found = classOfPrefix(prefix, 1);
      counts.set(found, (counts.get(found) ?? 0) + 1);
    }
    const sizes = [-6, -4, -2, 2, 4, 6, 8].map((each) => counts.get(each));
    expect(sizes).toEqual([2 ** 11, 2 ** 12, 2 ** 13, 2 ** 16, 2 ** 14, 2 ** 12, 2 ** 10]);
    expect(1 - (counts.get(0) ?? 0) / 2 ** 24).toBeCloseTo(0.00604, 5);
  });

  it("are where their extranonces are drawn, the pool's own too", () => {
    for (const each of classesOf(1)) {
      const { first, size } = extranoncesOf(each);
      expect([classOfPrefix(first, 1), classOfPrefix(first + size - 1, 1)]).toEqual([each, each]);
    }
  });

  it("are told from the beginning of a nonce, and only from a whole prefix", () => {
    expect(classOf("6100000000000000", 1)).toBe(4);
    expect(classOf("610000", 1)).toBe(4);
    expect(classOf("6100", 1)).toBe(0);
    expect(classOf("", 1)).toBe(0);
    expect(classOf("6100000000000000", 0)).toBe(0);
  });

  it("are a factor of the pool's difficulty, at least 1 and at most 10^15 unless the pool's is more", () => {
    expect(classesOf(1).map((each) => classDifficulty(each, 6_400n))).toEqual([
      100n,
      400n,
      1_600n,
      6_400n,
      25_600n,
      102_400n,
      409_600n,
      1_638_400n,
    ]);
    expect(classDifficulty(-6, 20n)).toBe(1n);
    expect(classDifficulty(8, 10n ** 14n)).toBe(10n ** 15n);
    expect(classDifficulty(8, 10n ** 17n)).toBe(10n ** 17n);
  });

  it("are chosen by ratio, between bounds that never exclude the pool's own", () => {
    expect(nearestClass(Number(POOL) * 1.9, TERMS, ANY)).toBe(0);
    expect(nearestClass(Number(POOL) * 2.1, TERMS, ANY)).toBe(2);
    expect(nearestClass(Number(POOL) * 1e9, TERMS, ANY)).toBe(8);
    expect(nearestClass(0, TERMS, ANY)).toBe(-6);
    expect(nearestClass(0, TERMS, { ...ANY, minDifficulty: POOL / 16n })).toBe(-4);
    expect(nearestClass(1e18, TERMS, { minDifficulty: 1n, maxDifficulty: 2n })).toBe(0);
    expect(nearestClass(1e18, { ...TERMS, classTable: 0 }, ANY)).toBe(0);
  });
});

describe("the worth of a share", () => {
  it("is its class's difficulty, or the network's where that is less", () => {
    expect(shareWorth(hex(0x610000), TERMS)).toBe(POOL * 16n);
    expect(shareWorth(hex(0x610000), { ...TERMS, networkDifficulty: POOL })).toBe(POOL);
    expect(shareWorth("", TERMS)).toBe(POOL);
  });

  it("is never more than the hashes that it takes on average, for any nonce, difficulty and network", () => {
    const big = bigInt({ min: 1n, max: 2n ** 63n - 1n });
    const terms = record({
      poolDifficulty: big,
      networkDifficulty: big,
      classTable: constantFrom(0 as const, 1),
    });
    assert(
      property(nat(2 ** 24 - 1), terms, (prefix, given) => {
        const worth = shareWorth(hex(prefix), given);
        // One result in 2^256 / target meets floor(2^256 / worth).
        expect(worth * (2n ** 256n / worth)).toBeLessThanOrEqual(2n ** 256n);
        expect(worth > 0n && worth < 2n ** 63n && worth <= given.networkDifficulty).toBe(true);
      }),
    );
  });
});
