import type { ShardHealth } from "../../core/health/shard-health.ts";

/** A verifier that is well. */
export const SHARD_HEALTH: ShardHealth = {
  outboxDepth: 0,
  outboxBound: 100,
  cacheEpoch: 7,
  cacheProgress: 1,
  cacheError: null,
  waitingShares: 0,
  load: { sharesPerSecond: 3.1, slowPercent: 0 },
  recordedShares: 5,
  billedCommands: 35,
  unresolvedShares: 0,
  refutedShares: 0,
  lateDuplicates: 0,
  recentlyRefuted: { shares: 0, logins: [] },
  refusedLogins: [],
  setAsideShares: 0,
  unreadableRows: 0,
  unreadableReasons: [],
  ledger: "ok",
  lastError: null,
};
