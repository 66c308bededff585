import { pairs, read, write, type Call, type CommandTable, type Reply } from "../command.ts";
import { NOT_A_FLOAT, refuse, SCORE_NAN, SYNTAX } from "../errors.ts";
import type { KeyRow, Keyspace } from "../keyspace.ts";
import { countArgument, doubleArgument, formatScore } from "../numbers.ts";
import { choose, chooseArguments } from "../random-choice.ts";
import type { SqlValue } from "../sql-port.ts";

/** The score of a member, or undefined. */
export function scoreOf(space: Keyspace, row: KeyRow | null, member: string): number | undefined {
  const value = row ? space.entry(row.id, member) : undefined;
  return value === undefined ? undefined : Number(value);
}

/** Redis' small sorted sets keep a negative zero as 0; here all do. */
export function putScore(space: Keyspace, row: KeyRow, member: string, score: number): void {
  space.put(row.id, member, score + 0);
}

/** Members and scores as replies have them. */
export function withScores(rows: readonly SqlValue[][], scores: boolean): string[] {
  return rows.flatMap(([name, value]) => (scores ? [String(name), formatScore(Number(value))] : [String(name)]));
}

const ZADD_FLAGS = new Set(["NX", "XX", "GT", "LT", "CH", "INCR"]);

interface ZaddRequest {
  readonly key: string;
  readonly flags: ReadonlySet<string>;
  readonly entries: readonly [score: number, member: string][];
}

function zaddRequest(args: readonly string[]): ZaddRequest {
  const [key = "", ...rest] = args;
  let at = 0;
  while (ZADD_FLAGS.has((rest[at] ?? "").toUpperCase())) at++;
  const flags = new Set(rest.slice(0, at).map((flag) => flag.toUpperCase()));
  const values = rest.slice(at);
  if (values.length === 0 || values.length % 2 !== 0) throw refuse(SYNTAX);
  if (flags.has("NX") && flags.has("XX")) throw refuse("ERR XX and NX options at the same time are not compatible");
  if ((flags.has("GT") && (flags.has("NX") || flags.has("LT"))) || (flags.has("LT") && flags.has("NX")))
    throw refuse("ERR GT, LT, and/or NX options at the same time are not compatible");
  if (flags.has("INCR") && values.length > 2) throw refuse("ERR INCR option supports a single increment-element pair");
  const entries = pairs(values).map(([score, member]): [number, string] => [
    doubleArgument(score, NOT_A_FLOAT),
    member,
  ]);
  return { key, flags, entries };
}

/** What becomes of one member: its new score, or null when the flags leave it alone. */
function decide(flags: ReadonlySet<string>, before: number | undefined, wanted: number): number | null {
  if (before === undefined) return flags.has("XX") ? null : wanted;
  if (flags.has("NX")) return null;
  const score = flags.has("INCR") ? before + wanted : wanted;
  if (Number.isNaN(score)) throw refuse(SCORE_NAN);
  if ((flags.has("GT") && score <= before) || (flags.has("LT") && score >= before)) return null;
  return score;
}

function zadd({ space, args }: Call): Reply {
  const { key, flags, entries } = zaddRequest(args);
  const existing = space.typed(key, "zset");
  if (!existing && flags.has("XX")) return flags.has("INCR") ? null : 0;
  const row = existing ?? space.open(key, "zset");
  let added = 0;
  let changed = 0;
  let last: number | null = null;
  for (const [wanted, member] of entries) {
    const before = scoreOf(space, row, member);
    last = decide(flags, before, wanted);
    if (last === null) continue;
    if (before === undefined) added++;
    else if (before !== last) changed++;
    if (before !== last) putScore(space, row, member, last);
  }
  if (flags.has("INCR")) return last === null ? null : formatScore(last);
  return flags.has("CH") ? added + changed : added;
}

function zincrby({ space, args: [key = "", by = "", member = ""] }: Call): Reply {
  const amount = doubleArgument(by);
  const row = space.open(key, "zset");
  const score = (scoreOf(space, row, member) ?? 0) + amount;
  if (Number.isNaN(score)) throw refuse(SCORE_NAN);
  putScore(space, row, member, score);
  return formatScore(score);
}

function zrem({ space, args: [key = "", ...members] }: Call): Reply {
  const row = space.typed(key, "zset");
  if (!row) return 0;
  const removed = members.filter((member) => space.remove(row.id, member)).length;
  if (removed > 0) space.dropIfEmpty(row);
  return removed;
}

function zscore({ space, args: [key = "", member = ""] }: Call): Reply {
  const score = scoreOf(space, space.typed(key, "zset"), member);
  return score === undefined ? null : formatScore(score);
}

function zmscore({ space, args: [key = "", ...members] }: Call): Reply {
  const row = space.typed(key, "zset");
  return members.map((member) => {
    const score = scoreOf(space, row, member);
    return score === undefined ? null : formatScore(score);
  });
}

function rank(comparison: "<" | ">") {
  return ({ space, args: [key = "", member = ""] }: Call): Reply => {
    const row = space.typed(key, "zset");
    const score = scoreOf(space, row, member);
    if (!row || score === undefined) return null;
    const [counted] = space.sql.query(
      `SELECT COUNT(*) FROM entries WHERE id = ? AND (value, name) ${comparison} (?, ?)`,
      row.id,
      score,
      member,
    );
    return Number(counted?.[0] ?? 0);
  };
}

function zpop(order: "ASC" | "DESC") {
  return ({ space, args: [key = "", count, ...rest] }: Call): Reply => {
    if (rest.length > 0) throw refuse(SYNTAX);
    const wanted = count === undefined ? 1 : countArgument(count, "ERR value is out of range, must be positive");
    if (wanted < 0) throw refuse("ERR value is out of range, must be positive");
    const row = space.typed(key, "zset");
    if (!row) return [];
    const popped = space.sql.query(
      `SELECT name, value FROM entries WHERE id = ? ORDER BY value ${order}, name ${order} LIMIT ?`,
      row.id,
      wanted,
    );
    for (const [name] of popped) space.remove(row.id, String(name));
    if (popped.length > 0) space.dropIfEmpty(row);
    return withScores(popped, true);
  };
}

function zrandmember(call: Call): Reply {
  const { count, withValues } = chooseArguments(call, "WITHSCORES");
  const row = call.space.typed(call.args[0] ?? "", "zset");
  const rows = row ? call.space.entries(row.id) : [];
  if (count === null) return withScores(choose(rows, 1, call.random), false)[0] ?? null;
  return withScores(choose(rows, count, call.random), withValues);
}

export const ZSET_COMMANDS: CommandTable = {
  zadd: write(-4, zadd),
  zincrby: write(4, zincrby),
  zrem: write(-3, zrem),
  zscore: read(3, zscore),
  zmscore: read(-3, zmscore),
  zcard: read(2, ({ space, args: [key = ""] }) => {
    const row = space.typed(key, "zset");
    return row ? space.count(row.id) : 0;
  }),
  zrank: read(3, rank("<")),
  zrevrank: read(3, rank(">")),
  zpopmin: write(-2, zpop("ASC")),
  zpopmax: write(-2, zpop("DESC")),
  zrandmember: read(-2, zrandmember),
};
