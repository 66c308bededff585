import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { periodAt, tallied } from "../../core/history/tally.ts";
import { LoginHistory } from "../../core/history/login-history.ts";
import { createLogger } from "../../core/log.ts";
import { SubmitTallies, type TallyKeeper } from "../../core/session/submit-tallies.ts";
import { VerdictReporter } from "../../core/shares/verdict-reporter.ts";
import { sqlPort } from "../../durable-objects/platform/sql-storage.ts";
import { systemClock } from "../../durable-objects/platform/system-clock.ts";

afterEach(async () => {
  await reset();
});

const LOGIN = `0x${"ab".repeat(20)}`;
const PERIOD_MS = 600_000;

/** A connection as far as tallies go. */
class Keeper implements TallyKeeper {
  tally: ReturnType<typeof tallied> | null = null;
  submit(nowMs: number, worker: string, verdict: "accepted" | "stale", work = 0): void {
    this.tally = tallied(this.tally, nowMs, worker, verdict, work);
  }
  clearTally(): void {
    this.tally = null;
  }
}

const talliesOf = (storage: DurableObjectStorage) =>
  new SubmitTallies(new LoginHistory(sqlPort(storage)), systemClock, silent);
const silent = createLogger({ level: "error", sink: () => undefined, now: () => 0 });
const session = () => env.MINER_SESSION.getByName(LOGIN);
/** Of the finest resolution: an hour that ends meanwhile adds a row of its own. Zero before the first: the table comes with it. */
const rowCount = (storage: DurableObjectStorage) =>
  storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'login_history'").toArray().length === 0
    ? 0
    : storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM login_history WHERE resolution = 600").one().n;

describe("a login's submits", () => {
  it("are written down once a period for all connections together, and by a connection that ends", async () => {
    await runInDurableObject(session(), (_instance, { storage }) => {
      const tallies = talliesOf(storage);
      const [a, b] = [new Keeper(), new Keeper()];
      const startMs = periodAt(Date.now()) * 1000 - 5 * PERIOD_MS;
      const submit = (keeper: Keeper, nowMs: number, worker: string, verdict: "accepted" | "stale", work = 0) => {
        tallies.settleFinished(nowMs, () => [a, b]);
        keeper.submit(nowMs, worker, verdict, work);
      };
      submit(a, startMs, "a", "accepted", 600_000);
      submit(b, startMs + 1000, "b", "accepted", 600_000);
      tallies.countLoose(startMs + 2000, "getwork", "stale", 0);
      expect(rowCount(storage)).toBe(0);
      submit(a, startMs + PERIOD_MS, "a", "stale");
      expect(rowCount(storage)).toBe(1);
      tallies.settleLast(a);
      expect(rowCount(storage)).toBe(2);
      const { points, workers } = tallies.report("1d", Date.now(), [a, b]);
      expect(points.map(({ values }) => [values["accepted"], values["stale"]])).toEqual([
        [2, 1],
        [0, 1],
      ]);
      expect(workers).toEqual([
        ["a", 1, 0, 0, 1, 600_000],
        ["b", 1, 0, 0, 0, 600_000],
        ["getwork", 0, 0, 0, 1, 0],
      ]);
    });
  });

  it("stay in the history of the login when its object is evicted", async () => {
    await runInDurableObject(session(), (_instance, { storage }) => {
      const keeper = new Keeper();
      // A period that is over, so that its length is known.
      keeper.submit(Date.now() - PERIOD_MS, "rig", "accepted", 6000);
      talliesOf(storage).settleLast(keeper);
    });
    await evictDurableObject(session());
    expect(JSON.parse(await session().history("1d"))).toMatchObject({
      resolution: 600,
      hashrate: [10],
      accepted: [1],
      workers: { rig: { accepted: 1, duplicate: 0, invalid: 0, stale: 0 } },
    });
  });
});

describe("a shard's verdicts", () => {
  it("reach the API object five seconds after the first, in one request, and stay when it cannot be reached", async () => {
    const reports: object[] = [];
    const timers: { delayMs: number; work: () => void }[] = [];
    const after = (delayMs: number, work: () => void) => {
      timers.push({ delayMs, work });
      return () => undefined;
    };
    const fire = async () => {
      timers.shift()?.work();
      await scheduler.wait(1);
    };
    let reachable = false;
    const reporter = new VerdictReporter(
      async (counts) => {
        if (!reachable) throw new Error("overloaded");
        reports.push(counts);
      },
      { nowMs: () => 0, after },
    );
    reporter.count({ kind: "unavailable", reason: "cold" }, 0, "0xa");
    expect(timers).toEqual([]);
    reporter.count({ kind: "accepted", block: true }, 2, "0xa");
    reporter.count({ kind: "invalid" }, 0, "0xa");
    expect(timers.map(({ delayMs }) => delayMs)).toEqual([5000]);
    await fire();
    expect(reports).toEqual([]);
    reachable = true;
    reporter.count({ kind: "accepted", block: false }, 0, "0xa");
    await fire();
    expect(reports).toEqual([{ stale: 2, accepted: 2, blocks: 1, invalid: 1 }]);
    expect(timers).toEqual([]);
  });

  it("are counted by the API object until its next minute", async () => {
    const api = env.POOL_API.getByName("main");
    await api.report({ invalid: 1, stale: 3 });
    await api.report({ invalid: 2 });
    expect((await api.totals()).submits).toMatchObject({ invalid: 3, stale: 3 });
  });
});
