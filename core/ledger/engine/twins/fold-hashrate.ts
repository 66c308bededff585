import type { Reply } from "../command.ts";
import { entriesByScore, removeByScore } from "../commands/zsets.ts";
import type { Keyspace } from "../keyspace.ts";

/** What one command adds and removes at most. */
const ADDED = 1000;
const REMOVED = 2000;

interface Sum {
  readonly worker: string;
  /** Of the first entry. */
  readonly ts: number;
  readonly ms: string;
  readonly members: string[];
  difficulty: bigint;
}

type Entry = readonly [member: string, score: number];

/**
 * The entries that are summed up, and before which ts. Of the last second there may be more: it is left out unless it is all there is.
 * @param before how many there are of before the mark
 */
function chosen(entries: readonly Entry[], stop: number, before: number, limit: number) {
  if (entries.length < limit) return { entries, stop };
  const last = entries.at(-1)?.[1] ?? stop;
  const whole = entries.filter(([, ts], at) => at < before || ts !== last);
  return whole.length === before ? { entries, stop: last + 1 } : { entries: whole, stop: last };
}

/** The sums of more than one entry. */
function sumsOf(entries: readonly Entry[], stretch: number): Sum[] {
  const sums = new Map<string, Sum>();
  for (const [member, ts] of entries) {
    const [, difficulty, worker, ms] = /^([1-9]\d*):(.+):(\d+)$/.exec(member) ?? [];
    if (difficulty === undefined || worker === undefined || ms === undefined) continue;
    const name = `${worker}:${Math.floor(ts / stretch)}`;
    const sum = sums.get(name) ?? { worker, ts, ms, members: [], difficulty: 0n };
    sums.set(name, sum);
    sum.difficulty += BigInt(difficulty);
    sum.members.push(member);
  }
  return [...sums.values()].filter(({ members }) => members.length > 1);
}

/** Native twin of the script `fold-hashrate`: the same keys, arguments, replies and writes. */
export function foldHashrate(space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply {
  const [own = "", folds = ""] = keys;
  const [login = "", until = "", stretch, most, stretches, back = "", least, gone = ""] = argv;
  if (gone !== "") removeByScore(space, own, "-inf", `(${gone}`);
  // EVALSHA, what is purged, ZCARD, and HGET.
  const looked = (gone === "" ? 1 : 2) + (Number(least) > 0 ? 1 : 0);
  const asked = looked + 1;
  if (Number(least) > 0) {
    const set = space.typed(own, "zset");
    if (!set || space.count(set.id) < Number(least)) return [looked, 0, 0];
  }
  const marks = space.typed(folds, "hash");
  const mark = marks ? space.entry(marks.id, login) : undefined;
  if (mark === undefined) {
    space.put(space.open(folds, "hash").id, login, until);
    return [asked + 1, 0, 0];
  }
  const from = Math.min(Number(mark), back === "" ? Infinity : Number(back));
  const end = Math.min(Number(until), from + Number(stretches) * Number(stretch));
  if (end <= from) return [asked, 0, 0];
  const start = Math.floor(from / Number(stretch)) * Number(stretch);
  // Scores are whole seconds.
  const before = entriesByScore(space, own, start, from - 1).length;
  const limit = before + Number(most);
  const { entries, stop } = chosen(entriesByScore(space, own, start, end - 1, limit), end, before, limit);
  const sums = sumsOf(entries, Number(stretch));
  const removed = sums.flatMap(({ members }) => members);
  space.sql.transaction(() => {
    space.put(space.open(folds, "hash").id, login, String(stop));
    const { id } = sums.length > 0 ? space.open(own, "zset") : { id: 0 };
    for (const { difficulty, worker, ms, ts } of sums) space.put(id, `${difficulty}:${worker}:${ms}`, ts);
    space.removeAll(space.typed(own, "zset"), removed);
  });
  // ZCOUNT, ZRANGEBYSCORE, HSET, and what adds and removes.
  const billed = asked + 3 + Math.ceil(sums.length / ADDED) + Math.ceil(removed.length / REMOVED);
  return [billed, entries.length, entries.length - removed.length + sums.length];
}
