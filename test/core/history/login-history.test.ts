import { describe, expect, it } from "vitest";
import { LoginHistory } from "../../../core/history/login-history.ts";
import { addUp, MAX_TALLY_WORKERS, parseRows, periodAt, tallied, type Tally } from "../../../core/history/tally.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";

const NOW_S = 1_700_000_400;
const NOW_MS = NOW_S * 1000;

function tally(
  ...submits: (readonly [worker: string, verdict: "accepted" | "stale" | "invalid", work: number])[]
): Tally {
  let made: Tally | null = null;
  for (const [worker, verdict, work] of submits) made = tallied(made, NOW_MS, worker, verdict, work);
  return made ?? { periodS: periodAt(NOW_MS), workers: [] };
}

describe("a tally", () => {
  it("counts by worker and verdict, whatever the worker is called", () => {
    expect(tally(["__proto__", "accepted", 5], ["a", "stale", 0], ["__proto__", "accepted", 7])).toEqual({
      periodS: 1_700_000_400 - (1_700_000_400 % 600),
      workers: [
        ["__proto__", 2, 0, 0, 0, 12],
        ["a", 0, 0, 0, 1, 0],
      ],
    });
  });

  it("stays small behind a proxy of many workers, and loses no submit", () => {
    let made: Tally | null = null;
    for (let i = 0; i < 1000; i++) made = tallied(made, NOW_MS, `${i}`.padStart(32, "w"), "accepted", 2 ** 40);
    expect(made?.workers).toHaveLength(MAX_TALLY_WORKERS + 1);
    expect([...addUp(made?.workers ?? []).values()].reduce((sum, { accepted }) => sum + accepted, 0)).toBe(1000);
    expect(JSON.stringify(made).length).toBeLessThan(4096);
  });

  it("stays in the period in which it began", () => {
    const begun = tallied(null, NOW_MS, "a", "accepted", 1);
    expect(tallied(begun, NOW_MS + 700_000, "a", "accepted", 1).periodS).toBe(begun.periodS);
  });

  it("leaves out what is no row when it is read back", () => {
    expect(parseRows('[["a",1,0,0,0,5],["b",1],[1,1,0,0,0,5],{"a":1},["c","1",0,0,0,5]]')).toEqual([
      ["a", 1, 0, 0, 0, 5],
    ]);
    expect(parseRows('{"a":1}')).toEqual([]);
  });
});

describe("a login's history", () => {
  it("adds the tallies of its connections up, in one row a period, also over several settlements", () => {
    const rows = nodeSql();
    const history = new LoginHistory(rows);
    history.settle([tally(["a", "accepted", 6000], ["a", "stale", 0]), tally(["b", "accepted", 3000])]);
    history.settle([tally(["a", "invalid", 0])]);
    expect(rows.exec("SELECT count(*) AS n FROM login_history")).toEqual([{ n: 1 }]);
    const report = history.report("1d", NOW_S, []);
    expect(report.points).toEqual([
      { at: periodAt(NOW_MS), values: { accepted: 2, duplicate: 0, invalid: 1, stale: 1, work: 9000 } },
    ]);
    expect(report.workers).toEqual([
      ["a", 1, 0, 1, 1, 6000],
      ["b", 1, 0, 0, 0, 3000],
    ]);
  });

  it("shows what is not settled yet", () => {
    const history = new LoginHistory(nodeSql());
    history.settle([tally(["a", "accepted", 6000])]);
    const report = history.report("1d", NOW_S, [tally(["a", "accepted", 1000]), tally(["b", "stale", 0])]);
    expect(report.points.map(({ values }) => [values["accepted"], values["stale"], values["work"]])).toEqual([
      [2, 1, 7000],
    ]);
    expect(report.workers).toEqual([
      ["a", 2, 0, 0, 0, 7000],
      ["b", 0, 0, 0, 1, 0],
    ]);
  });

  it("writes nothing for a connection that submitted nothing, nor for whoever asks: not even a table", () => {
    const rows = nodeSql();
    const history = new LoginHistory(rows);
    history.settle([tally()]);
    expect(history.report("1d", NOW_S, [])).toEqual({ resolution: 600, points: [], workers: [] });
    expect(rows.exec("SELECT name FROM sqlite_master")).toEqual([]);
  });

  it("adds up the workers with the fewest shares when there are too many for a row or an answer, and loses no share", () => {
    const rows = nodeSql();
    const history = new LoginHistory(rows);
    for (let connection = 0; connection < 300; connection++) {
      const names = Array.from({ length: 30 }, (_, at) => `${connection}-${at}-`.padEnd(32, "w"));
      history.settle([tally(["rig", "accepted", 1], ...names.map((name) => [name, "accepted", 1] as const))]);
    }
    const [longest] = rows.exec("SELECT max(length(detail)) AS longest FROM login_history");
    expect(Number(longest?.["longest"])).toBeLessThanOrEqual(64 * 1024);
    const { workers } = history.report("1d", NOW_S, []);
    expect(workers[0]).toEqual(["rig", 300, 0, 0, 0, 300]);
    expect(workers.at(-1)?.[0]).toBe("…");
    expect(workers.reduce((sum, [, accepted]) => sum + accepted, 0)).toBe(9_300);
  });
});

describe("one worker's history", () => {
  it("has the periods in which the worker submitted something, what is still open among them", () => {
    const history = new LoginHistory(nodeSql());
    const before = NOW_MS - 600_000;
    history.settle([tallied(tallied(null, before, "a", "accepted", 6000), before, "b", "accepted", 3000)]);
    const { resolution, points, workers } = history.reportOf("a", "1d", NOW_S, [
      tally(["a", "stale", 0], ["b", "accepted", 1]),
      tally(["a", "accepted", 500]),
    ]);
    expect(resolution).toBe(600);
    expect(points).toEqual([
      { at: periodAt(before), values: { accepted: 1, duplicate: 0, invalid: 0, stale: 0, work: 6000 } },
      { at: periodAt(NOW_MS), values: { accepted: 1, duplicate: 0, invalid: 0, stale: 1, work: 500 } },
    ]);
    expect(workers).toEqual([["a", 2, 0, 0, 1, 6500]]);
    expect(history.reportOf("nobody", "1d", NOW_S, []).points).toEqual([]);
  });
});
