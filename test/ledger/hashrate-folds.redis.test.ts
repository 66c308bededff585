import { expect, it } from "vitest";
import { PoolStats } from "../../core/api/pool-stats.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import { API_CONFIG } from "../support/api-ledger.ts";
import { loginOf, recordMaker, START_MS } from "../support/ledger-records.ts";
import { useRedisServer } from "../support/redis-server.ts";

const redis = useRedisServer();
const SMALL_S = 1_800;
const LARGE_S = 10_800;
const DIFFICULTY = 2_000_000_000n;

/** What the reference's API says of each login, out of the set of all logins. */
async function poolByReference(nowS: number) {
  const reply = await redis.command(["ZRANGEBYSCORE", "eth:hashrate", nowS - SMALL_S, "+inf", "WITHSCORES"]);
  if (!Array.isArray(reply)) throw new Error("no entries");
  const logins = new Map<string, { sum: number; first: number; last: number }>();
  for (let i = 0; i < reply.length; i += 2) {
    const [difficulty = "", login = ""] = String(reply[i]).split(":");
    const ts = Number(reply[i + 1]);
    const known = logins.get(login) ?? { sum: 0, first: ts, last: ts };
    known.sum += Number(difficulty);
    known.first = Math.min(known.first, ts);
    known.last = Math.max(known.last, ts);
    logins.set(login, known);
  }
  const hr = ({ sum, first }: { sum: number; first: number }) => sum / Math.min(SMALL_S, Math.max(600, nowS - first));
  return new Map([...logins].map(([login, known]) => [login, { hr: hr(known), last: known.last }]));
}

it(
  "keeps the set of all logins small for a pool of many shares, and each login's hashrate in both APIs what it is",
  { timeout: 300_000 },
  async () => {
    let nowMs = START_MS;
    const { share } = recordMaker();
    const options = { redis, coin: "eth", hashrateExpirationMs: LARGE_S * 1000, foldAfterMs: LARGE_S * 1000 };
    const writer = createLedgerWriter({ ...options, nowMs: () => nowMs });
    const pool = new PoolStats(API_CONFIG);
    const RIGS = 400;
    const truth = Number(DIFFICULTY) / 2;
    let most = 0;
    // Each rig has a share every 2 s, but for one that leaves after half an hour.
    for (let step = 0; step < 6 * 55; step += 1) {
      nowMs = START_MS + step * 10_000;
      const rigs = Array.from({ length: RIGS }, (_, i) => i).filter((rig) => rig !== 7 || step < 180);
      const batch = rigs.flatMap((rig) =>
        Array.from({ length: 5 }, (_, i) =>
          share({
            login: loginOf(rig % 50),
            worker: `rig-${rig}`,
            timestampMs: nowMs - 8_000 + 2_000 * i - rig,
            shareDifficulty: DIFFICULTY,
            height: step,
          }),
        ),
      );
      await writer.recordShares(batch, false);
      if (step % 3 !== 0) continue;
      const nowS = Math.floor(nowMs / 1000);
      await redis.command(["ZREMRANGEBYSCORE", "eth:hashrate", "-inf", `(${nowS - SMALL_S}`]);
      most = Math.max(most, Number(await redis.command(["ZCARD", "eth:hashrate"])));
      const ours = await pool.read(redis, nowMs, Infinity);
      if (step < 120 || step % 9 !== 0) continue;
      for (const [login, { hr, last }] of await poolByReference(nowS)) {
        const rigsOf = login === loginOf(7) ? 7.5 : 8;
        expect(Math.abs(hr / truth / rigsOf - 1)).toBeLessThan(login === loginOf(7) ? 0.07 : 0.01);
        expect(nowS - last).toBeLessThan(20);
        const shown = ours.miners[login]?.hr ?? 0;
        expect(Math.abs(shown / truth / rigsOf - 1)).toBeLessThan(login === loginOf(7) ? 0.07 : 0.01);
      }
      // A rig is offline after a quarter of an hour, of sums five minutes sooner at most.
      const goneS = (step - 180) * 10;
      if (goneS > 900 || (goneS >= 0 && goneS < 600)) expect(ours.workersOnline).toBe(goneS > 900 ? RIGS - 1 : RIGS);
    }
    // Of 360,000 shares in half an hour. With fewer entries than 200,000 all of them stay.
    expect(most).toBeGreaterThan(200_000);
    expect(most).toBeLessThan(220_000);
  },
);
