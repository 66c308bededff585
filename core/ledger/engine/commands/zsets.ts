import { pairs, type Call, type Reply } from "../command.ts";
import { MIN_MAX_NOT_FLOAT, NOT_A_FLOAT, refuse, SCORE_NAN, SYNTAX } from "../errors.ts";
import type { KeyRow, Keyspace } from "../keyspace.ts";
import type { Order, ScoreRange } from "../score-index.ts";
import { countArgument, doubleArgument, formatScore, isDecimal, parseDouble } from "../values.ts";

/** The score of a member, or undefined. */
function scoreOf(space: Keyspace, row: KeyRow | null, member: string): number | undefined {
  const value = row ? space.entry(row.id, member) : undefined;
  return value === undefined ? undefined : Number(value);
}

/** Redis' small sorted sets keep a negative zero as 0; here all do. */
function putScore(space: Keyspace, row: KeyRow, member: string, score: number): void {
  space.put(row.id, member, score + 0);
}

/** ZADD with NX as its only option. */
export function zadd({ space, args: [key = "", ...rest] }: Call): Reply {
  const onlyNew = rest[0]?.toUpperCase() === "NX";
  const values = onlyNew ? rest.slice(1) : rest;
  if (values.length === 0 || values.length % 2 !== 0) throw refuse(SYNTAX);
  const entries = pairs(values).map(([score, member]) => ({ score: doubleArgument(score, NOT_A_FLOAT), member }));
  const row = space.open(key, "zset");
  let added = 0;
  for (const { score, member } of entries) {
    const before = scoreOf(space, row, member);
    if (before === undefined) added++;
    if (before === undefined || (!onlyNew && before !== score)) putScore(space, row, member, score);
  }
  return added;
}

export function zincrby({ space, args: [key = "", by = "", member = ""] }: Call): Reply {
  const amount = doubleArgument(by);
  const row = space.open(key, "zset");
  const score = (scoreOf(space, row, member) ?? 0) + amount;
  if (Number.isNaN(score)) throw refuse(SCORE_NAN);
  putScore(space, row, member, score);
  return formatScore(score);
}

export function zrem({ space, args: [key = "", ...members] }: Call): Reply {
  return space.removeAll(space.typed(key, "zset"), members);
}

function printedScore(space: Keyspace, row: KeyRow | null, member: string): string | null {
  const score = scoreOf(space, row, member);
  return score === undefined ? null : formatScore(score);
}

export function zscore({ space, args: [key = "", member = ""] }: Call): Reply {
  return printedScore(space, space.typed(key, "zset"), member);
}

export function zmscore({ space, args: [key = "", ...members] }: Call): Reply {
  const row = space.typed(key, "zset");
  return members.map((member) => printedScore(space, row, member));
}

/** Members, and scores where they were asked for, as replies have them. */
function listed(members: readonly { readonly name: string; readonly score: number }[], scores: boolean): string[] {
  return members.flatMap(({ name, score }) => (scores ? [name, formatScore(score)] : [name]));
}

/** `min max` of the BYSCORE commands: numbers, `-inf`, `+inf`, `(` for exclusive. */
function scoreRange(min: string, max: string): ScoreRange {
  const low = scoreBound(min);
  const high = scoreBound(max);
  return { low: low.value, high: high.value, lowExclusive: low.exclusive, highExclusive: high.exclusive };
}

/** The same as a part of a WHERE clause, for sets that are too large to be in memory by score. */
function whereIn({ low, high, lowExclusive, highExclusive }: ScoreRange): { sql: string; bounds: [number, number] } {
  return { sql: `value ${lowExclusive ? ">" : ">="} ? AND value ${highExclusive ? "<" : "<="} ?`, bounds: [low, high] };
}

const ALL: ScoreRange = { low: -Infinity, high: Infinity, lowExclusive: false, highExclusive: false };

function scoreBound(text: string): { value: number; exclusive: boolean } {
  const exclusive = text.startsWith("(");
  const value = boundValue(exclusive ? text.slice(1) : text);
  if (value === null) throw refuse(MIN_MAX_NOT_FLOAT);
  return { value, exclusive };
}

/** Here Redis takes what C's strtod makes of it: nothing at all is 0, space may lead, what overflows is infinite. */
function boundValue(text: string): number | null {
  if (text === "") return 0;
  const digits = text.replace(/^[ \t-\r]+/, "");
  const value = parseDouble(digits);
  if (value !== null) return value;
  return isDecimal(digits) ? Number(digits) : null;
}

/** Options behind the bounds of a range. */
interface RangeOptions {
  scores: boolean;
  offset: number;
  /** Negative: all. */
  limit: number;
}

function rangeOptions(args: readonly string[], limits: boolean): RangeOptions {
  const options: RangeOptions = { scores: false, offset: 0, limit: -1 };
  for (let i = 0; i < args.length; i++) {
    const option = (args[i] ?? "").toUpperCase();
    if (option === "WITHSCORES") options.scores = true;
    else if (option === "LIMIT" && limits && i + 2 < args.length) {
      options.offset = countArgument(args[i + 1] ?? "");
      options.limit = countArgument(args[i + 2] ?? "");
      i += 2;
    } else throw refuse(SYNTAX);
  }
  return options;
}

/** Members of a set in order of score. @param limit negative: all */
function membersOf(
  space: Keyspace,
  id: number,
  range: ScoreRange,
  order: Order,
  limit = -1,
  offset = 0,
): readonly { readonly name: string; readonly score: number }[] {
  const index = space.byScore(id);
  if (index !== null) return index.list(range, order, offset, limit);
  const { sql, bounds } = whereIn(range);
  const query = `SELECT name, value FROM entries WHERE id = ? AND ${sql} ORDER BY value ${order}, name ${order} LIMIT ? OFFSET ?`;
  return space.sql
    .exec(query, id, ...bounds, Math.max(-1, limit), offset)
    .map(({ name, value }) => ({ name: String(name), score: Number(value) }));
}

/** ZRANGE and ZREVRANGE: both ends are included, negative ones count from the end of the order. */
export function rangeByRank(order: Order) {
  return ({ space, args: [key = "", first = "", last = "", ...rest] }: Call): Reply => {
    const { scores } = rangeOptions(rest, false);
    const [start, stop] = [countArgument(first), countArgument(last)];
    const row = space.typed(key, "zset");
    if (!row) return [];
    // Ends that do not count from the end need no count.
    const count = () => space.byScore(row.id)?.size ?? space.count(row.id);
    const size = start < 0 || stop < 0 ? count() : Number.MAX_SAFE_INTEGER;
    const from = Math.max(0, start < 0 ? size + start : start);
    const to = Math.min(size - 1, stop < 0 ? size + stop : stop);
    return from > to ? [] : listed(membersOf(space, row.id, ALL, order, to - from + 1, from), scores);
  };
}

/** ZRANGEBYSCORE and ZREVRANGEBYSCORE, which names the high end first. Bounds are checked before the key is looked at, as Redis does. */
export function rangeByScore(order: Order) {
  return ({ space, args: [key = "", first = "", second = "", ...rest] }: Call): Reply => {
    const { scores, offset, limit } = rangeOptions(rest, true);
    const range = order === "ASC" ? scoreRange(first, second) : scoreRange(second, first);
    const row = space.typed(key, "zset");
    if (!row || offset < 0) return [];
    return listed(membersOf(space, row.id, range, order, limit, offset), scores);
  };
}

/** Members with their scores, where those are in the range, both ends included, in order; for the twins. */
export function entriesByScore(
  space: Keyspace,
  key: string,
  from: number,
  to: number,
  limit = -1,
): (readonly [member: string, score: number])[] {
  const row = space.typed(key, "zset");
  if (!row) return [];
  const range = { ...ALL, low: from, high: to };
  return membersOf(space, row.id, range, "ASC", limit).map(({ name, score }) => [name, score]);
}

/** The score of the last member in order, for the twins; null where there is none. */
export function highestScore(space: Keyspace, key: string): number | null {
  const row = space.typed(key, "zset");
  return (row && membersOf(space, row.id, ALL, "DESC", 1)[0]?.score) ?? null;
}

export function zcount({ space, args: [key = "", min = "", max = ""] }: Call): Reply {
  const range = scoreRange(min, max);
  const row = space.typed(key, "zset");
  if (!row) return 0;
  const index = space.byScore(row.id);
  if (index !== null) return index.count(range);
  const { sql, bounds } = whereIn(range);
  const [counted] = space.sql.exec(`SELECT COUNT(*) AS n FROM entries WHERE id = ? AND ${sql}`, row.id, ...bounds);
  return Number(counted?.["n"]);
}

const namesOf = (members: readonly { readonly name: string }[]) => members.map(({ name }) => name);

/** ZREMRANGEBYSCORE, for the twins as well. */
export function removeByScore(space: Keyspace, key: string, min: string, max: string): number {
  const range = scoreRange(min, max);
  const row = space.typed(key, "zset");
  if (!row) return 0;
  // To be swept once, a set need not be read into memory: it is read once either way.
  const index = space.knownByScore(row.id);
  if (index !== undefined) return space.removeAll(row, namesOf(index.list(range, "ASC", 0, -1)));
  const { sql, bounds } = whereIn(range);
  const removed = space.sql.exec(`DELETE FROM entries WHERE id = ? AND ${sql} RETURNING 1`, row.id, ...bounds);
  if (removed.length > 0) space.dropIfEmpty(row);
  return removed.length;
}

export function zremrangebyscore({ space, args: [key = "", min = "", max = ""] }: Call): Reply {
  return removeByScore(space, key, min, max);
}
