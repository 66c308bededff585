import { describe, expect, it } from "vitest";
import { OLDER_PART } from "../../../core/deploy/calls-version.ts";
import { beginningOf, movedFrom } from "../../../core/home.ts";
import { type PoolPart, PoolParts } from "../../../core/health/pool-parts.ts";

const part = (name: string, script: PoolPart["script"], over: Partial<PoolPart> = {}): PoolPart => ({
  name,
  script,
  about: async () => ({ calls: 1, version: "1.0.0" }),
  dataCentre: async () => "FRA",
  ...over,
});
const moved = async () => movedFrom(beginningOf(null), "eu");
const notMoved = async () => null;
const calls = (version: number) => ({ about: async () => ({ calls: version, version: "1.0.0" }) });
const problemsOf = async (...parts: PoolPart[]) => (await new PoolParts(parts, () => 0, notMoved).look()).problems;

describe("the parts of a pool", () => {
  it("say where they are, of which version, and how far; each is asked for its data centre until it has said it", async () => {
    let nowMs = 0;
    let asked = 0;
    const template = part("template", "sessions", {
      async about() {
        nowMs += 12;
        return { calls: 1, version: "1.0.0" };
      },
      async dataCentre() {
        // Not part of the way.
        nowMs += 3_000;
        asked += 1;
        return asked === 1 ? null : "AMS";
      },
    });
    const parts = new PoolParts([template], () => nowMs, notMoved);
    const here = { part: "template", roundTripMs: 12, version: "1.0.0" };
    expect((await parts.look()).places).toEqual([{ ...here, dataCentre: null }]);
    expect((await parts.look()).places).toEqual([{ ...here, dataCentre: "AMS" }]);
    expect(await parts.look()).toEqual({ places: [{ ...here, dataCentre: "AMS" }], problems: [] });
    expect(asked).toBe(2);
  });

  it("that do not answer are at an unknown place, and are called older where they do not know the call", async () => {
    const away = part("ledger", "verifiers", { about: () => Promise.reject(new Error("overloaded")) });
    const older = part("shard 0", "verifiers", { about: () => Promise.reject(new Error(`shard-0 ${OLDER_PART}`)) });
    expect(await new PoolParts([away, older], () => 0, notMoved).look()).toEqual({
      places: ["ledger", "shard 0"].map((name) => ({ part: name, dataCentre: null, roundTripMs: null, version: null })),
      problems: [
        "shard 0 is of a version of the pool that does not know this call: npm run deploy brings every script up, those that are called first",
      ],
    });
  });

  it("are named where a script calls another one with a version that it does not know", async () => {
    expect(await problemsOf(part("template", "sessions", calls(2)), part("shard 0", "verifiers"))).toEqual([
      "the scripts are of versions that do not fit: sessions calls with version 2, and verifiers knows 1. npm run deploy brings every script up, those that are called first",
    ]);
    expect(await problemsOf(part("unlocker", "payouts", calls(0)))).toEqual([
      expect.stringContaining("page calls with version 1, and payouts knows 0"),
    ]);
  });

  it("are others where home has become another jurisdiction since the pool began, and not where it is another hint", async () => {
    expect((await new PoolParts([], () => 0, moved).look()).problems).toEqual([
      expect.stringMatching(/^the pool began in no jurisdiction, and home says the jurisdiction eu: .*Set home back/),
    ]);
    expect(movedFrom(beginningOf("eu"), "weur")).toContain(
      "began in the jurisdiction eu, and home says no jurisdiction",
    );
    expect([movedFrom(beginningOf("weur"), "enam"), movedFrom(beginningOf("eu"), "eu")]).toEqual([null, null]);
  });

  it("may be newer than who calls them, as they are while a deployment is under way", async () => {
    const newer = [part("shard 0", "verifiers", calls(3)), part("ledger", "verifiers", calls(3))];
    expect(await problemsOf(...newer, part("template", "sessions", calls(2)))).toEqual([]);
  });
});
