import { describe, expect, it } from "vitest";
import { LOGIN_SERIES, POOL_SERIES } from "../../../core/history/definitions.ts";
import { Series, type SeriesDefinition } from "../../../core/history/series.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";

const DEFINITION: SeriesDefinition = {
  table: "t",
  means: ["level"],
  sums: ["count"],
  resolutions: [
    { seconds: 60, slots: 30 },
    { seconds: 600, slots: 12 },
    { seconds: 3600, slots: 4 },
  ],
};

function store() {
  const sql = nodeSql();
  return { ...sql, rows: () => Number(sql.exec("SELECT count(*) AS n FROM t")[0]?.["n"]) };
}

describe("a series", () => {
  it("adds counts up within a period and takes the last gauge", () => {
    const series = new Series(store(), DEFINITION);
    series.add(6000, { level: 5, count: 1 });
    series.add(6059, { level: 7, count: 2 });
    series.add(6060, { level: 9, count: 4 });
    expect(series.points(60, 0, 10_000)).toEqual([
      { at: 6000, values: { level: 7, count: 3 } },
      { at: 6060, values: { level: 9, count: 4 } },
    ]);
  });

  it("sums up coarser periods when they are over, and the one under way for whoever reads", () => {
    const series = new Series(store(), DEFINITION);
    for (let minute = 0; minute < 15; minute++) series.add(6000 + minute * 60, { level: minute, count: 1 });
    expect(series.points(600, 6000, 7200)).toEqual([
      { at: 6000, values: { level: 4.5, count: 10 } },
      { at: 6600, values: { level: 12, count: 5 } },
    ]);
    // The hour that began at 3600 is still under way, made of ten-minute periods one of which is under way itself.
    expect(series.points(3600, 3600, 7200)).toEqual([{ at: 3600, values: { level: 8.25, count: 15 } }]);
  });

  it("keeps a bounded number of rows for ever", () => {
    const rows = store();
    const series = new Series(rows, DEFINITION);
    for (let minute = 0; minute < 3000; minute++) series.add(6000 + minute * 60, { level: 1, count: 1 });
    expect(rows.rows()).toBe(30 + 12 + 4);
    const nowS = 6000 + 3000 * 60;
    expect(series.points(60, 0, nowS)).toHaveLength(30);
    expect(series.points(3600, nowS - 3 * 3600, nowS).map(({ values }) => values["count"])).toEqual([60, 60, 40]);
  });

  it("has every period although the object was started anew in between", () => {
    const rows = store();
    for (let minute = 0; minute < 40; minute++) {
      new Series(rows, DEFINITION).add(6000 + minute * 60, { level: 1, count: 1 });
    }
    expect(new Series(rows, DEFINITION).points(600, 6000, 8400).map(({ values }) => values["count"])).toEqual([
      10, 10, 10, 10,
    ]);
  });

  it("shows a gap where the pool slept, and sums up what was before it", () => {
    const series = new Series(store(), DEFINITION);
    series.add(6000, { level: 1, count: 1 });
    series.add(8400, { level: 1, count: 5 });
    series.add(9000, { level: 1, count: 7 });
    expect(series.points(600, 6000, 9600).map(({ at, values }) => [at, values["count"]])).toEqual([
      [6000, 1],
      [8400, 5],
      [9000, 7],
    ]);
  });

  it("does not let a late sample destroy a newer period", () => {
    const series = new Series(store(), DEFINITION);
    series.add(6000 + 30 * 60, { level: 2, count: 2 });
    series.add(6000, { level: 1, count: 1 });
    expect(series.points(60, 0, 99_999)).toEqual([{ at: 7800, values: { level: 2, count: 2 } }]);
  });

  it("keeps a detail with the finest periods only", () => {
    const series = new Series(store(), DEFINITION);
    series.add(6000, { level: 1, count: 1 }, '{"rig":1}');
    series.add(6060, { level: 1, count: 1 });
    expect(series.details(0, 9000)).toEqual([{ at: 6000, detail: '{"rig":1}' }]);
  });

  it.each([
    [POOL_SERIES, 1558],
    [LOGIN_SERIES, 402],
  ])("has rings whose coarser periods fit into the finer ones: $0.table", (definition, rows) => {
    expect(definition.resolutions.reduce((sum, { slots }) => sum + slots, 0)).toBe(rows);
    definition.resolutions.slice(1).forEach(({ seconds }, i) => {
      const finer = definition.resolutions[i];
      expect(finer && seconds % finer.seconds).toBe(0);
      expect(finer && finer.seconds * finer.slots).toBeGreaterThanOrEqual(2 * seconds);
    });
  });
});
