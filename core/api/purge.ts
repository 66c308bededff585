import { ledgerKeys } from "../ledger/contract/keys.ts";
import type { RedisCommand, RedisPort } from "../ledger/contract/redis-port.ts";
import { seconds, type ApiConfig } from "./api-config.ts";
import { asCount, asText } from "./replies.ts";

/** Keys that one SCAN looks at. */
const SCAN_COUNT = 1000;

/** Cron's grain: a purge is due in the first cron run of its interval. */
const CRON_GRAIN_MS = 60_000;

/** What a purge did. */
export interface PurgeReport {
  /** Hashrate entries removed. */
  readonly removed: number;
  /** Commands it took; 0 when no purge was due. */
  readonly commands: number;
}

/** Which of `slots` sweeps a login belongs to. Any spread will do as long as it stays the same. */
function slotOf(login: string, slots: number): number {
  let hash = 0;
  for (let i = 0; i < login.length; i++) hash = (Math.imul(hash, 31) + login.charCodeAt(i)) >>> 0;
  return hash % slots;
}

/**
 * Removes hashrate entries that left their window. Called by cron every minute; works once every `purgeInterval` and holds no
 * state. The pool's own set is swept every time. The sets of the logins are swept in turn, each once per large window:
 * sweeping all of them each time, as the reference does, would be 43 million billed commands a month for 10,000 logins.
 * Readers never look beyond their window, so an entry that waits for its turn changes no figure; it only takes room.
 * A login that is gone needs no sweep, its set expires.
 *
 * @throws RedisUnreachableError the next run does what this one did not
 */
export async function purgeStale(redis: RedisPort, config: ApiConfig, nowMs: number): Promise<PurgeReport> {
  const { purgeIntervalMs, hashrateWindowMs, hashrateLargeWindowMs } = config.api;
  const run = Math.floor(nowMs / purgeIntervalMs);
  if (purgeIntervalMs > CRON_GRAIN_MS && run === Math.floor((nowMs - CRON_GRAIN_MS) / purgeIntervalMs)) {
    return { removed: 0, commands: 0 };
  }
  const before = (windowMs: number) => `(${seconds(nowMs) - seconds(windowMs)}`;
  const keys = ledgerKeys(config.coin);
  let removed = asCount(await redis.command(["ZREMRANGEBYSCORE", keys.hashrate, "-inf", before(hashrateWindowMs)]));
  let commands = 1;
  const slots = Math.max(1, Math.ceil(hashrateLargeWindowMs / Math.max(purgeIntervalMs, CRON_GRAIN_MS)));
  let cursor = "0";
  do {
    const reply = await redis.command(["SCAN", cursor, "MATCH", `${keys.hashratePrefix}*`, "COUNT", SCAN_COUNT]);
    const [next, found] = Array.isArray(reply) ? reply : [];
    cursor = asText(next) ?? "0";
    const due = (Array.isArray(found) ? found : [])
      .map(String)
      .filter((key) => slotOf(key.slice(keys.hashratePrefix.length), slots) === run % slots);
    const sweeps = due.map((key): RedisCommand => ["ZREMRANGEBYSCORE", key, "-inf", before(hashrateLargeWindowMs)]);
    const replies = sweeps.length > 0 ? await redis.pipeline(sweeps) : [];
    removed += replies.reduce<number>((sum, count) => sum + asCount(count), 0);
    commands += 1 + sweeps.length;
  } while (cursor !== "0");
  return { removed, commands };
}
