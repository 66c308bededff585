import { describe, expect, test } from "vitest";
import { expectedAlarms, playLogin, seeded, type SimulatedRig, type Trouble } from "../../support/rig-months.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const rig = (meanS: number, over: Partial<SimulatedRig> = {}): SimulatedRig => ({
  name: `m${meanS}`,
  meanMs: meanS * 1000,
  dies: null,
  varies: false,
  ...over,
});

describe("a rig that mines", () => {
  test.each([2, 8, 12, 14.7, 15, 15.8, 20, 25, 60, 600])(
    "with a share every %d s is told to be offline less than once in 1,000 months, also by a mean that was only measured",
    (meanS) => {
      expect(expectedAlarms(meanS * 1000, 20_000, seeded(7))).toBeLessThan(1 / 1000);
    },
  );

  test("is not told to be offline in a month with outages of the pool, deploys and changes of its difficulty", () => {
    for (const seed of [1, 2]) {
      const random = seeded(seed);
      const troubles: Trouble[] = [];
      for (let atMs = DAY_MS / 2; atMs < 29 * DAY_MS; atMs += DAY_MS / 2 + (random() * DAY_MS) / 2) {
        troubles.push({ kind: "outage", fromMs: atMs, toMs: atMs + (1 + random() * 90) * 60_000 });
        troubles.push({ kind: "deploy", fromMs: atMs + 3 * HOUR_MS, toMs: atMs + 3 * HOUR_MS + 5_000 });
      }
      const rigs = [8, 15, 25, 60, 240].map((meanS, i) => rig(meanS, { varies: i % 2 === 0 }));
      expect(playLogin(rigs, troubles, 30 * DAY_MS, random), `seed ${seed}`).toEqual([]);
    }
  });
});

describe("a rig that loses its power", () => {
  test.each([3, 10, 15, 18, 20, 22])(
    "with a share every %d s is told within five minutes of its last share, whether its connection closes or has to be found dead",
    (meanS) => {
      for (const silently of [false, true])
        for (let seed = 0; seed < 20; seed += 1) {
          const random = seeded(1_000 * meanS + seed);
          const dies = { atMs: 5 * HOUR_MS + random() * HOUR_MS, silently };
          const told = playLogin([rig(meanS, { dies })], [], 8 * HOUR_MS, random);
          expect(told, `seed ${seed}`).toHaveLength(1);
          expect(told[0]?.silentMs, `seed ${seed}`).toBeLessThanOrEqual(300_000);
        }
    },
  );

  test.each([30, 60, 240])(
    "with a share every %d s is told after twelve of its mean pauses, as it had measured them",
    (meanS) => {
      const late: number[] = [];
      for (let seed = 0; seed < 40; seed += 1) {
        const random = seeded(1_000 * meanS + seed);
        const dies = { atMs: 20 * HOUR_MS + random() * HOUR_MS, silently: seed % 2 === 0 };
        const told = playLogin([rig(meanS, { dies })], [], 24 * HOUR_MS, random);
        expect(told, `seed ${seed}`).toHaveLength(1);
        late.push((told[0]?.silentMs ?? 0) / (12_000 * meanS));
      }
      // By 256 pauses a mean is known to some 6 percent.
      expect(late.reduce((sum, one) => sum + one, 0) / late.length).toBeLessThan(1.02);
      expect(Math.max(...late)).toBeLessThan(1.3);
    },
  );
});
