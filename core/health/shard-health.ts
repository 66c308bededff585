import { SLOW_MS, type VerifierLoad } from "../shares/load-meter.ts";
import type { NoRoom } from "../shares/share.ts";
import { durationText } from "../units.ts";

/** A login whose records Redis refuses for what its own keys hold. */
interface RefusedLoginHealth {
  readonly login: string;
  /** Redis' words, and the key that stands in the way where it was found. */
  readonly reason: string;
  /** Unix time in ms. */
  readonly sinceMs: number;
}

/** A verifier shard. */
export interface ShardHealth {
  /** Shares and blocks that wait in the durable outbox, those that are set aside included. */
  readonly outboxDepth: number;
  readonly outboxBound: number;
  /** Epoch of the light cache in memory, and how far the one being built is, 0 to 1. */
  readonly cacheEpoch: number | null;
  readonly cacheProgress: number;
  /** Why the last light cache could not be built; null when it could. */
  readonly cacheError: string | null;
  readonly waitingShares: number;
  /** Left out by a verifier of before it was measured. */
  readonly load?: VerifierLoad;
  /** Since the object started. */
  readonly recordedShares: number;
  readonly billedCommands: number;
  /** Records that an outage longer than the ledger's evidence has left to the operator; the log has each of them. */
  readonly unresolvedShares: number;
  /** Shares that were accepted while there was no light cache, and whose mix digest was wrong: not credited. Since the object started. */
  readonly refutedShares: number;
  /** Those of them that were refuted within the last hour, and whose they were, at most {@link NAMED}. */
  readonly recentlyRefuted: { readonly shares: number; readonly logins: readonly string[] };
  /** What the isolates with the connections had no room for within the last hour. Left out by a verifier of before it was told. */
  readonly recentlyNoRoom?: NoRoom;
  /** Shares that were accepted while the ledger was away and that another verifier had brought before: credited once. Since the object started. */
  readonly lateDuplicates: number;
  /** Late shares, and late blocks that no node took, that waited for the ledger or the nodes and were of a closed round: not credited. Since the object started. */
  readonly lateStale?: number;
  /** Logins whose records wait apart, the oldest first, at most {@link NAMED}; and of all of them, how many records. */
  readonly refusedLogins: readonly RefusedLoginHealth[];
  readonly setAsideShares: number;
  /** Durable rows of other versions, which this one cannot read; and what the most frequent are. */
  readonly unreadableRows: number;
  readonly unreadableReasons: readonly string[];
  readonly ledger: "ok" | "sick";
  readonly lastError: string | null;
}

/** Most logins that are named; whoever mends those sees the others. */
export const NAMED = 5;

/** So many of its shares wait too long, in percent, before more shards are advised. */
const SLOW_PERCENT = 1;

/** What would do a shard good that works. @param shards how many are configured */
export function loadNotices({ load }: ShardHealth, name: string, shards: number): string[] {
  if (load === undefined || load.slowPercent < SLOW_PERCENT) return [];
  return [
    `${name} has verified ${load.sharesPerSecond} shares a second over the last five minutes, and ${load.slowPercent} % of them waited longer than ${SLOW_MS} ms. If that stays: verifier.shards = ${shards * 2} (now ${shards}) lets the logins wait for twice as many, and each new one costs what this one does`,
  ];
}

/** What is wrong with a shard, and what to do, for somebody who was woken by it. @param name what the operator knows it by */
export function shardProblems(shard: ShardHealth, name: string, nowMs: number): string[] {
  const problems: string[] = [];
  if (shard.ledger === "sick")
    problems.push(
      `${name} cannot write the ledger: ${shard.lastError ?? "sick"}. What miners are told is kept in its outbox (${shard.outboxDepth} of ${shard.outboxBound}) and written by itself when Redis answers`,
    );
  if (shard.outboxDepth >= shard.outboxBound) {
    problems.push(
      `the outbox of ${name} is full (${shard.outboxDepth} of ${shard.outboxBound}): miners get "Work not ready" until the ledger can be written`,
    );
  }
  if (shard.cacheError !== null)
    problems.push(
      `${name} cannot build the light cache that verifies shares, and answers "Work not ready" to them: ${shard.cacheError}. It tries again by itself as long as shares come`,
    );
  return [...problems, ...refusedProblems(shard, name, nowMs), ...operatorProblems(shard, name)];
}

function refusedProblems({ refusedLogins, setAsideShares }: ShardHealth, name: string, nowMs: number): string[] {
  if (refusedLogins.length === 0) return [];
  const logins = refusedLogins.map(
    ({ login, reason, sinceMs }) => `${login} (for ${roughly(nowMs - sinceMs)}): ${reason}`,
  );
  return [
    `${name} has set aside ${setAsideShares} records of logins that Redis refuses to write for. They are safe, no other miner waits, and they are tried again at least every ten minutes. Mend or rename the key that is named: ${logins.join("; ")}`,
  ];
}

function operatorProblems(shard: ShardHealth, name: string): string[] {
  const problems: string[] = [];
  if (shard.unresolvedShares > 0)
    problems.push(
      `${name} holds ${shard.unresolvedShares} records that may be missing from the ledger: miners were told true, and an outage was too long to tell whether they were written. They wait for you: npm run ledger -- unresolved list <pool>, then credit or drop`,
    );
  if (shard.unreadableRows > 0)
    problems.push(
      `${name} keeps ${shard.unreadableRows} rows that this version of the pool cannot read (${shard.unreadableReasons.join("; ")}). They are shares or blocks that miners were told true for. Nothing is lost: deploy the version that wrote them or a later one, and they are taken up`,
    );
  return problems;
}

/**
 * For the morning: shares that were told true on a claim that proved wrong, over all shards. Anybody can send such while a light cache is being
 * built; that many miners have nothing else is found where invalid shares are counted (`share-evidence.ts`). Null where there are none.
 */
export function refutedNotice(shards: readonly ShardHealth[]): string | null {
  const shares = shards.reduce((sum, shard) => sum + shard.recentlyRefuted.shares, 0);
  if (shares === 0) return null;
  const logins = [...new Set(shards.flatMap((shard) => shard.recentlyRefuted.logins))];
  const whose = `${logins.slice(0, NAMED).join(", ")}${logins.length > NAMED ? " and others" : ""}`;
  return `within the last hour ${shares} ${shares === 1 ? "share" : "shares"} of ${whose} proved wrong that had been answered true while there was no light cache: they are not credited. The log names each ("claimed mix digest refuted"). A rig is broken, or somebody cheats: put a login that goes on so on the blacklist`;
}

/**
 * For the morning: isolates refused what did not fit any more (`core/session/isolate-room.ts`). Miners may send it again, so that nothing that
 * was acknowledged is lost. Null where everything had room.
 */
export function noRoomNotice(all: readonly ShardHealth[], configured: number): string | null {
  const shares = all.reduce((sum, shard) => sum + (shard.recentlyNoRoom?.shares ?? 0), 0);
  const connections = all.reduce((sum, shard) => sum + (shard.recentlyNoRoom?.connections ?? 0), 0);
  if (shares + connections === 0) return null;
  return `within the last hour ${shares} shares were answered "Work not ready" at once and ${connections} connections closed, because as much waited for verdicts in one isolate as it has room for. If one client sends most of it (the log names clients that are refused), ban it; else shares come faster than they are verified: verifier.shards = ${configured * 2} (now ${configured}), or a higher difficulty`;
}

/** In whole minutes, or hours: nobody needs it finer. */
function roughly(ms: number): string {
  const unitMs = ms < 7_200_000 ? 60_000 : 3_600_000;
  return durationText(Math.max(1, Math.round(ms / unitMs)) * unitMs);
}
