import { expect, it } from "vitest";
import { AccountStats } from "../../core/api/account-stats.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { API_CONFIG } from "../support/api-ledger.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { recordMaker, START_MS } from "../support/ledger-records.ts";

const SMALL_S = 1_800;
const LARGE_S = 10_800;
const DIFFICULTY = 2_000_000_000n;
const { share } = recordMaker();
const LOGIN = share().login;

/** What the reference's API does with a login's entries: sums over both windows, divided by the window or the time online. */
async function byReference(redis: RedisPort, nowS: number) {
  const reply = await redis.command(["ZRANGEBYSCORE", `eth:hashrate:${LOGIN}`, nowS - LARGE_S, "+inf", "WITHSCORES"]);
  if (!Array.isArray(reply)) throw new Error("no entries");
  const workers = new Map<string, { small: number; large: number; first: number; last: number }>();
  for (let i = 0; i < reply.length; i += 2) {
    const [difficulty = "", id = ""] = String(reply[i]).split(":");
    const ts = Number(reply[i + 1]);
    const known = workers.get(id) ?? { small: 0, large: 0, first: ts, last: ts };
    known.large += Number(difficulty);
    if (ts >= nowS - SMALL_S) known.small += Number(difficulty);
    known.first = Math.min(known.first, ts);
    known.last = Math.max(known.last, ts);
    workers.set(id, known);
  }
  return new Map(
    [...workers].map(([id, { small, large, first, last }]) => {
      const online = Math.max(600, nowS - first);
      return [id, { hr: small / Math.min(online, SMALL_S), hr2: large / Math.min(online, LARGE_S), last }];
    }),
  );
}

/** Within a percent; of a rig that has left, within five minutes of its work in three hours. */
function near(shown: number, wanted: number, agoS: number): void {
  if (agoS < 60) expect(Math.abs(shown / wanted - 1)).toBeLessThan(0.01);
  else expect(Math.abs(shown - wanted)).toBeLessThan((Number(DIFFICULTY) / 10) * (300 / LARGE_S));
}

/** What our API says of each worker. */
async function accountOf(reader: AccountStats, redis: RedisPort | undefined, nowMs: number) {
  if (!redis) throw new Error("no ledger");
  const { account } = await reader.read(redis, nowMs, Infinity);
  const workers = Object.entries(account?.workers ?? {});
  return new Map(workers.map(([id, { hr2, lastBeat }]) => [id, { hr2, lastTs: lastBeat }]));
}

it("shows in the reference's API what single entries show: the last half hour to the hash, three hours within a percent", async () => {
  let nowMs = START_MS;
  const ports = [embeddedLedger({ nowMs: () => nowMs }), embeddedLedger({ nowMs: () => nowMs })];
  const [asWritten, folded] = ports.map((redis, at) =>
    createLedgerWriter({
      redis,
      coin: "eth",
      hashrateExpirationMs: LARGE_S * 1000,
      nowMs: () => nowMs,
      ...(at === 1 ? { foldAfterMs: SMALL_S * 1000 } : {}),
    }),
  );
  const readers = [new AccountStats(API_CONFIG, LOGIN), new AccountStats(API_CONFIG, LOGIN)];
  for (let step = 0; step < 4 * 360; step += 1) {
    nowMs = START_MS + step * 10_000;
    // Twenty rigs, of which one leaves after two hours and one comes after three and a half.
    const rigs = Array.from({ length: 20 }, (_, i) => i).filter(
      (rig) => (rig !== 3 || step < 720) && (rig !== 5 || step > 1_260),
    );
    const batch = rigs.map((rig) =>
      share({
        worker: `rig-${rig}`,
        timestampMs: nowMs + rig,
        shareDifficulty: DIFFICULTY,
        height: Math.floor(step / 2),
      }),
    );
    for (const writer of [asWritten, folded]) await writer?.recordShares(batch, false);
    const accounts =
      step % 6 === 0 ? await Promise.all(readers.map((reader, at) => accountOf(reader, ports[at], nowMs))) : [];
    for (const [id, { hr2, lastTs }] of accounts[0] ?? [])
      if (nowMs / 1000 - lastTs < 7_200) near(accounts[1]?.get(id)?.hr2 ?? 0, hr2, nowMs / 1000 - lastTs);
    if (step % 97 !== 0) continue;
    const nowS = Math.floor(nowMs / 1000);
    const [plain, sums] = await Promise.all(ports.map((redis) => byReference(redis, nowS)));
    for (const [id, { hr, hr2, last }] of plain ?? []) {
      const shown = sums?.get(id);
      // Who was last seen hours ago was last seen some minutes earlier or later.
      if (shown === undefined) expect(nowS - last).toBeGreaterThan(LARGE_S - 300);
      else {
        expect(shown.hr).toBe(hr);
        if (nowS - last < SMALL_S) expect(shown.last).toBe(last);
        if (nowS - last < 7_200) near(shown.hr2, hr2, nowS - last);
      }
    }
  }
  const sizes = await Promise.all(ports.map((redis) => redis.command(["ZCARD", `eth:hashrate:${LOGIN}`])));
  expect(Number(sizes[1])).toBeLessThan(Number(sizes[0]) / 4);
});
