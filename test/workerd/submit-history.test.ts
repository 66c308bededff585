import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { periodAt, tallied } from "../../core/history/tally.ts";
import { LoginHistory } from "../../core/history/login-history.ts";
import { createLogger } from "../../core/log.ts";
import { SubmitTallies, type TallyKeeper } from "../../core/session/submit-tallies.ts";
import type { ShareSubmission } from "../../core/shares/share.ts";
import { sqlPort } from "../../durable-objects/platform/sql-storage.ts";

afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

const LOGIN = `0x${"ab".repeat(20)}`;
const PERIOD_MS = 600_000;
/** No proof of work: whatever the nonce, the cheap test on its claim fails. */
const SHARE: Omit<ShareSubmission, "nonce"> = {
  login: LOGIN,
  worker: "rig",
  mixDigest: `0x${"0".repeat(64)}`,
  job: {
    header: `0x${"1".repeat(64)}`,
    seed: `0x${"0".repeat(64)}`,
    height: 9,
    networkDifficulty: 1n << 60n,
    poolDifficulty: 1n << 50n,
    classTable: 0,
  },
  shareDifficulty: 1n << 50n,
  timestampMs: 17,
  retry: false,
  staleBefore: 3,
};

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
  new SubmitTallies(
    new LoginHistory(sqlPort(storage)),
    { get: () => storage.kv.get("getworkTally"), set: (value) => storage.kv.put("getworkTally", value) },
    silent,
  );
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

  it("that came without a connection outlive the object's memory, and no timer keeps it awake for them", async () => {
    await runInDurableObject(session(), (_instance, { storage }) => {
      const nowMs = periodAt(Date.now()) * 1000;
      const timers = vi.spyOn(globalThis, "setTimeout");
      talliesOf(storage).countLoose(nowMs - PERIOD_MS, "rig", "accepted", 6000);
      talliesOf(storage).countLoose(nowMs - 1, "rig", "accepted", 6000);
      expect(rowCount(storage)).toBe(0);
      talliesOf(storage).countLoose(nowMs, "rig", "accepted", 6000);
      expect(rowCount(storage)).toBe(1);
      expect(
        talliesOf(storage)
          .report("1d", nowMs, [])
          .points.map(({ values }) => values["accepted"]),
      ).toEqual([2, 1]);
      expect(timers).not.toHaveBeenCalled();
      timers.mockRestore();
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
  it("are told to the API's object when it asks, once, and outlive both objects", async () => {
    const api = env.POOL_API.getByName("main");
    const verifier = env.SHARE_VERIFIER.getByName("shard-0");
    const judged = (share: number) => verifier.submit({ ...SHARE, nonce: `0x${share.toString(16).padStart(16, "0")}` });
    for (const share of [1, 2]) expect(await judged(share)).toEqual({ kind: "invalid" });
    await api.tick();
    expect((await api.totals()).submits).toMatchObject({ invalid: 2, stale: 6 });
    expect(await runInDurableObject(api, (_object, { storage }) => storage.getAlarm())).not.toBeNull();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 6_000 });
    await judged(3);
    for (const object of [api, verifier]) await evictDurableObject(object);
    await api.tick();
    expect((await api.totals()).submits).toMatchObject({ invalid: 1, stale: 3 });
  });
});
